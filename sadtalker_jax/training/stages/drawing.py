"""What the two stages that draw pictures share: renderer and MappingNet.

Keys of their configs, networks, comparison of pictures, keypoints of heads in
them, and what is measured and shown; discriminators are in `judging`. Pictures
are [B, S, S, 3] in [0, 1], keypoints [B, K, 3].
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from sadtalker_jax import errors
from sadtalker_jax.losses import perceptual
from sadtalker_jax.metrics import image
from sadtalker_jax.models import zoo
from sadtalker_jax.models.sadtalker import mapping
from sadtalker_jax.ops import keypoints, rotation
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import (
  config_parts,
  config_reading,
  networks,
  plots,
)
from sadtalker_jax.training import stage as stage_lib

MEASURE = 'lpips'  # network that validation uses where there is one


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrawingLossConfig(config_lib.GanLossConfig):
  """Weights of the terms that compare a drawn picture with a real one."""

  perceptual: Annotated[
    config_lib.Weight, 'Distance in the features of VGG-19; 0: not needed.'
  ]
  pixels: Annotated[config_lib.Weight, 'Mean distance of the colours.']
  feature_matching: Annotated[
    config_lib.Weight, 'Distance in the maps of the discriminator.'
  ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrawingConfig(config_lib.TrainConfig):
  """Config of a stage that draws pictures."""

  size: Annotated[int, 'Side of the pictures, pixels.'] = dataclasses.field()
  model: Annotated[
    Mapping[str, config_parts.Options],
    'Fields of networks that differ from the released ones, by network.',
  ]
  gan_kind: Annotated[
    Literal['hinge', 'least_squares'], 'Losses of the discriminator.'
  ]
  loss: DrawingLossConfig

  def __post_init__(self) -> None:
    """Checks that an adaptive weight has something to go by.

    Raises:
      InputError: No term compares pictures.
    """
    loss = self.loss
    if loss.gan_adaptive and not (loss.pixels or loss.perceptual):
      raise errors.InputError(
        'loss.gan_adaptive: expected a weight of pixels or perceptual, which '
        'it goes by, found neither'
      )

  def frozen_fields(self, name: str) -> config_parts.Options:
    """Fields of a network, whether it is trained or frozen."""
    return self.model.get(name, {})


class DrawnPicture(NamedTuple):
  """A picture, and the keypoints that it was drawn by."""

  output: Any  # of the generator
  kp_source: jax.Array  # [B, K, 3]
  kp_driving: jax.Array  # [B, K, 3]


def trained(
  config: DrawingConfig, *names: str, group: str = 'model', **fields: Any
) -> dict[str, networks.Trained]:
  """Networks that draw or judge pictures, by name.

  Args:
    config: Config of the stage.
    *names: Names of the networks.
    group: Group whose optimiser moves them.
    **fields: Fields over those of `config.model`.

  Raises:
    InputError: `config.model` has an unknown network or field.
  """
  for name, given in config.model.items():
    if name not in zoo.NETWORKS:
      known = [f'model.{n}' for n in zoo.NETWORKS]
      raise config_reading.unknown(f'model.{name}', known)
    config_reading.check_fields(given, zoo.get(name).module, f'model.{name}')
  picture: zoo.Shape = (1, config.size, config.size, 3)
  keypoint: zoo.Shape = (1, 'num_keypoints', 3)
  inputs = {
    'generator': [picture, keypoint, keypoint],
    'keypoint_detector': [picture],
    'head_pose_estimator': [picture],
    'discriminator': [picture],
  }
  return {
    name: networks.trained(
      name,
      {**config.model.get(name, {}), **fields},
      config.dtype,
      group=group,
      inputs=inputs.get(name),
      key=f'model.{name}',
    )
    for name in names
  }


def compared(
  nets: networks.Bound,
  picture: jax.Array,
  target: jax.Array,
  loss: DrawingLossConfig,
) -> dict[str, jax.Array]:
  """The terms with a weight that compare drawn pictures with real ones."""
  terms = {}
  if loss.pixels:
    terms['pixels'] = jnp.abs(picture - target).mean()
  if loss.perceptual:
    terms['perceptual'] = perceptual.pyramid_distance(
      lambda x: nets('vgg19', x), picture, target
    )
  return terms


def pictures(batch: stage_lib.Batch) -> tuple[jax.Array, jax.Array]:
  """Source and driving pictures of a batch, in [0, 1]."""
  source, driving = (
    batch[name].astype(jnp.float32) / 255 for name in ('source', 'driving')
  )
  return source, driving


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


def lpips(
  stage: stage_lib.Stage[Any], nets: networks.Bound
) -> Callable[..., Any] | None:
  """LPIPS of two batches of pictures, [B]; None without its network."""
  if MEASURE not in stage.frozen:
    return None
  return lambda a, b: nets(MEASURE, a, b).total.astype(jnp.float32)


def likeness(
  source: jax.Array,
  driving: jax.Array,
  picture: jax.Array,
  distance: Callable[..., Any] | None = None,
) -> stage_lib.Metrics:
  """How like the driving pictures those drawn are, and the sources as they are.

  Args:
    source: [B, S, S, 3] in [0, 1].
    driving: [B, S, S, 3].
    picture: [B, S, S, 3], drawn.
    distance: LPIPS of two of them, where there is its network.
  """
  found = {}
  for name, shown in (('', picture), ('_of_source', source)):
    found[f'l1{name}'] = jnp.abs(shown - driving).mean()
    found[f'ssim{name}'] = image.similarity(shown, driving, peak=1.0).mean()
    if distance is not None:
      found[f'lpips{name}'] = distance(shown, driving).mean()
  return found
