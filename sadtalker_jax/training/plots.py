"""Pictures of figures, drawn with arrays: summaries come out of a jitted step.

Pictures are [H, W, 3] in [0, 1], white ground.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from sadtalker_jax.typing import Array

_ROW = 64  # pixels of a channel's panel, high
_COLUMN = 8  # pixels from a point to the next
_INK = ((0.15, 0.15, 0.15), (0.85, 0.2, 0.1))  # of the first and second curve


def curves(first: jax.Array, second: jax.Array, scale: Array) -> jax.Array:
  """Two sequences over time, a panel for each channel, from -3 to 3 scales.

  Args:
    first: [T, C], drawn dark.
    second: [T, C], drawn red, over the first.
    scale: [C], a third of half a panel.

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


def side_by_side(pictures: Sequence[jax.Array]) -> jax.Array:
  """Pictures of one height in a row."""
  return jnp.concatenate(
    [jnp.clip(p.astype(jnp.float32), 0, 1) for p in pictures], axis=1
  )
