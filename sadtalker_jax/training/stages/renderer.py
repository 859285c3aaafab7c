"""The face-vid2vid renderer, phase 1: pictures from pictures (method 5.10).

Batches are `FramePairs` of `input_pipeline`. All of the head's motion comes
from the driving picture itself; MappingNet takes that place in phase 2.
"""

from collections.abc import Mapping
import dataclasses
from typing import Annotated

import jax
import jax.numpy as jnp

from sadtalker_jax.losses import keypoints as keypoint_losses
from sadtalker_jax.models.experts import hopenet
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training.stages import drawing, judging
from sadtalker_jax.typing import PRNGKey

_HOPENET_SIZE = 224
_TRAINED = ('keypoint_detector', 'head_pose_estimator', 'generator')


@dataclasses.dataclass(frozen=True, kw_only=True)
class RendererLossConfig(drawing.DrawingLossConfig):
  """Weights of the renderer's losses."""

  equivariance: Annotated[
    config_lib.Weight, 'Keypoints of a warped picture against warped keypoints.'
  ]
  prior: Annotated[
    config_lib.Weight, 'Keypoints that are too near, and their mean depth.'
  ]
  head_pose: Annotated[
    config_lib.Weight, 'Angles against those of Hopenet; 0: not needed.'
  ]
  expression: Annotated[config_lib.Weight, 'Length of the deformations.']


@dataclasses.dataclass(frozen=True, kw_only=True)
class RendererConfig(drawing.DrawingConfig):
  """Config of the renderer."""

  loss: RendererLossConfig


@dataclasses.dataclass(frozen=True, eq=False)
class RendererStage(stage_lib.Stage[RendererConfig]):
  """Keypoint detector, head-pose estimator and generator are trained."""

  @classmethod
  def needs(cls, config: RendererConfig) -> tuple[str, ...]:
    """VGG-19 and Hopenet, where their terms have a weight."""
    loss = config.loss
    experts = (('vgg19', loss.perceptual), ('hopenet', loss.head_pose))
    return tuple(name for name, weight in experts if weight)

  @classmethod
  def measures_with(cls, config: RendererConfig) -> tuple[str, ...]:
    """LPIPS."""
    del config
    return (drawing.MEASURE,)

  def trained(self) -> Mapping[str, networks.Trained]:
    """The three networks, and a discriminator where it has a weight."""
    found = drawing.trained(self.config, *_TRAINED)
    if self.config.loss.gan:
      judge = 'discriminator'
      found |= drawing.trained(self.config, judge, group=judge)
    return found

  def objective(
    self,
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    """The terms of method 5.10; `key` decides on the warp."""
    del step
    loss = self.config.loss
    source, driving = drawing.pictures(batch)
    canonical = nets('keypoint_detector', source)
    kp_source, _ = drawing.moved(nets, canonical, source)
    kp_driving, motion = drawing.moved(nets, canonical, driving)
    output = nets('generator', source, kp_source, kp_driving)
    picture = output.prediction
    terms = {
      'prior': keypoint_losses.prior(kp_driving),
      'expression': keypoint_losses.deformation(
        motion.expression.astype(jnp.float32)
      ),
    }
    terms |= drawing.compared(nets, picture, driving, loss)
    if loss.head_pose:
      terms['head_pose'] = keypoint_losses.head_pose(
        drawing.degrees(motion), _hopenet_degrees(nets, driving)
      )
    if loss.equivariance:
      warp = keypoint_losses.random_warp(key, len(driving))
      other, _ = drawing.moved(
        nets, canonical, keypoint_losses.warp_pictures(driving, warp)
      )
      terms['equivariance'] = keypoint_losses.equivariance(
        kp_driving, other, warp
      )
    return judging.of_pictures(
      nets, picture, driving, terms, loss.by_term(), self.config
    )

  def validate(
    self, nets: networks.Bound, batch: stage_lib.Batch, step: jax.Array
  ) -> stage_lib.Metrics:
    """See `drawing.likeness`."""
    del step
    source, driving = drawing.pictures(batch)
    picture = _draw(nets, source, driving).output.prediction
    lpips = drawing.lpips(self, nets)
    return drawing.likeness(source, driving, picture, lpips)

  def summaries(
    self, nets: networks.Bound, batch: stage_lib.Batch
  ) -> stage_lib.Pictures:
    """The first example, see `drawing.gallery`."""
    source, driving = (x[:1] for x in drawing.pictures(batch))
    drawn = _draw(nets, source, driving)
    return {'pictures': drawing.gallery(source, driving, drawn)}

  def clip(self, nets: networks.Bound, batch: stage_lib.Batch) -> jax.Array:
    """Film | what its first frame becomes when the film drives it."""
    source = batch['frames'][:1].astype(jnp.float32) / 255

    def one(frame: jax.Array) -> jax.Array:
      driving = frame[None].astype(jnp.float32) / 255
      return _draw(nets, source, driving).output.prediction[0]

    return plots.films(batch['frames'], jax.lax.map(one, batch['frames']))


def _draw(
  nets: networks.Bound, source: jax.Array, driving: jax.Array
) -> drawing.DrawnPicture:
  """The source pictures as the driving ones move them."""
  canonical = nets('keypoint_detector', source)
  kp_source, _ = drawing.moved(nets, canonical, source)
  kp_driving, _ = drawing.moved(nets, canonical, driving)
  output = nets('generator', source, kp_source, kp_driving)
  return drawing.DrawnPicture(output, kp_source, kp_driving)


def _hopenet_degrees(nets: networks.Bound, picture: jax.Array) -> jax.Array:
  """Yaw, pitch and roll [B, 3] by Hopenet, degrees."""
  shape = (len(picture), _HOPENET_SIZE, _HOPENET_SIZE, 3)
  small = jax.image.resize(picture, shape, 'linear', antialias=False)
  pose = nets('hopenet', small)
  return jnp.stack(
    [hopenet.degrees(x) for x in (pose.yaw, pose.pitch, pose.roll)], axis=-1
  )
