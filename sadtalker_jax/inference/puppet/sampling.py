"""Pictures read between their pixels, and coverage of pixels.

Conventions: pictures are [H, W, C], float32; coordinates are in pixels, the
centre of the first pixel at 0. Functions are pure, to be called inside of
`jit`.
"""

import functools

import jax
import jax.numpy as jnp

from sadtalker_jax.typing import Array

BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
TENT = (0.25, 0.5, 0.25)
SOFT = (0.17, 0.66, 0.17)


def catmull_rom(image: Array, x: Array, y: Array) -> Array:
  """A picture at points, by cubic convolution with a = -1/2 (Keys 1981).

  Unlike a bilinear mean it keeps fine texture sharp between the pixels; on them
  it is exact. Points beyond the border are moved onto it.

  Args:
    image: [H, W, C], at least 2 x 2.
    x: [...] columns.
    y: [...] rows.

  Returns:
    [..., C]; values may overshoot those of the picture a little.
  """
  height, width, channels = image.shape
  flat = image.reshape(-1, channels)
  x, y = jnp.clip(x, 0.0, width - 1.0), jnp.clip(y, 0.0, height - 1.0)
  x0 = jnp.minimum(jnp.floor(x), width - 2.0)
  y0 = jnp.minimum(jnp.floor(y), height - 2.0)
  columns = [_inside(x0 + k, width) for k in (-1, 0, 1, 2)]
  result = jnp.zeros((), image.dtype)
  for k, in_y in zip((-1, 0, 1, 2), _weights(y - y0), strict=True):
    row = _inside(y0 + k, height) * width
    # Gathers of whole pixels: several times faster on CPU than packed words.
    line = sum(
      jnp.take(flat, row + column, axis=0, mode='clip') * in_x[..., None]
      for column, in_x in zip(columns, _weights(x - x0), strict=True)
    )
    result = result + line * in_y[..., None]
  return result


def linear(image: Array, x: Array, y: Array) -> Array:
  """A picture at points, linear between pixels, clamped as `catmull_rom`.

  Args:
    image: [H, W, C], at least 2 x 2.
    x: [...] columns.
    y: [...] rows.

  Returns:
    [..., C].
  """
  height, width, channels = image.shape
  x = jnp.clip(x, 0.0, width - 1.0)
  y = jnp.clip(y, 0.0, height - 1.0)
  column = jnp.minimum(x.astype(jnp.int32), width - 2)
  row = jnp.minimum(y.astype(jnp.int32), height - 2)
  right = (x - column.astype(x.dtype))[..., None]
  down = (y - row.astype(y.dtype))[..., None]
  flat, first = image.reshape(-1, channels), row * width + column
  a, b, c, d = (
    jnp.take(flat, first + k, axis=0, mode='clip')
    for k in (0, 1, width, width + 1)
  )
  above, below = a + right * (b - a), c + right * (d - c)
  return above + down * (below - above)


def coverage(mask: Array) -> Array:
  """Soft shares [H, W] of pixels that a mask [2H, 2W] covers.

  Its samples lie on the centres of pixels and half-way between them; contours
  become ramps of one and a half pixels, as a lens makes them.
  """
  fine = jnp.pad(mask.astype(jnp.float32), ((1, 1), (1, 1)), mode='edge')
  for axis in (0, 1):
    stop = fine.shape[axis] - 1
    before, middle, after = (
      jax.lax.slice_in_dim(fine, k, stop - 1 + k, stride=2, axis=axis)
      for k in range(3)
    )
    fine = 0.25 * before + 0.5 * middle + 0.25 * after
  return smooth(fine[..., None], SOFT)[..., 0]


def smooth(image: Array, taps: tuple[float, ...]) -> Array:
  """A picture [H, W, C] filtered along both axes; its border is continued."""
  reach = len(taps) // 2
  for axis in (0, 1):
    pads = [(0, 0)] * 3
    pads[axis] = (reach, reach)
    padded = jnp.pad(image, pads, mode='edge')
    n = image.shape[axis]
    parts = [
      tap * jax.lax.slice_in_dim(padded, k, k + n, axis=axis)
      for k, tap in enumerate(taps)
    ]
    image = functools.reduce(jnp.add, parts)
  return image


def smoothstep(low: float, high: float, x: Array) -> Array:
  """As `fields.smoothstep`, inside of `jit`: 0 below `low`, 1 above `high`."""
  t = jnp.clip((x - low) / (high - low), 0.0, 1.0)
  return t * t * (3.0 - 2.0 * t)


def _inside(index: Array, size: int) -> jax.Array:
  """Indices as int32, moved into [0, size - 1]."""
  return jnp.clip(index, 0, size - 1).astype(jnp.int32)


def _weights(t: Array) -> tuple[Array, Array, Array, Array]:
  """Weights of the four pixels around a place t in [0, 1] after the second."""
  return (
    t * (-0.5 + t * (1.0 - 0.5 * t)),
    1.0 + t * t * (1.5 * t - 2.5),
    t * (0.5 + t * (2.0 - 1.5 * t)),
    t * t * (0.5 * t - 0.5),
  )
