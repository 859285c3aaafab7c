"""The reconstruction network, without labels but landmarks (reference 6.6).

Batches are `ReconImages` of `input_pipeline`. Any face model will do; terms on
colours need one that has a texture.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.face3d import camera, coeffs, renderer
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.losses import landmarks, reconstruction, sync
from sadtalker_jax.training import face_models, networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PRNGKey

_COLOURS = ('photometric', 'identity', 'reflectance')


def needs(config: Mapping[str, Any]) -> tuple[str, ...]:
  """The face recogniser, if its opinion counts."""
  return ('arcface',) if config['loss']['identity'] else ()


def recipe(
  config: Mapping[str, Any],
  frozen: Mapping[str, networks.Frozen],
  statistics: Mapping[str, Any],
) -> stage_lib.Recipe:
  """The recipe of the stage.

  Args:
    config: `dtype`; `model`: fields of ReconNet; `morphable`: see
      `face_models.load`; `loss`: weights `identity`, `photometric`,
      `landmarks`, `weights`, `gamma`, `reflectance`.
    frozen: what `needs` says.
    statistics: not used.

  Raises:
    InputError: a term on colours is on, and the face model has none.
  """
  del statistics
  loss = config['loss']
  face = face_models.load(config['morphable'])
  coloured = [name for name in _COLOURS if loss[name]]
  if coloured and face.texture_mean is None:
    raise errors.InputError(
      f'loss: expected {", ".join(coloured)} to be 0, for the face model '
      f'{face.name} has no texture, found other weights'
    )
  skin = np.ones(face.num_vertices, np.float32)
  if face.skin_mask is not None:
    skin = np.asarray(face.skin_mask, np.float32)
  data = {'face': face, 'points': landmarks.of_model(face)}

  def objective(
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    del key, step
    image = batch['image'].astype(jnp.float32) / 255
    vectors = nets('recon', image)
    c = coeffs.split(vectors)
    points = landmarks.project(nets.data['points'], c)
    terms = {
      'landmarks': landmarks.weighted_error(points, batch['landmarks']),
      'weights': reconstruction.size_of_weights(c),
      'gamma': reconstruction.grey_light(c),
    }
    if coloured:
      drawn = _drawn(nets, vectors)
      mask = drawn.mask * batch['skin'].astype(jnp.float32) / 255
      terms['photometric'] = reconstruction.photometric(
        drawn.image, image, mask
      )
      terms['reflectance'] = reconstruction.even_albedo(
        morphable.texture(nets.data['face'], c.texture), skin
      )
      if loss['identity']:
        # As published: the face before black, and each by its own landmarks.
        pairs = (drawn.image, points), (image, batch['landmarks'])
        ours, theirs = (
          nets(
            'arcface', reconstruction.aligned_faces(jnp.asarray(x), _down(p))
          )
          for x, p in pairs
        )
        terms['identity'] = sync.feature_distance(ours, theirs)
    total = sum((loss[n] * terms[n] for n in terms), jnp.zeros(()))
    gap = jnp.linalg.norm(points - batch['landmarks'], axis=-1)
    return stage_lib.Losses(
      {'model': total}, {**terms, 'landmark_pixels': gap.mean()}
    )

  def summaries(
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> dict[str, jax.Array]:
    """The first picture, and the face that was found in it."""
    image = batch['image'][:1].astype(jnp.float32) / 255
    drawn = renderer.render(
      nets.data['face'], nets('recon', image), look='geometry'
    )
    over = jnp.where(drawn.mask[..., None] > 0, drawn.image, image)
    return {'faces': plots.side_by_side([image[0], jnp.asarray(over)[0]])}

  model = {**config['model'], 'dtype': jnp.dtype(config['dtype'])}
  return stage_lib.Recipe(
    name='recon',
    trained={'recon': networks.Trained('model', model)},
    objective=objective,
    summaries=summaries,
    frozen=frozen,
    data=data,
  )


def _drawn(nets: networks.Bound, vectors: jax.Array) -> renderer.Rendering:
  """Lit faces, [B, 224, 224, 3]; of the front alone, as published."""
  face = nets.data['face']
  return renderer.render(face, vectors, triangles=face.front_triangles)


def _down(points: jax.Array) -> jax.Array:
  """Points of the aligned frame with y down."""
  return points.at[..., 1].set(camera.SIZE - points[..., 1])
