"""What every renderer can do, and how clips become a stream of frames.

A `Renderer` takes portraits out of pictures and hands out a `Drawer`, which
draws batches of one static shape. A `RenderJob` is a portrait, prepared by its
drawer, and a track. Where the drawer allows it, frames of different jobs share
a batch, so that many short clips fill a device as one long one does. Memory
grows neither with the tracks nor with the number of jobs.
"""

from collections.abc import Iterable, Iterator, Sequence
import dataclasses
import fractions
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, Self

import jax
import numpy as np

from sadtalker_jax import jax_settings
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.inference import tracks
from sadtalker_jax.media import files

_IN_FLIGHT = 2  # batches that are computed while earlier ones are used
_WASTED, _STEP = 64, 16  # frames; see `_filled_up`


DtypeName = Literal['float32', 'bfloat16']


@dataclasses.dataclass(frozen=True)
class Devices:
  """Where and how precisely a renderer computes.

  Attributes:
    dtype: Type of a network's convolutions.
    devices: Devices that share every batch; None for all that are attached to
      this process.
  """

  dtype: DtypeName = 'float32'
  devices: Sequence[jax.Device] | None = None


class Drawer(Protocol):
  """Draws portraits posed by tracks, in batches of one static shape."""

  # Whether one batch may hold frames of several portraits.
  mixes: bool
  # Rows before and after that of a frame that the frame depends on, each.
  reach: int

  def prepare(self, portrait: Any) -> Any:
    """Work on the portrait alone, done once for a clip."""

  def inputs(
    self, prepared: Any, track: tracks.Track, index: np.ndarray
  ) -> tuple[np.ndarray, ...]:
    """What the frames at `index` [b] of a track need, arrays [b, ...]."""

  def render(
    self, portraits: Sequence[Any], inputs: tuple[np.ndarray, ...]
  ) -> jax.Array:
    """Frames [B, H, W, 3] uint8; or [B, H, W, 4] with their opacity.

    Every frame depends on its own portrait and inputs alone. May return before
    the work is done.

    Args:
      portraits: What `prepare` made; one for all frames, or one for each.
      inputs: What `inputs` made, B of each.
    """


class Renderer(Protocol):
  """A kind of renderer; `inference.registry` lists them.

  Attributes:
    networks: Names of the networks of a bundle that every option needs.
    basis: Face model of the tracks that it draws.
  """

  networks: ClassVar[tuple[str, ...]] = ()
  basis: str = bundle_lib.PACKAGED_BASIS

  @classmethod
  def offered_by(cls, bundle: bundle_lib.Bundle) -> bool:
    """Whether 'auto' considers this kind for a bundle."""
    return all(bundle.has(name) for name in cls.networks)

  @classmethod
  def basis_in(cls, bundle: bundle_lib.Bundle) -> str:
    """The basis with this bundle, before anything is loaded."""
    del bundle
    return cls.basis

  @classmethod
  def from_bundle(cls, bundle: bundle_lib.Bundle, devices: Devices) -> Self:
    """The renderer with the weights of a bundle; nothing is loaded yet."""

  def check(self, options: options_lib.Options) -> None:
    """Refuses options that this renderer cannot serve; by default none.

    Raises:
      InputError: networks are missing, or made for another size.
    """
    del options

  def portrait(
    self, picture: np.ndarray, options: options_lib.Options
  ) -> portrait_lib.Portrait:
    """The portrait in a picture [H, W, 3] uint8.

    Raises:
      InputError: there is no such face.
    """

  def video_rows(
    self,
    path: files.Path,
    fps: fractions.Fraction,
    options: options_lib.Options,
  ) -> np.ndarray:
    """Coefficients [T, 70] of the face in a video, at a frame rate.

    Raises:
      InputError: the file is no video, or shows no face.
    """

  def adapted(self, track: tracks.Track) -> tracks.Track:
    """A motion's track as this renderer draws it; the same by default."""
    return track

  def host(
    self, portrait: Any, options: options_lib.Options
  ) -> np.ndarray | None:
    """What frames look like, [H, W, 3] uint8, if not like the portrait."""
    del portrait, options
    return None

  def drawer(self, options: options_lib.Options) -> Drawer:
    """What draws the frames; the same object for the same options."""


@dataclasses.dataclass(frozen=True, eq=False)
class RenderJob:
  """A portrait and how it moves, ready to be drawn."""

  renderer: Drawer
  prepared: Any
  motion: tracks.Track

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

  Returns:
    Parts of at most B frames, T of every clip in all.
  """
  return jax_settings.each(_stream(clips, batch_size))


def _stream(
  clips: Iterable[RenderJob], batch_size: int
) -> Iterator[RenderedPart]:
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
  missing = _filled_up(len(inputs[0]), size) - len(inputs[0])
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


def _filled_up(count: int, size: int) -> int:
  """Frames that are drawn where `count` are wanted, at most `size`.

  Each number of frames is a program of its own that must be compiled, so small
  batches are drawn at their full size; large ones would waste more than that.
  """
  if size <= _WASTED:
    return size
  return min(size, max(_WASTED, -(-count // _STEP) * _STEP))


def _parts(
  pieces: Sequence[_Piece], frames: jax.Array
) -> Iterator[RenderedPart]:
  host = np.asarray(frames)
  start = 0
  for piece in pieces:
    stop = start + len(piece.places)
    yield RenderedPart(piece.clip, host[start:stop])
    start = stop
