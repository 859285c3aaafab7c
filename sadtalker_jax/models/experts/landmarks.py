"""FAN with CoordConv: heat maps of 98 facial points (method 6.7).

The landmark network of the released system (Adaptive Wing, 4 hourglasses).

Layout: pictures of faces [B, 256, 256, 3], RGB, 0...1, the face's box resized
to a square; heat maps [B, 64, 64, 99], the last one for the face's boundaries.
Coordinate channels are in [-1, 1] over the rows, over the columns, and the
radius divided by its largest value. `faces.fan` turns maps into points.
"""

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

NUM_POINTS = 98  # those of WFLW
PICTURE_SIZE = 256
MAP_SIZE = 64
_BOUNDARY = 0.05  # least value of the boundary map on a boundary


def coordinates(height: int, width: int) -> jax.Array:
  """Position of every pixel: row, column, radius, float32 [H, W, 3]."""
  rows = jnp.arange(height, dtype=jnp.float32) / (height - 1) * 2 - 1
  columns = jnp.arange(width, dtype=jnp.float32) / (width - 1) * 2 - 1
  row, column = jnp.meshgrid(rows, columns, indexing='ij')
  radius = jnp.sqrt(row**2 + column**2)
  return jnp.stack([row, column, radius / radius.max()], axis=-1)


class CoordConv(nn.Module):
  """A convolution with the coordinates of pixels as further channels."""

  features: int  # output channels
  kernel: int  # size
  stride: int = 1
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self, x: jax.Array, boundary: jax.Array | None = None
  ) -> jax.Array:
    """Maps [B, H, W, C] to [B, H / stride, W / stride, features].

    Args:
      x: [B, H, W, C].
      boundary: [B, H, W] map of boundaries; on them the coordinates are added a
        second time.
    """
    where = coordinates(*x.shape[1:3])
    parts = [x, jnp.broadcast_to(where, (*x.shape[:3], 3)).astype(x.dtype)]
    if boundary is not None:
      # The published program clips the map to [0, 1] first, without effect
      # here.
      on = (boundary.astype(jnp.float32) > _BOUNDARY)[..., None]
      parts.append(jnp.where(on, where[..., :2], 0).astype(x.dtype))
    return basic.conv(
      self.features,
      (self.kernel,) * 2,
      stride=self.stride,
      padding=self.kernel // 2,
      dtype=self.dtype,
      name='conv',
    )(jnp.concatenate(parts, axis=-1))


class ConvBlock(nn.Module):
  """Three convolutions in a row with joined outputs, and a shortcut."""

  features: int  # output channels, a multiple of 4
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, H, W, C] to [B, H, W, features]."""

    def conv(x: jax.Array, features: int, kernel: int, name: str) -> jax.Array:
      norm = basic.batch_norm(
        train=train, dtype=self.dtype, name=f'{name}_norm'
      )
      return basic.conv(
        features,
        (kernel,) * 2,
        padding=kernel // 2,
        bias=False,
        dtype=self.dtype,
        name=f'{name}_conv',
      )(nn.relu(norm(x)))

    first = conv(x, self.features // 2, 3, 'first')
    second = conv(first, self.features // 4, 3, 'second')
    third = conv(second, self.features // 4, 3, 'third')
    if x.shape[-1] != self.features:
      x = conv(x, self.features, 1, 'shortcut')
    return jnp.concatenate([first, second, third], axis=-1) + x


class Hourglass(nn.Module):
  """Blocks at half, quarter, ... size, added up from the smallest.

  Parameters of each level i, 1 being the smallest: `across_i`, `down_i`,
  `up_i`; and `bottom`.
  """

  depth: int  # number of times that the map is halved
  features: int  # number of channels
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self, x: jax.Array, boundary: jax.Array | None, *, train: bool
  ) -> jax.Array:
    """Maps [B, H, W, C] to [B, H, W, features].

    Args:
      x: [B, H, W, C], sides divisible by 2 to the depth.
      boundary: [B, H, W] boundary map of the previous stack, None in the first.
      train: whether batch norm uses the batch.
    """

    def block(x: jax.Array, name: str) -> jax.Array:
      return ConvBlock(self.features, self.dtype, name=name)(x, train=train)

    x = CoordConv(self.features, 1, dtype=self.dtype, name='coord')(x, boundary)
    across = []
    for level in range(self.depth, 0, -1):
      across.append(block(x, f'across_{level}'))
      x = block(basic.avg_pool(x, (2, 2)), f'down_{level}')
    x = block(x, 'bottom')
    for level in range(1, self.depth + 1):
      x = basic.nearest(block(x, f'up_{level}'), (2, 2)) + across.pop()
    return x


class FAN(nn.Module):
  """Heat maps of facial points, refined from stack to stack."""

  num_stacks: int = 4  # number of hourglasses
  depth: int = 4  # depth of an hourglass
  features: int = 256  # number of channels, a multiple of 16
  num_points: int = NUM_POINTS
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, picture: jax.Array, *, train: bool) -> list[jax.Array]:
    """The heat maps of every stack; the last ones are the result.

    Args:
      picture: [B, 256, 256, 3], RGB, 0...1; sides may be other multiples of
        4 * 2**depth.
      train: whether batch norm uses the batch.

    Returns:
      [B, 64, 64, 99] per stack: one map per point, then that of the boundaries.
    """

    def conv(x: jax.Array, features: int, name: str) -> jax.Array:
      return basic.conv(features, (1, 1), dtype=self.dtype, name=name)(x)

    def block(x: jax.Array, features: int, name: str) -> jax.Array:
      return ConvBlock(features, self.dtype, name=name)(x, train=train)

    def norm(x: jax.Array, name: str) -> jax.Array:
      return nn.relu(
        basic.batch_norm(train=train, dtype=self.dtype, name=name)(x)
      )

    width = self.features
    stem = CoordConv(width // 4, 7, 2, self.dtype, name='stem_coord')
    x = norm(stem(picture), 'stem_norm')
    x = basic.avg_pool(block(x, width // 2, 'stem_0'), (2, 2))
    x = block(block(x, width // 2, 'stem_1'), width, 'stem_2')
    maps: list[jax.Array] = []
    for i in range(self.num_stacks):
      boundary = maps[-1][..., -1] if maps else None
      hourglass = Hourglass(
        self.depth, width, self.dtype, name=f'hourglass_{i}'
      )
      y = block(hourglass(x, boundary, train=train), width, f'top_{i}')
      y = norm(conv(y, width, f'last_conv_{i}'), f'last_norm_{i}')
      maps.append(conv(y, self.num_points + 1, f'maps_{i}'))
      if i < self.num_stacks - 1:
        x = x + conv(y, width, f'from_features_{i}')
        x = x + conv(maps[-1], width, f'from_maps_{i}')
    return maps
