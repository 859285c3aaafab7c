"""The reconstruction network, without labels but landmarks (method 6.6).

Batches are `ReconImages` of `input_pipeline`. Any face model will do; terms on
colours need one that has a texture.
"""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.face3d import camera, coeffs, renderer
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.losses import landmarks, reconstruction, sync
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import config_parts, face_models, networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PRNGKey

_COLOURS = ('photometric', 'identity', 'reflectance')


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReconLossConfig(config_lib.LossConfig):
  """Weights of the losses; `_COLOURS` are computed if one of them counts."""

  identity: Annotated[
    config_lib.Weight, 'Distance in ArcFace; 0: it is not needed.'
  ]
  photometric: Annotated[config_lib.Weight, 'Distance of colours on the skin.']
  landmarks: Annotated[config_lib.Weight, 'Squared distance of landmarks.']
  weights: Annotated[config_lib.Weight, "Squares of the face model's weights."]
  gamma: Annotated[config_lib.Weight, 'Variance of the light over colours.']
  reflectance: Annotated[
    config_lib.Weight, 'Variance of the albedo over the skin.'
  ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReconConfig(config_lib.TrainConfig):
  """Config of the reconstruction."""

  morphable: config_parts.FaceModelConfig = dataclasses.field()
  loss: ReconLossConfig


@dataclasses.dataclass(frozen=True, eq=False)
class ReconStage(stage_lib.Stage[ReconConfig]):
  """The network that finds coefficients in pictures is trained."""

  def __post_init__(self) -> None:
    """Checks the terms.

    Raises:
      InputError: A term on colours is on, and the face model has none.
    """
    if self.coloured and self.face.texture_mean is None:
      raise errors.InputError(
        f'loss: expected {", ".join(self.coloured)} to be 0, for the face '
        f'model {self.face.name} has no texture, found other weights'
      )

  @classmethod
  def needs(cls, config: ReconConfig) -> tuple[str, ...]:
    """The face recogniser, where its term has a weight."""
    return ('arcface',) if config.loss.identity else ()

  def trained(self) -> Mapping[str, networks.Trained]:
    """The reconstruction network."""
    config = self.config
    return {'recon': networks.trained('recon', config.model, config.dtype)}

  @functools.cached_property
  def face(self) -> morphable.MorphableModel:
    """The face model of the coefficients."""
    return face_models.load(self.config.morphable)

  def data(self) -> Mapping[str, Any]:
    """The face model, and its landmarks alone."""
    return {'face': self.face, 'points': landmarks.of_model(self.face)}

  @property
  def coloured(self) -> list[str]:
    """Names of the terms on colours that have a weight."""
    weights = self.config.loss.by_term()
    return [name for name in _COLOURS if weights[name]]

  def objective(
    self,
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    """The terms of method 6.6, and the distance of landmarks in pixels."""
    del key, step
    loss = self.config.loss
    image = batch['image'].astype(jnp.float32) / 255
    vectors = nets('recon', image)
    c = coeffs.split(vectors)
    points = landmarks.project(nets.data['points'], c)
    terms = {
      'landmarks': landmarks.weighted_error(points, batch['landmarks']),
      'weights': reconstruction.size_of_weights(c),
      'gamma': reconstruction.grey_light(c),
    }
    if self.coloured:
      drawn = _drawn(nets, vectors)
      mask = drawn.mask * batch['skin'].astype(jnp.float32) / 255
      terms['photometric'] = reconstruction.photometric(
        drawn.image, image, mask
      )
      terms['reflectance'] = reconstruction.even_albedo(
        morphable.texture(nets.data['face'], c.texture), self._skin()
      )
      if loss.identity:
        # As published: the face before black, and each by its own landmarks.
        pairs = (drawn.image, points), (image, batch['landmarks'])
        ours, theirs = (
          nets(
            'arcface', reconstruction.aligned_faces(jnp.asarray(x), _down(p))
          )
          for x, p in pairs
        )
        terms['identity'] = sync.feature_distance(ours, theirs)
    total = stage_lib.weighted(terms, loss.by_term())
    gap = jnp.linalg.norm(points - batch['landmarks'], axis=-1)
    return stage_lib.Losses(
      {'model': total}, {**terms, 'landmark_pixels': gap.mean()}
    )

  def summaries(
    self, nets: networks.Bound, batch: stage_lib.Batch
  ) -> stage_lib.Pictures:
    """The first picture, and the face that was found in it."""
    image = batch['image'][:1].astype(jnp.float32) / 255
    drawn = renderer.render(
      nets.data['face'], nets('recon', image), look='geometry'
    )
    over = jnp.where(drawn.mask[..., None] > 0, drawn.image, image)
    return {'faces': plots.side_by_side([image[0], jnp.asarray(over)[0]])}

  def _skin(self) -> np.ndarray:
    """1 where a vertex is skin, [V]."""
    if self.face.skin_mask is None:
      return np.ones(self.face.num_vertices, np.float32)
    return np.asarray(self.face.skin_mask, np.float32)


def _drawn(nets: networks.Bound, vectors: jax.Array) -> renderer.Rendering:
  """Lit faces, [B, 224, 224, 3]; of the front alone, as published."""
  face = nets.data['face']
  return renderer.render(face, vectors, triangles=face.front_triangles)


def _down(points: jax.Array) -> jax.Array:
  """Points of the aligned frame with y down."""
  return points.at[..., 1].set(camera.SIZE - points[..., 1])
