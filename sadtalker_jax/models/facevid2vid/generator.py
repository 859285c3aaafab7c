"""The generator: a portrait rendered with other keypoints.

Three steps, separate so that source-only work is done once per portrait:
`encode` a portrait into a volume, estimate the `motion` of its cells, `decode`
the moved volume into a picture. Fully convolutional: the networks for 256 and
512 pixels are the same with other weights.

Layout: pictures [B, S, S, 3], RGB in [0, 1]; volumes [B, D, H, W, C] with
H = W = S / 4; keypoints [B, K, 3], (x, y, z) in [-1, 1]. Source: method 5.6
(SPADE), method 5.7 (plain).
"""

from typing import Literal, NamedTuple

from flax import linen as nn
import jax

from sadtalker_jax.models.facevid2vid import (
  appearance,
  dense_motion,
  plain_decoder,
  spade,
)
from sadtalker_jax.models.layers import basic, blocks
from sadtalker_jax.models.sadtalker import mapping
from sadtalker_jax.ops.sampling import grid_sample
from sadtalker_jax.typing import Dtype

Decoder = Literal['spade', 'plain']


class GeneratorOutput(NamedTuple):
  """A picture, with the motion and the volume that it was computed from."""

  prediction: jax.Array  # [B, S, S, 3] in [0, 1]
  motion: dense_motion.Motion  # motion from source to driving keypoints
  volume: jax.Array  # [B, D, S/4, S/4, C] volume of the portrait


class Generator(nn.Module):
  """The occlusion-aware generator of face-vid2vid."""

  decoder_kind: Decoder = 'spade'  # the released weights are for SPADE
  num_keypoints: int = mapping.NUM_KEYPOINTS
  features: int = 64  # channels at full size
  volume_features: int = 32  # channels of the volume
  depth: int = 16  # depth of the volume
  num_blocks: int = 6  # residual blocks, in the encoder and in the decoder
  spade_hidden: int = 128  # channels inside SPADE
  motion_features: int = 32  # channels of the hourglass's last step up
  motion_max_features: int = 1024  # largest number of channels of the hourglass
  motion_blocks: int = 5  # steps down of the hourglass
  # Smaller shares are set to 0 (quirk Q5), in training as in inference.
  mask_threshold: float = 1e-3
  grid_align_corners: bool = False  # False for released weights (quirk Q4)
  dtype: Dtype | None = None  # type of the convolutions

  def setup(self) -> None:
    """Creates the parts."""
    with_spade = self.decoder_kind == 'spade'
    self.appearance = appearance.AppearanceEncoder(
      self.features,
      self.volume_features,
      self.depth,
      self.num_blocks,
      kernel=3 if with_spade else 7,
      dtype=self.dtype,
    )
    self.dense_motion = dense_motion.DenseMotion(
      self.num_keypoints,
      block_expansion=self.motion_features,
      max_features=self.motion_max_features,
      num_blocks=self.motion_blocks,
      mask_threshold=self.mask_threshold,
      grid_align_corners=self.grid_align_corners,
      dtype=self.dtype,
    )
    self.merge = blocks.ConvBlock(
      4 * self.features, slope=0.01, dtype=self.dtype
    )
    self.project = basic.conv(4 * self.features, (1, 1), dtype=self.dtype)
    self.decoder = (
      spade.SpadeDecoder(
        self.features, self.num_blocks, self.spade_hidden, dtype=self.dtype
      )
      if with_spade
      else plain_decoder.PlainDecoder(
        self.features, self.num_blocks, dtype=self.dtype
      )
    )

  def __call__(
    self,
    image: jax.Array,
    kp_source: jax.Array,
    kp_driving: jax.Array,
    *,
    train: bool,
  ) -> GeneratorOutput:
    """Portraits with the poses of the driving keypoints.

    Args:
      image: [B, S, S, 3] portraits, S a multiple of 4 times 2^motion_blocks.
      kp_source: [B, K, 3] keypoints of the portraits.
      kp_driving: [B, K, 3] keypoints of the result.
      train: whether batch norm uses the batch and spectral norm is updated.

    Returns:
      Pictures, motion and volume.
    """
    volume = self.encode(image, train=train)
    motion = self.motion(volume, kp_source, kp_driving, train=train)
    return GeneratorOutput(
      self.decode(volume, motion, train=train), motion, volume
    )

  def encode(self, image: jax.Array, *, train: bool) -> jax.Array:
    """Volumes [B, D, S/4, S/4, C] of portraits [B, S, S, 3]."""
    return self.appearance(image, train=train)

  def motion(
    self,
    volume: jax.Array,
    kp_source: jax.Array,
    kp_driving: jax.Array,
    *,
    train: bool,
  ) -> dense_motion.Motion:
    """The motion of volumes; see `dense_motion.DenseMotion`."""
    return self.dense_motion(volume, kp_source, kp_driving, train=train)

  def decode(
    self, volume: jax.Array, motion: dense_motion.Motion, *, train: bool
  ) -> jax.Array:
    """Pictures [B, S, S, 3], float32, of volumes after their motion."""
    moved = grid_sample.grid_sample_3d(
      volume,
      motion.deformation,
      padding='zeros',
      align_corners=self.grid_align_corners,
    )
    x = self.merge(appearance.from_volume(moved), train=train)
    x = self.project(x)
    return self.decoder(x * motion.occlusion.astype(x.dtype), train=train)
