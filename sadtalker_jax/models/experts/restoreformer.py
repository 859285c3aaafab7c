"""RestoreFormer: restoration of faces by a dictionary and attention.

Z. Wang et al., RestoreFormer: High-Quality Blind Face Restoration from
Undegraded Key-Value Pairs, CVPR 2022, in the form of the released file
`RestoreFormer.pth`. An encoder takes the picture to a map of 16 x 16 features,
each is replaced by the nearest code of a dictionary, and a decoder draws the
picture of the codes; its attention asks with the encoder's features. Layout:
NHWC, RGB in [-1, 1].
"""

from collections.abc import Sequence
from typing import NamedTuple

from flax import linen as nn
import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

_GROUPS, _EPSILON = 32, 1e-6  # of the norms


class Restoration(NamedTuple):
  """A restored face."""

  image: jax.Array  # [B, N, N, 3] float32, around -1 to 1, not clipped
  features: jax.Array  # [B, n, n, C] float32, before quantisation
  code: jax.Array  # [B, n, n] int32, number of the nearest code


class Norm(nn.Module):
  """Group norm, computed in float32, then optionally x sigmoid(x)."""

  active: bool = True  # whether the activation follows
  dtype: Dtype | None = None  # type of the result

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to the same shape."""
    y = nn.GroupNorm(min(_GROUPS, x.shape[-1]), epsilon=_EPSILON, name='norm')(
      x.astype(jnp.float32)
    )
    y = nn.silu(y) if self.active else y
    return y.astype(self.dtype or x.dtype)


class ResidualBlock(nn.Module):
  """Twice norm and convolution, added to the input."""

  features: int  # output channels
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, H, W, C] to [B, H, W, features]."""
    y = x
    for i in (1, 2):
      y = Norm(dtype=self.dtype, name=f'norm_{i}')(y)
      y = _conv(self.features, dtype=self.dtype, name=f'conv_{i}')(y)
    if x.shape[-1] != self.features:
      x = _conv(self.features, 1, dtype=self.dtype, name='skip')(x)
    return x + y


