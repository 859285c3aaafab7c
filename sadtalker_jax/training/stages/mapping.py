"""MappingNet, phase 2: coefficients take the place of pictures (5.11).

Batches are `CoefficientWindows` of `input_pipeline`. Detector, estimator and
generator of phase 1 are frozen.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d import coeffs
from sadtalker_jax.losses import perceptual
from sadtalker_jax.models.facevid2vid import render
from sadtalker_jax.models.sadtalker import mapping
from sadtalker_jax.ops import keypoints
from sadtalker_jax.training import networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training.stages import renderer
from sadtalker_jax.typing import PRNGKey

_RENDER = ('keypoint_detector', 'head_pose_estimator', 'generator')


def needs(config: Mapping[str, Any]) -> tuple[str, ...]:
  """The networks of phase 1, and VGG-19 if its opinion counts."""
  return (*_RENDER, *(('vgg19',) if config['loss']['perceptual'] else ()))


def recipe(
  config: Mapping[str, Any],
  frozen: Mapping[str, networks.Frozen],
  statistics: Mapping[str, Any],
) -> stage_lib.Recipe:
  """The recipe of the stage.

  Args:
    config: `dtype`; `model`: fields by network; `size` of the pictures;
      `coefficients`: 70 or 73; `zero_t_xz`; `noise`: of the coefficients, in
      standard deviations; `loss`: weights `keypoints`, `angles`,
      `translation`, `expression`, `perceptual`, `pixels`, `gan`,
      `feature_matching`; `warm_steps`: how long the three direct terms count;
      `gan_from_steps`; `gan_kind`.
    frozen: what `needs` says.
    statistics: `std` [70] of the coefficients of the training set.
  """
  loss = config['loss']
  name = render.MAPPINGS[config['coefficients']]
  against = renderer.gan_losses(config['gan_kind'])
  spread = np.zeros(config['coefficients'], np.float32)
  spread[:70] = np.asarray(statistics['std'], np.float32)  # none of the crop
  dtype = jnp.dtype(config['dtype'])

  def guessed(
    nets: networks.Bound, canonical: jax.Array, window: jax.Array
  ) -> tuple[jax.Array, mapping.KeypointMotion]:
    """Keypoints of windows of coefficients, and their motion."""
    motion = mapping.KeypointMotion(
      *(x.astype(jnp.float32) for x in nets(name, window))
    )
    return (
      keypoints.transform(canonical, *motion, zero_t_xz=config['zero_t_xz']),
      motion,
    )

  def objective(
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    source, driving = (
      batch[k].astype(jnp.float32) / 255 for k in ('source', 'driving')
    )
    canonical = nets('keypoint_detector', source)
    keys = jax.random.split(key)
    warm = (step < config['warm_steps']).astype(jnp.float32)
    found, terms = {}, {}
    for which, picture, own in zip(
      ('source', 'driving'), (source, driving), keys, strict=True
    ):
      window = batch[f'{which}_window']
      noise = config['noise'] * spread * jax.random.normal(own, window.shape)
      guess, motion = guessed(nets, canonical, window + noise)
      target, true = renderer.moved(
        nets, canonical, picture, zero_t_xz=config['zero_t_xz']
      )
      found[which] = guess
      terms[f'keypoints/{which}'] = jnp.abs(guess - target).mean()
      gap = jnp.abs(renderer.degrees(motion) - renderer.degrees(true))
      terms[f'angles/{which}'] = gap.mean()
      for part in ('translation', 'expression'):
        ours, theirs = getattr(motion, part), getattr(true, part)
        terms[f'{part}/{which}'] = jnp.abs(ours - theirs).mean()
    weights = {}
    for term in terms:
      kind = term.split('/')[0]
      weights[term] = loss[kind] * (1.0 if kind == 'keypoints' else warm)
    picture = jnp.zeros_like(driving)
    if loss['perceptual'] or loss['pixels'] or loss['gan']:
      picture = nets(
        'generator', source, found['source'], found['driving']
      ).prediction
    if loss['pixels']:
      terms['pixels'] = jnp.abs(picture - driving).mean()
      weights['pixels'] = loss['pixels']
    if loss['perceptual']:
      terms['perceptual'] = perceptual.pyramid_distance(
        lambda x: nets('vgg19', x), picture, driving
      )
      weights['perceptual'] = loss['perceptual']
    started = (step >= config['gan_from_steps']).astype(jnp.float32)
    both = {**weights, **{n: loss[n] for n in ('gan', 'feature_matching')}}
    return renderer.with_discriminator(
      nets, picture, driving, terms, both, against, started
    )

  def draw(
    nets: networks.Bound, source: jax.Array, windows: tuple[jax.Array, ...]
  ) -> tuple[jax.Array, renderer.DrawnPicture]:
    """Canonical keypoints, and what windows of coefficients make of them."""
    canonical = nets('keypoint_detector', source)
    placed = [guessed(nets, canonical, window)[0] for window in windows]
    output = nets('generator', source, *placed)
    return canonical, renderer.DrawnPicture(output, *placed)

  def drawn(
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> tuple[jax.Array, jax.Array, jax.Array, renderer.DrawnPicture]:
    """Source, driving, canonical keypoints, result."""
    source, driving = (
      batch[k].astype(jnp.float32) / 255 for k in ('source', 'driving')
    )
    windows = batch['source_window'], batch['driving_window']
    return source, driving, *draw(nets, source, windows)

  def validate(
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> stage_lib.Metrics:
    """See `renderer.likeness`; and the distance from phase 1's keypoints."""
    source, driving, canonical, found = drawn(nets, batch)
    target, _ = renderer.moved(
      nets, canonical, driving, zero_t_xz=config['zero_t_xz']
    )
    return {
      **renderer.likeness(source, driving, found.output.prediction),
      'keypoints': jnp.abs(found.kp_driving - target).mean(),
    }

  def summaries(
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> dict[str, jax.Array]:
    """The first example, see `renderer.gallery`."""
    first = {k: v[:1] for k, v in batch.items()}
    source, driving, _, found = drawn(nets, first)
    return {'pictures': renderer.gallery(source, driving, found)}

  def clip(nets: networks.Bound, batch: stage_lib.Batch) -> jax.Array:
    """Film | what its first frame becomes when the coefficients drive it."""
    source = batch['frames'][:1].astype(jnp.float32) / 255
    windows = _windows(batch, config['coefficients'])  # [T, 27, C]

    def one(window: jax.Array) -> jax.Array:
      _, found = draw(nets, source, (windows[:1], window[None]))
      return found.output.prediction[0]

    return plots.films(batch['frames'], jax.lax.map(one, windows))

  model = {
    **config['model'].get(name, {}),
    'zero_t_xz': config['zero_t_xz'],
    'dtype': dtype,
  }
  trained = {name: networks.Trained('model', model)}
  if loss['gan']:
    found = renderer.trained(config, (), True)
    trained['discriminator'] = found['discriminator']
  return stage_lib.Recipe(
    name='mapping',
    trained=trained,
    objective=objective,
    validate=validate,
    summaries=summaries,
    clip=clip,
    frozen=frozen,
  )


def _windows(clip: stage_lib.Batch, size: int) -> jax.Array:
  """The 27 rows of coefficients around each frame of a clip, [T, 27, C]."""
  found = coeffs.split(clip['coefficients'])
  parts = [found.expression, found.angles, found.translation, clip['crop']]
  rows = jnp.concatenate(parts, axis=-1)[:, :size]  # the crop comes last
  places = np.arange(len(rows))
  return rows[conventions.window_places(places, len(rows))]
