"""Wav2Lip: faces with the lips of a given sound (method 7).

The teacher of ExpNet, and its quality discriminator.

Layout: faces [B, 96, 96, 3] in 0...1, BGR as the released weights need it;
log-mel windows [B, 80, 16, 1]. The generator's input is that of `face_input`:
the picture to draw with its lower half black, then another picture of the
same person. The discriminator takes lower halves only (`lower_half`).
"""

from collections.abc import Sequence

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import audio_encoder, basic
from sadtalker_jax.typing import Dtype

FACE_SIZE = 96

# Number of residual blocks per stage, after one that changes the size.
_ENCODER_RESIDUALS = (0, 2, 3, 2, 2, 1)
_DECODER_RESIDUALS = (1, 2, 2, 2, 2, 2)

# Features, kernel size, stride, padding.
_Conv = tuple[int, int, int | tuple[int, int], int]
DISCRIMINATOR: tuple[_Conv, ...] = (
  (32, 7, 1, 3),
  (64, 5, (1, 2), 2),
  (64, 5, 1, 2),
  (128, 5, 2, 2),
  (128, 5, 1, 2),
  (256, 5, 2, 2),
  (256, 5, 1, 2),
  (512, 3, 2, 1),
  (512, 3, 1, 1),
  (512, 3, 2, 1),
  (512, 3, 1, 1),
  (512, 3, 1, 0),
  (512, 1, 1, 0),
)


def lower_half(faces: jax.Array) -> jax.Array:
  """The lower halves [..., H / 2, W, C] of faces [..., H, W, C]."""
  return faces[..., faces.shape[-3] // 2 :, :, :]


def face_input(target: jax.Array, reference: jax.Array) -> jax.Array:
  """The generator's input for faces.

  Args:
    target: [B, 96, 96, 3] pictures whose pose and upper half are kept.
    reference: [B, 96, 96, 3] other pictures of the same persons.

  Returns:
    [B, 96, 96, 6].
  """
  half = target.shape[1] // 2
  masked = target.at[:, half:].set(0)
  return jnp.concatenate([masked, reference], axis=-1)


class Grow(nn.Module):
  """Transposed 3 x 3 convolution, batch norm, ReLU."""

  features: int  # output channels
  stride: int = 2  # 1 adds two pixels, 2 doubles the size
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, H, W, C] to [B, 2 H, 2 W, features], or to H + 2 and W + 2."""
    doubles = self.stride - 1
    x = basic.ConvTranspose(
      self.features,
      (3, 3),
      (self.stride,) * 2,
      padding=doubles,
      output_padding=doubles,
      dtype=self.dtype,
      name='conv',
    )(x)
    return nn.relu(
      basic.batch_norm(train=train, dtype=self.dtype, name='norm')(x)
    )


class Wav2Lip(nn.Module):
  """Faces that speak a sound: a U-net around the sound's embedding."""

  # Channels of the encoder's stages, 96 x 96 to 1 x 1 pixels.
  encoder_widths: Sequence[int] = (16, 32, 64, 128, 256, 512, 512)
  # Channels of the decoder's stages, 1 x 1 to 96 x 96 pixels.
  decoder_widths: Sequence[int] = (512, 512, 512, 384, 256, 128, 64)
  output_width: int = 32  # channels before the picture
  audio_blocks: Sequence[audio_encoder.Block] = audio_encoder.BLOCKS
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self, mel: jax.Array, face: jax.Array, *, train: bool
  ) -> jax.Array:
    """Faces [B, 96, 96, 3], BGR in 0...1.

    Args:
      mel: [B, 80, 16, 1] log-mel windows.
      face: [B, 96, 96, 6] from `face_input`.
      train: whether batch norm uses the batch.
    """
    skips = self._encode(face, train)
    sound = audio_encoder.AudioEncoder(
      self.audio_blocks, dtype=self.dtype, name='audio_encoder'
    )(mel, train=train)
    x = sound[:, None, None]  # [B, 1, 1, 512]
    x = self._block(x, 'decoder_0_0', train, self.decoder_widths[0], 1)
    x = jnp.concatenate([x, skips.pop()], axis=-1)
    for i, residuals in enumerate(_DECODER_RESIDUALS, 1):
      width = self.decoder_widths[i]
      grow = Grow(width, 1 if i == 1 else 2, self.dtype, name=f'decoder_{i}_0')
      x = grow(x, train=train)
      for j in range(1, residuals + 1):
        x = self._block(
          x, f'decoder_{i}_{j}', train, width, 3, 1, 1, residual=True
        )
      x = jnp.concatenate([x, skips.pop()], axis=-1)
    x = self._block(x, 'output_block', train, self.output_width, 3, 1, 1)
    x = basic.conv(3, (1, 1), dtype=self.dtype, name='output')(x)
    return nn.sigmoid(x)

  def _encode(self, x: jax.Array, train: bool) -> list[jax.Array]:
    """The outputs of the face encoder's stages, large to small."""
    skips = []
    for i, residuals in enumerate(_ENCODER_RESIDUALS):
      width = self.encoder_widths[i]
      kernel, stride = (3, 2) if i else (7, 1)
      x = self._block(
        x, f'encoder_{i}_0', train, width, kernel, stride, kernel // 2
      )
      for j in range(1, residuals + 1):
        x = self._block(
          x, f'encoder_{i}_{j}', train, width, 3, 1, 1, residual=True
        )
      skips.append(x)
    width = self.encoder_widths[-1]
    x = self._block(x, 'encoder_6_0', train, width, 3)
    x = self._block(x, 'encoder_6_1', train, width, 1)
    return [*skips, x]

  def _block(
    self,
    x: jax.Array,
    name: str,
    train: bool,
    width: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    residual: bool = False,
  ) -> jax.Array:
    return audio_encoder.ConvBlock(
      width, kernel, stride, padding, residual, self.dtype, name=name
    )(x, train=train)


class QualityDiscriminator(nn.Module):
  """Scores of mouths, real or drawn; parameters `conv_0` to `score`."""

  convs: Sequence[_Conv] = DISCRIMINATOR
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, mouths: jax.Array) -> jax.Array:
    """Logits [B] of mouths [B, 48, 96, 3] being real; see `lower_half`.

    The published program returns their sigmoid.
    """
    x = mouths
    for i, (width, kernel, stride, padding) in enumerate(self.convs):
      x = basic.conv(
        width,
        (kernel,) * 2,
        stride=stride,
        padding=padding,
        dtype=self.dtype,
        name=f'conv_{i}',
      )(x)
      x = nn.leaky_relu(x, 0.01)
    x = basic.conv(1, (1, 1), dtype=self.dtype, name='score')(x)
    return x.reshape(-1)  # of 1 x 1 pixel
