"""Pictures of figures, drawn with arrays: summaries come out of a jitted step.

Pictures are [H, W, 3] in [0, 1], white ground.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from sadtalker_jax.face3d import renderer
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.typing import Array

_ROW = 64  # pixels of a channel's panel, high
_COLUMN = 8  # pixels from a point to the next
_DOT = 0.025  # radius of a point, of half a picture
_INK = ((0.15, 0.15, 0.15), (0.85, 0.2, 0.1))  # of the first and second curve


def curves(first: jax.Array, second: jax.Array, scale: Array) -> jax.Array:
  """Two sequences over time, a panel for each channel, from -3 to 3 scales.

  Args:
    first: Curves [T, C], drawn dark.
    second: Curves [T, C], drawn red, over the first.
    scale: Values [C] at a third of half a panel.

  Returns:
    [64 C, 8 (T - 1), 3].
  """
  length, channels = first.shape
  columns = jnp.arange(_COLUMN * (length - 1), dtype=jnp.float32) / _COLUMN
  rows = jnp.arange(_ROW, dtype=jnp.float32)[:, None] + 0.5
  panels = []
  for channel in range(channels):
    panel = jnp.ones((_ROW, len(columns), 3))
    panel = jnp.where((jnp.abs(rows - _ROW / 2) < 1)[..., None], 0.85, panel)
    for curve, ink in zip((first, second), _INK, strict=True):
      values = curve[:, channel] / scale[channel]
      at = jnp.interp(columns, jnp.arange(length, dtype=jnp.float32), values)
      height = _ROW / 2 * (1 - jnp.clip(at / 3, -1, 1))
      # As thick across a slope as along the flat.
      slope = jnp.abs(jnp.diff(height, append=height[-1:]))
      ink_here = jnp.abs(rows - height) < 1 + slope / 2
      panel = jnp.where(ink_here[..., None], jnp.asarray(ink), panel)
    panels.append(panel)
  return jnp.concatenate(panels)


def dots(picture: jax.Array, points: jax.Array) -> jax.Array:
  """A picture with points on it, each of another colour.

  Args:
    picture: Picture [S, S, 3].
    points: Places [K, 2], (x, y) in [-1, 1].
  """
  size, count = len(picture), len(points)
  grid = (jnp.arange(size, dtype=jnp.float32) + 0.5) * 2 / size - 1
  for k in range(count):
    x, y = points[k, 0], points[k, 1]
    away = jnp.hypot(grid[None, :] - x, grid[:, None] - y)
    turn = 2 * jnp.pi * (k / count + jnp.arange(3) / 3)
    colour = 0.5 + 0.5 * jnp.cos(turn)
    picture = jnp.where((away < _DOT)[..., None], colour, picture)
  return picture


def faces(model: morphable.MorphableModel, *vectors: Array) -> list[jax.Array]:
  """Grey faces [T, 224, 224, 3] of coefficients [T, 257], for each of them."""
  return [
    jnp.asarray(renderer.render(model, v, look='geometry').image)
    for v in vectors
  ]


def films(frames: jax.Array, *others: jax.Array) -> jax.Array:
  """Films in a row, as high as the frames.

  Args:
    frames: Film [T, S, S, 3] uint8.
    *others: Films [T, S', S', 3] in [0, 1].
  """
  shape = frames.shape
  first = frames.astype(jnp.float32) / 255
  rest = [jax.image.resize(x, shape, 'linear') for x in others]
  return jnp.concatenate([first, *rest], axis=2)


def side_by_side(pictures: Sequence[jax.Array]) -> jax.Array:
  """Pictures of one height in a row."""
  return jnp.concatenate(
    [jnp.clip(p.astype(jnp.float32), 0, 1) for p in pictures], axis=1
  )
