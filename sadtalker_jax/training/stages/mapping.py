"""MappingNet, phase 2: coefficients take the place of pictures (method 5.11).

Batches are `CoefficientWindows` of `input_pipeline`. Detector, estimator and
generator of phase 1 are frozen.
"""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d import coeffs
from sadtalker_jax.models.facevid2vid import render
from sadtalker_jax.models.sadtalker import mapping
from sadtalker_jax.ops import keypoints
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import config_parts, networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training.stages import drawing, judging
from sadtalker_jax.typing import PRNGKey

_SIDES = ('source', 'driving')


@dataclasses.dataclass(frozen=True, kw_only=True)
class MappingLossConfig(drawing.DrawingLossConfig):
  """Weights of MappingNet's losses; the first four count for both pictures."""

  keypoints: Annotated[config_lib.Weight, 'Distance from keypoints of phase 1.']
  angles: Annotated[
    config_lib.Weight, 'Distance of the angles, degrees; until `warm_steps`.'
  ]
  translation: Annotated[
    config_lib.Weight, 'Distance of the translations; until `warm_steps`.'
  ]
  expression: Annotated[
    config_lib.Weight, 'Distance of the deformations; until `warm_steps`.'
  ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MappingConfig(drawing.DrawingConfig):
  """Config of MappingNet."""

  coefficients: Annotated[
    Literal[70, 73], 'Numbers of a frame, without or with the crop.'
  ]
  morphable: config_parts.FaceModelConfig = dataclasses.field()
  zero_t_xz: Annotated[
    bool, 'Whether t_x and t_z of keypoints are dropped, as in the release.'
  ]
  noise: Annotated[
    float, 'Noise on the coefficients, in their standard deviations.'
  ]
  warm_steps: Annotated[int, 'Steps in which the direct terms count.']
  warm_epochs: Annotated[float, 'Epochs that are added to `warm_steps`.']
  gan_from_steps: Annotated[int, 'Steps before the discriminator counts.']
  gan_from_epochs: Annotated[float, 'Epochs that are added to them.']
  trains_generator: Annotated[
    bool,
    'Whether the generator learns, too: fine-tuning where there is no '
    'head-pose estimator. Weights of `keypoints`, `angles`, `translation` and '
    '`expression` of 0 do without that one.',
  ] = False
  loss: MappingLossConfig


@dataclasses.dataclass(frozen=True, eq=False)
class MappingStage(stage_lib.Stage[MappingConfig]):
  """MappingNet is trained; `statistics` has `std` [70] of the coefficients."""

  @classmethod
  def needs(cls, config: MappingConfig) -> tuple[str, ...]:
    """Frozen networks of phase 1, and VGG-19, where terms use them."""
    users = {
      'keypoint_detector': True,
      'head_pose_estimator': _is_direct(config.loss),
      'generator': not config.trains_generator,
      'vgg19': config.loss.perceptual,
    }
    return tuple(name for name, used in users.items() if used)

  @classmethod
  def measures_with(cls, config: MappingConfig) -> tuple[str, ...]:
    """LPIPS."""
    del config
    return (drawing.MEASURE,)

  def trained(self) -> Mapping[str, networks.Trained]:
    """MappingNet; generator and discriminator where the config says so."""
    zero = self.config.zero_t_xz
    found = drawing.trained(self.config, self.network, zero_t_xz=zero)
    if self.config.trains_generator:
      found |= drawing.trained(self.config, 'generator')
    if self.config.loss.gan:
      judge = 'discriminator'
      found |= drawing.trained(self.config, judge, group=judge)
    return found

  @property
  def network(self) -> str:
    """Name of MappingNet for this number of coefficients."""
    return render.MAPPINGS[self.config.coefficients]

  @functools.cached_property
  def spread(self) -> np.ndarray:
    """Standard deviations of the coefficients, 0 of the crop."""
    spread = np.zeros(self.config.coefficients, np.float32)
    spread[: conventions.ROW_SIZE] = np.asarray(
      self.statistics['std'], np.float32
    )
    return spread

  def objective(
    self,
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    """The terms of method 5.11; `key` decides on the noise."""
    config, loss = self.config, self.config.loss
    source, driving = drawing.pictures(batch)
    canonical = nets('keypoint_detector', source)
    keys = jax.random.split(key)
    warm = (step < config.warm_steps).astype(jnp.float32)
    found: dict[str, jax.Array] = {}
    terms: dict[str, jax.Array] = {}
    for side, picture, own in zip(_SIDES, (source, driving), keys, strict=True):
      window = batch[f'{side}_window']
      noise = config.noise * self.spread * jax.random.normal(own, window.shape)
      found[side], direct = self._direct(
        nets, canonical, picture, window + noise
      )
      terms |= {f'{kind}/{side}': value for kind, value in direct.items()}
    weights: dict[str, Any] = {**loss.by_term()}
    for term in terms:
      kind = term.split('/')[0]
      weights[term] = weights[kind] * (1.0 if kind == 'keypoints' else warm)
    picture = jnp.zeros_like(driving)
    if loss.perceptual or loss.pixels or loss.gan:
      picture = nets(
        'generator', source, found['source'], found['driving']
      ).prediction
    terms |= drawing.compared(nets, picture, driving, loss)
    started = (step >= config.gan_from_steps).astype(jnp.float32)
    return judging.of_pictures(
      nets, picture, driving, terms, weights, config, started
    )

  def validate(
    self, nets: networks.Bound, batch: stage_lib.Batch, step: jax.Array
  ) -> stage_lib.Metrics:
    """See `drawing.likeness`; and the distance from phase 1's keypoints."""
    del step
    source, driving, canonical, found = self._drawn(nets, batch)
    likeness = drawing.likeness(
      source, driving, found.output.prediction, drawing.lpips(self, nets)
    )
    if not _is_direct(self.config.loss):
      return likeness
    target, _ = drawing.moved(
      nets, canonical, driving, zero_t_xz=self.config.zero_t_xz
    )
    return {
      **likeness,
      'keypoints': jnp.abs(found.kp_driving - target).mean(),
    }

  def summaries(
    self, nets: networks.Bound, batch: stage_lib.Batch
  ) -> stage_lib.Pictures:
    """The first example, see `drawing.gallery`."""
    first = {k: v[:1] for k, v in batch.items()}
    source, driving, _, found = self._drawn(nets, first)
    return {'pictures': drawing.gallery(source, driving, found)}

  def clip(self, nets: networks.Bound, batch: stage_lib.Batch) -> jax.Array:
    """Film | what its first frame becomes when the coefficients drive it."""
    source = batch['frames'][:1].astype(jnp.float32) / 255
    windows = _windows(batch, self.config.coefficients)  # [T, 27, C]

    def one(window: jax.Array) -> jax.Array:
      _, found = self._draw(nets, source, (windows[:1], window[None]))
      return found.output.prediction[0]

    return plots.films(batch['frames'], jax.lax.map(one, windows))

  def _guessed(
    self, nets: networks.Bound, canonical: jax.Array, window: jax.Array
  ) -> tuple[jax.Array, mapping.KeypointMotion]:
    """Keypoints of windows of coefficients, and their motion."""
    motion = mapping.KeypointMotion(
      *(x.astype(jnp.float32) for x in nets(self.network, window))
    )
    zero = self.config.zero_t_xz
    return keypoints.transform(canonical, *motion, zero_t_xz=zero), motion

  def _direct(
    self,
    nets: networks.Bound,
    canonical: jax.Array,
    picture: jax.Array,
    window: jax.Array,
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Keypoints of windows, and how far they are from those of phase 1.

    Without a weight of the distances there are none.
    """
    guess, motion = self._guessed(nets, canonical, window)
    if not _is_direct(self.config.loss):
      return guess, {}
    target, true = drawing.moved(
      nets, canonical, picture, zero_t_xz=self.config.zero_t_xz
    )
    terms = {'keypoints': jnp.abs(guess - target).mean()}
    gap = jnp.abs(drawing.degrees(motion) - drawing.degrees(true))
    terms['angles'] = gap.mean()
    for part in ('translation', 'expression'):
      ours, theirs = getattr(motion, part), getattr(true, part)
      terms[part] = jnp.abs(ours - theirs).mean()
    return guess, terms

  def _draw(
    self,
    nets: networks.Bound,
    source: jax.Array,
    windows: tuple[jax.Array, ...],
  ) -> tuple[jax.Array, drawing.DrawnPicture]:
    """Canonical keypoints, and what windows of coefficients make of them."""
    canonical = nets('keypoint_detector', source)
    placed = [self._guessed(nets, canonical, window)[0] for window in windows]
    output = nets('generator', source, *placed)
    return canonical, drawing.DrawnPicture(output, *placed)

  def _drawn(
    self, nets: networks.Bound, batch: stage_lib.Batch
  ) -> tuple[jax.Array, jax.Array, jax.Array, drawing.DrawnPicture]:
    """Source, driving, canonical keypoints, result."""
    source, driving = drawing.pictures(batch)
    windows = batch['source_window'], batch['driving_window']
    return source, driving, *self._draw(nets, source, windows)


def _is_direct(loss: MappingLossConfig) -> bool:
  """Whether MappingNet is compared with the head-pose estimator."""
  parts = (loss.keypoints, loss.angles, loss.translation, loss.expression)
  return any(parts)


def _windows(clip: stage_lib.Batch, size: int) -> jax.Array:
  """The 27 rows of coefficients around each frame of a clip, [T, 27, C]."""
  found = coeffs.split(clip['coefficients'])
  parts = [found.expression, found.angles, found.translation, clip['crop']]
  rows = jnp.concatenate(parts, axis=-1)[:, :size]  # the crop comes last
  places = np.arange(len(rows))
  return rows[conventions.window_places(places, len(rows))]
