"""Enlarging large pictures piece by piece, as Real-ESRGAN's program does.

A cell of the picture is enlarged with some of its surroundings, where the
picture has any, which are cut off again; cells do not overlap.
"""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp


def enlarged(
  enlarge: Callable[[jax.Array], jax.Array],
  pictures: jax.Array,
  *,
  scale: int,
  tile: int | None,
  pad: int,
) -> jax.Array:
  """Enlarged pictures.

  Args:
    enlarge: Network that takes [B, h, w, 3] to [B, h * scale, w * scale, 3];
      for scale 2 it is given even sides.
    pictures: [B, H, W, 3].
    scale: Factor, 2 or 4.
    tile: Side of a cell in pixels, even; None for the whole picture at once.
    pad: Surroundings of a cell in pixels, even.

  Returns:
    [B, H * scale, W * scale, 3].
  """
  height, width = pictures.shape[1:3]
  if scale == 2:  # its network packs squares of two pixels
    odd = ((0, 0), (0, height % 2), (0, width % 2), (0, 0))
    pictures = jnp.pad(pictures, odd, 'reflect')
  rows = []
  for top, bottom in _cells(pictures.shape[1], tile):
    above, below = max(top - pad, 0), bottom + pad
    row = []
    for left, right in _cells(pictures.shape[2], tile):
      before, after = max(left - pad, 0), right + pad
      part = enlarge(pictures[:, above:below, before:after])
      y, x = (top - above) * scale, (left - before) * scale
      row.append(
        part[
          :,
          y : y + (bottom - top) * scale,
          x : x + (right - left) * scale,
        ]
      )
    rows.append(jnp.concatenate(row, 2))
  whole = jnp.concatenate(rows, 1)
  return whole[:, : height * scale, : width * scale]


def _cells(side: int, tile: int | None) -> Iterator[tuple[int, int]]:
  """First and last end of the cells along an axis."""
  step = tile or side
  for start in range(0, side, step):
    yield start, min(start + step, side)
