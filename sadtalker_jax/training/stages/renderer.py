"""The face-vid2vid renderer, phase 1: pictures from pictures (reference 5.10).

Batches are `FramePairs` of `input_pipeline`. All of the head's motion comes
from the driving picture itself; MappingNet takes that place in phase 2.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sadtalker_jax import errors
from sadtalker_jax.losses import gan, perceptual
from sadtalker_jax.losses import keypoints as keypoint_losses
from sadtalker_jax.metrics import image
from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import hopenet
from sadtalker_jax.models.sadtalker import mapping
from sadtalker_jax.ops import keypoints, rotation
from sadtalker_jax.training import networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PRNGKey

_HOPENET_SIZE = 224
_TRAINED = ('keypoint_detector', 'head_pose_estimator', 'generator')


class DrawnPicture(NamedTuple):
  """A picture, and the keypoints that it was drawn by."""

  output: Any  # of the generator
  kp_source: jax.Array  # [B, K, 3]
  kp_driving: jax.Array  # [B, K, 3]


def needs(config: Mapping[str, Any]) -> tuple[str, ...]:
  """VGG-19 and Hopenet, if their opinions count."""
  loss = config['loss']
  experts = (('vgg19', 'perceptual'), ('hopenet', 'head_pose'))
  return tuple(name for name, term in experts if loss[term])


def recipe(
  config: Mapping[str, Any],
  frozen: Mapping[str, networks.Frozen],
  statistics: Mapping[str, Any],
) -> stage_lib.Recipe:
  """The recipe of the stage.

  Args:
    config: `dtype`; `model`: fields by network; `size` of the pictures;
      `loss`: weights `perceptual`, `pixels`, `gan`, `feature_matching`,
      `equivariance`, `prior`, `head_pose`, `expression`; `gan_kind`: 'hinge'
      or 'least_squares'.
    frozen: what `needs` says.
    statistics: not used.

  Raises:
    InputError: the kind of GAN is unknown.
  """
  del statistics
  loss = config['loss']
  against = gan_losses(config['gan_kind'])

  def objective(
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    del step
    source, driving = _pictures(batch)
    canonical = nets('keypoint_detector', source)
    kp_source, _ = moved(nets, canonical, source)
    kp_driving, motion = moved(nets, canonical, driving)
    output = nets('generator', source, kp_source, kp_driving)
    picture = output.prediction
    terms = {
      'prior': keypoint_losses.prior(kp_driving),
      'expression': keypoint_losses.deformation(
        motion.expression.astype(jnp.float32)
      ),
    }
    if loss['pixels']:
      terms['pixels'] = jnp.abs(picture - driving).mean()
    if loss['perceptual']:
      terms['perceptual'] = perceptual.pyramid_distance(
        lambda x: nets('vgg19', x), picture, driving
      )
    if loss['head_pose']:
      terms['head_pose'] = keypoint_losses.head_pose(
        degrees(motion), _hopenet_degrees(nets, driving)
      )
    if loss['equivariance']:
      warp = keypoint_losses.random_warp(key, len(driving))
      other, _ = moved(
        nets, canonical, keypoint_losses.warp_pictures(driving, warp)
      )
      terms['equivariance'] = keypoint_losses.equivariance(
        kp_driving, other, warp
      )
    return with_discriminator(nets, picture, driving, terms, loss, against)

  def validate(
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> stage_lib.Metrics:
    """See `likeness`."""
    source, driving = _pictures(batch)
    picture = draw(nets, source, driving).output.prediction
    return likeness(source, driving, picture)

  def summaries(
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> dict[str, jax.Array]:
    """The first example, see `gallery`."""
    source, driving = (x[:1] for x in _pictures(batch))
    return {'pictures': gallery(source, driving, draw(nets, source, driving))}

  def clip(nets: networks.Bound, batch: stage_lib.Batch) -> jax.Array:
    """Film | what its first frame becomes when the film drives it."""
    source = batch['frames'][:1].astype(jnp.float32) / 255

    def one(frame: jax.Array) -> jax.Array:
      driving = frame[None].astype(jnp.float32) / 255
      return draw(nets, source, driving).output.prediction[0]

    return plots.films(batch['frames'], jax.lax.map(one, batch['frames']))

  def draw(
    nets: networks.Bound, source: jax.Array, driving: jax.Array
  ) -> DrawnPicture:
    canonical = nets('keypoint_detector', source)
    kp_source, _ = moved(nets, canonical, source)
    kp_driving, _ = moved(nets, canonical, driving)
    output = nets('generator', source, kp_source, kp_driving)
    return DrawnPicture(output, kp_source, kp_driving)

  return stage_lib.Recipe(
    name='renderer',
    trained=trained(config, _TRAINED, bool(loss['gan'])),
    objective=objective,
    validate=validate,
    summaries=summaries,
    clip=clip,
    frozen=frozen,
  )


def trained(
  config: Mapping[str, Any], names: tuple[str, ...], adversarial: bool
) -> dict[str, networks.Trained]:
  """The networks of a stage that draws: one group, and a discriminator."""
  dtype = jnp.dtype(config['dtype'])
  size = config['size']

  def fields(name: str) -> dict[str, Any]:
    return {**config['model'].get(name, {}), 'dtype': dtype}

  picture: zoo.Shape = (1, size, size, 3)
  keypoint: zoo.Shape = (1, 'num_keypoints', 3)
  inputs = {
    'generator': [picture, keypoint, keypoint],
    'keypoint_detector': [picture],
    'head_pose_estimator': [picture],
  }
  found = {
    name: networks.Trained('model', fields(name), inputs.get(name))
    for name in names
  }
  if adversarial:
    found['discriminator'] = networks.Trained(
      'discriminator', fields('discriminator'), [picture]
    )
  return found


def gan_losses(kind: str) -> tuple[Any, Any]:
  """Losses of the generator and of the discriminator.

  Raises:
    InputError: there is no such kind.
  """
  kinds = {
    'hinge': (gan.hinge_generator, gan.hinge_discriminator),
    'least_squares': (
      gan.least_squares_generator,
      gan.least_squares_discriminator,
    ),
  }
  if kind not in kinds:
    raise errors.InputError(
      f'gan_kind: expected one of {sorted(kinds)}, found {kind!r}'
    )
  return kinds[kind]


def with_discriminator(
  nets: networks.Bound,
  picture: jax.Array,
  target: jax.Array,
  terms: dict[str, jax.Array],
  loss: Mapping[str, float],
  against: tuple[Any, Any],
  share: jax.Array | float = 1.0,
) -> stage_lib.Losses:
  """Totals of the terms, and those of a discriminator if `loss.gan`.

  Args:
    nets: with 'discriminator'.
    picture: drawn ones, [B, S, S, 3].
    target: real ones.
    terms: of the generator so far.
    loss: weights by name.
    against: losses of the generator and of the discriminator.
    share: of the GAN's terms in the generator's total.
  """
  total = sum((loss[name] * terms[name] for name in terms), jnp.zeros(()))
  if not loss['gan']:
    return stage_lib.Losses({'model': total}, terms)
  fake, real = nets('discriminator', picture), nets('discriminator', target)
  found = {
    'gan': against[0](fake.scores.astype(jnp.float32)),
    'feature_matching': gan.feature_matching(
      [m.astype(jnp.float32) for m in real.maps],
      [m.astype(jnp.float32) for m in fake.maps],
    ),
  }
  total = total + share * sum(
    (loss[name] * value for name, value in found.items()), jnp.zeros(())
  )
  own = against[1](
    real.scores.astype(jnp.float32), fake.scores.astype(jnp.float32)
  )
  return stage_lib.Losses(
    {'model': total, 'discriminator': own},
    {**terms, **found, 'discriminator': own},
  )


def moved(
  nets: networks.Bound,
  canonical: jax.Array,
  picture: jax.Array,
  *,
  zero_t_xz: bool = False,
) -> tuple[jax.Array, mapping.KeypointMotion]:
  """Keypoints [B, K, 3] of heads in pictures, and what moved them there."""
  motion = nets('head_pose_estimator', picture)
  motion = mapping.KeypointMotion(*(x.astype(jnp.float32) for x in motion))
  return keypoints.transform(canonical, *motion, zero_t_xz=zero_t_xz), motion


def degrees(motion: mapping.KeypointMotion) -> jax.Array:
  """Yaw, pitch and roll [B, 3] of a motion, degrees."""
  return jnp.stack(
    [
      rotation.binned_degrees(x)
      for x in (motion.yaw, motion.pitch, motion.roll)
    ],
    axis=-1,
  )


def gallery(
  source: jax.Array, driving: jax.Array, drawn: DrawnPicture
) -> jax.Array:
  """A batch's first example.

  Source and driving picture with their keypoints | driving | result |
  occlusion.
  """
  size = source.shape[1]
  occlusion = drawn.output.motion.occlusion[0].astype(jnp.float32)
  seen = jax.image.resize(occlusion, (size, size, 1), 'linear')
  return plots.side_by_side(
    [
      plots.dots(source[0], drawn.kp_source[0, :, :2]),
      plots.dots(driving[0], drawn.kp_driving[0, :, :2]),
      driving[0],
      drawn.output.prediction[0],
      jnp.repeat(seen, 3, -1),
    ]
  )


def likeness(
  source: jax.Array, driving: jax.Array, picture: jax.Array
) -> stage_lib.Metrics:
  """How like the driving pictures those drawn are, and the sources as they are.

  Args:
    source: [B, S, S, 3] in [0, 1].
    driving: the same shape.
    picture: the same shape, drawn.
  """
  found = {}
  for name, shown in (('', picture), ('_of_source', source)):
    found[f'l1{name}'] = jnp.abs(shown - driving).mean()
    found[f'ssim{name}'] = image.similarity(shown, driving, peak=1.0).mean()
  return found


def _pictures(batch: stage_lib.Batch) -> tuple[jax.Array, jax.Array]:
  """Source and driving pictures in [0, 1]."""
  source, driving = (
    batch[name].astype(jnp.float32) / 255 for name in ('source', 'driving')
  )
  return source, driving


def _hopenet_degrees(nets: networks.Bound, picture: jax.Array) -> jax.Array:
  """What Hopenet takes for yaw, pitch and roll, [B, 3]."""
  shape = (len(picture), _HOPENET_SIZE, _HOPENET_SIZE, 3)
  small = jax.image.resize(picture, shape, 'linear', antialias=False)
  pose = nets('hopenet', small)
  return jnp.stack(
    [hopenet.degrees(x) for x in (pose.yaw, pose.pitch, pose.roll)], axis=-1
  )
