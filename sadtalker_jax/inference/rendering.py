"""What every renderer can do, and how a track becomes a stream of frames."""

from collections.abc import Iterator
from typing import Any, Protocol

import jax
import numpy as np

from sadtalker_jax.inference import source as source_lib


class Renderer(Protocol):
  """Draws a portrait posed by coefficients."""

  def prepare(self, src: source_lib.Source) -> Any:
    """Source-only work, done once for a clip."""

  def render(self, prepared: Any, rows: np.ndarray) -> jax.Array:
    """Frames [B, H, W, 3] uint8 of coefficient rows [B, 70].

    Every frame depends on its own row alone. May return before the work is
    done.
    """


def stream(
  renderer: Renderer,
  src: source_lib.Source,
  track: np.ndarray,
  batch_size: int,
) -> Iterator[np.ndarray]:
  """Frames of a whole track, in batches.

  One batch is computed while the one before it is used; batches have one static
  shape, the last is filled up and cut. Memory does not grow with the track.

  Args:
    renderer: draws.
    src: the portrait.
    track: [T, 70] coefficients.
    batch_size: B; changes speed and memory only.

  Yields:
    Batches [b, H, W, 3] uint8 in order, b <= B, T frames in all.
  """
  prepared = renderer.prepare(src)
  pending: tuple[jax.Array, int] | None = None
  for start in range(0, len(track), batch_size):
    rows = track[start : start + batch_size]
    count = len(rows)
    rows = np.pad(rows, ((0, batch_size - count), (0, 0)), mode='edge')
    batch = renderer.render(prepared, rows)
    if pending is not None:
      yield np.asarray(pending[0])[: pending[1]]
    pending = (batch, count)
  if pending is not None:
    yield np.asarray(pending[0])[: pending[1]]
