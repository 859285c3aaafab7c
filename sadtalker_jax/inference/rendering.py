"""What every renderer can do, and how clips become a stream of frames.

A renderer draws batches of one static shape. A clip is a portrait, prepared by
its renderer, and a track. Where the renderer allows it, frames of different
clips share a batch, so that many short clips fill a device as one long one
does. Memory grows neither with the tracks nor with the number of clips.
"""

from collections.abc import Iterable, Iterator, Sequence
import dataclasses
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

_IN_FLIGHT = 2  # batches that are computed while earlier ones are used


class Track(NamedTuple):
  """How a portrait moves."""

  coefficients: np.ndarray  # [T, 70] expression, angles, translation
  # [T, 3] yaw, pitch, roll in degrees that replace what the renderer would make
  # of the coefficients; NaN where they do not.
  angles: np.ndarray


def track(coefficients: np.ndarray) -> Track:
  """A track of coefficients [T, 70] alone."""
  angles = np.full((len(coefficients), 3), np.nan, np.float32)
  return Track(coefficients, angles)


class Renderer(Protocol):
  """Draws portraits posed by coefficients."""

  # Whether one batch may hold frames of several portraits.
  mixes: bool

  def prepare(self, src: Any) -> Any:
    """Source-only work, done once for a clip."""

  def inputs(
    self, prepared: Any, motion: Track, index: np.ndarray
  ) -> tuple[np.ndarray, ...]:
    """What the frames at `index` [b] of a track need, arrays [b, ...]."""

  def render(
    self, portraits: Sequence[Any], inputs: tuple[np.ndarray, ...]
  ) -> jax.Array:
    """Frames [B, H, W, 3] uint8.

    Every frame depends on its own portrait and inputs alone. May return before
    the work is done.

    Args:
      portraits: what `prepare` made; one for all frames, or one for each.
      inputs: of `inputs`, B of each.
    """


@dataclasses.dataclass(frozen=True, eq=False)
class RenderJob:
  """A portrait and how it moves, ready to be drawn."""

  renderer: Renderer
  prepared: Any
  motion: Track

  def __len__(self) -> int:
    return len(self.motion.coefficients)


class RenderedPart(NamedTuple):
  """Consecutive frames of a clip."""

  clip: RenderJob
  frames: np.ndarray  # [b, H, W, 3] uint8


class _Piece(NamedTuple):
  """A clip's share of a batch."""

  clip: RenderJob
  places: np.ndarray  # of its frames in the clip


def stream(
  clips: Iterable[RenderJob], batch_size: int
) -> Iterator[RenderedPart]:
  """Frames of many clips; those of a clip in order, clips overlapping.

  The next batch is computed while the one before it is used. Batches have one
  static shape; one that is not full is filled up, and cut.

  Args:
    clips: taken when there is room for their frames.
    batch_size: B, frames drawn together; changes speed and memory only.

  Yields:
    Parts of at most B frames, T of every clip in all.
  """
  flying: list[tuple[list[_Piece], jax.Array]] = []
  for pieces in _batches(clips, batch_size):
    frames = _draw(pieces, batch_size)
    frames.copy_to_host_async()
    flying.append((pieces, frames))
    if len(flying) >= _IN_FLIGHT:
      yield from _parts(*flying.pop(0))
  for batch in flying:
    yield from _parts(*batch)


def _batches(clips: Iterable[RenderJob], size: int) -> Iterator[list[_Piece]]:
  """Frames by the batch; of one renderer each, and full where it may mix."""
  waiting: dict[int, list[_Piece]] = {}
  for clip in clips:
    key = id(clip.renderer)
    pieces = waiting.pop(key, [])
    start = 0
    while start < len(clip):
      room = size - sum(len(piece.places) for piece in pieces)
      stop = min(start + room, len(clip))
      pieces.append(_Piece(clip, np.arange(start, stop)))
      start = stop
      if sum(len(piece.places) for piece in pieces) == size:
        yield pieces
        pieces = []
    if pieces and clip.renderer.mixes:
      waiting[key] = pieces
    elif pieces:
      yield pieces
  yield from waiting.values()


def _draw(pieces: Sequence[_Piece], size: int) -> jax.Array:
  renderer = pieces[0].clip.renderer
  parts = [
    renderer.inputs(piece.clip.prepared, piece.clip.motion, piece.places)
    for piece in pieces
  ]
  inputs = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
  missing = size - len(inputs[0])
  filled = tuple(
    np.pad(a, ((0, missing), *[(0, 0)] * (a.ndim - 1)), mode='edge')
    for a in inputs
  )
  if len(pieces) == 1:
    portraits = [pieces[0].clip.prepared]
  else:
    portraits = [p.clip.prepared for p in pieces for _ in p.places]
    portraits += portraits[-1:] * missing
  return renderer.render(portraits, filled)


def _parts(
  pieces: Sequence[_Piece], frames: jax.Array
) -> Iterator[RenderedPart]:
  host = np.asarray(frames)
  start = 0
  for piece in pieces:
    stop = start + len(piece.places)
    yield RenderedPart(piece.clip, host[start:stop])
    start = stop