class Attention(nn.Module):
  """Attention of all places to all, with several heads, added to the input."""

  heads: int
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self, x: jax.Array, asking: jax.Array | None = None
  ) -> jax.Array:
    """Maps [B, H, W, C] to the same shape.

    Args:
      x: [B, H, W, C], source of keys and values.
      asking: [B, H, W, C], source of queries; None for `x`.
    """
    size, width = x.shape, x.shape[-1]

    def heads(y: jax.Array, name: str) -> jax.Array:
      y = _conv(width, 1, dtype=self.dtype, name=name)(y)
      return y.reshape(size[0], -1, self.heads, width // self.heads)

    y = Norm(active=False, dtype=self.dtype, name='norm_1')(x)
    if asking is None:
      asked = y
    else:
      asked = Norm(active=False, dtype=self.dtype, name='norm_2')(asking)
    query, key, value = heads(asked, 'q'), heads(y, 'k'), heads(y, 'v')
    query = query * (width // self.heads) ** -0.5
    weight = jnp.einsum(
      'bihd,bjhd->bhij', query, key, preferred_element_type=jnp.float32
    )
    weight = jax.nn.softmax(weight, -1).astype(value.dtype)
    y = jnp.einsum('bhij,bjhd->bihd', weight, value).reshape(size)
    return x + _conv(width, 1, dtype=self.dtype, name='out')(y)


class Encoder(nn.Module):
  """A picture to features, and what the decoder's attention asks with."""

  widths: Sequence[int]  # channels at full size, half the size, ...
  features: int  # channels of the result
  heads: int
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Maps [B, N, N, 3] to features [B, n, n, features] and [B, n, n, C] twice.

    The second is for the decoder's first block, the third for its levels.
    """
    x = _conv(self.widths[0], dtype=self.dtype, name='first')(x)
    last = len(self.widths) - 1
    for i, width in enumerate(self.widths):
      for j in range(2):
        x = ResidualBlock(width, self.dtype, name=f'down_{i}_block_{j}')(x)
        if i == last:
          x = Attention(self.heads, self.dtype, name=f'down_{i}_attention_{j}')(
            x
          )
      if i < last:
        x = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
        x = basic.conv(
          width, (3, 3), stride=2, dtype=self.dtype, name=f'down_{i}_half'
        )(x)
    width = self.widths[-1]
    x = early = ResidualBlock(width, self.dtype, name='middle_1')(x)
    x = Attention(self.heads, self.dtype, name='middle_attention')(x)
    x = late = ResidualBlock(width, self.dtype, name='middle_2')(x)
    x = Norm(dtype=self.dtype, name='last_norm')(x)
    return _conv(self.features, dtype=self.dtype, name='last')(x), late, early


class Decoder(nn.Module):
  """Codes to a picture."""

  widths: Sequence[int]  # as in the encoder
  heads: int
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self, x: jax.Array, late: jax.Array, early: jax.Array
  ) -> jax.Array:
    """Maps [B, n, n, C] and the encoder's two maps to [B, N, N, 3] float32."""
    width, last = self.widths[-1], len(self.widths) - 1
    x = _conv(width, dtype=self.dtype, name='first')(x)
    x = ResidualBlock(width, self.dtype, name='middle_1')(x)
    x = Attention(self.heads, self.dtype, name='middle_attention')(x, late)
    x = ResidualBlock(width, self.dtype, name='middle_2')(x)
    for i in range(last, -1, -1):
      for j in range(3):
        x = ResidualBlock(self.widths[i], self.dtype, name=f'up_{i}_block_{j}')(
          x
        )
        if i == last:
          x = Attention(self.heads, self.dtype, name=f'up_{i}_attention_{j}')(
            x, early
          )
      if i:
        x = basic.conv(
          self.widths[i],
          (3, 3),
          padding=1,
          repeated=2,
          dtype=self.dtype,
          name=f'up_{i}_double',
        )(x)
    x = Norm(dtype=self.dtype, name='last_norm')(x)
    return _conv(3, dtype=self.dtype, name='last')(x).astype(jnp.float32)


class RestoreFormer(nn.Module):
  """The whole network."""

  # Channels at full size, half the size, ...
  widths: Sequence[int] = (64, 128, 128, 256, 256, 512)
  features: int = 256  # size of a code
  codes: int = 1024  # number of codes
  heads: int = 8
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, image: jax.Array) -> Restoration:
    """The restored face.

    Args:
      image: [B, N, N, 3] RGB in [-1, 1], with the eyes level and in the middle.
    """
    encoder = Encoder(
      self.widths, self.features, self.heads, self.dtype, name='encoder'
    )
    x, late, early = encoder(image)
    x = _conv(self.features, 1, dtype=self.dtype, name='before')(x)
    # Distances are compared: rounding would choose other codes.
    x = x.astype(jnp.float32)
    book = self.param(
      'codes',
      nn.initializers.uniform(2 / self.codes),
      (self.codes, self.features),
    )
    code = nearest(x, book)
    y = _conv(self.features, 1, dtype=self.dtype, name='after')(
      jnp.take(book, code, axis=0)
    )
    decoder = Decoder(self.widths, self.heads, self.dtype, name='decoder')
    return Restoration(decoder(y, late, early), x, code)


def nearest(features: jax.Array, codes: jax.Array) -> jax.Array:
  """Numbers [...] of the codes [K, C] nearest to features [..., C]."""
  product = jnp.matmul(features, codes.T, precision=lax.Precision.HIGHEST)
  return jnp.argmin(jnp.square(codes).sum(-1) - 2 * product, -1)


def _conv(
  features: int, kernel: int = 3, *, dtype: Dtype | None, name: str
) -> nn.Conv:
  return basic.conv(
    features, (kernel, kernel), padding=kernel // 2, dtype=dtype, name=name
  )
