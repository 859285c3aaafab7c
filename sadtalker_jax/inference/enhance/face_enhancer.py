"""Sharper faces: each frame's face restored by GFPGAN and put back.

As GFPGANer of the published program does it (method 11.1, method 11.5),
batched: the largest face is turned upright into a square of 512 pixels,
restored, turned back and blended into the frame, which is made twice as large
by plain resampling. All of that is one compiled function per frame size.

Unlike there, the square's place is smoothed over the neighbouring frames, so
that the added detail does not jitter; other faces are left alone; the network's
noise is its stored one. The published program lays the face over the frame by
the mask of a parsing network (ParseNet), which cuts off hair and background.
Here the mask is the square without its rim, blurred, as facexlib has it without
a parsing network.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
import functools
from typing import Any, NamedTuple, Self, TypeAlias

import jax
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.faces import aligned, landmarks, steady, warp
from sadtalker_jax.faces import detector as detectors
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Array, Dtype, Variables

# Variables and faces [B, 512, 512, 3] in [-1, 1] to faces of the same shape.
Restorer: TypeAlias = Callable[[Any, jax.Array], jax.Array]

_LARGEST = 8  # frames that are restored at once


class FaceEnhancer:
  """Restores the largest face of every frame."""

  def __init__(
    self,
    variables: Variables,
    landmarker: landmarks.Landmarker,
    *,
    detector: detectors.FaceDetector | None = None,
    upscale: int = 2,
    dtype: Dtype | None = None,
    restore: Restorer | None = None,
  ):
    """An enhancer whose weights are on the device.

    Args:
      variables: Variables of the network `gfpgan`.
      landmarker: Finder of the landmarks of a face.
      detector: Finder of faces; None for `BlazeFace`.
      upscale: Enlargement of the frames, 1 or 2.
      dtype: Type of the network's computation; None for float32.
      restore: Replacement of GFPGAN, with `variables` of its own; None for
        GFPGAN.

    Raises:
      ValueError: another `upscale`.
    """
    if upscale not in (1, 2):
      raise ValueError(f'upscale: expected 1 or 2, found {upscale}')
    self.upscale = upscale
    self._variables = jax.device_put(variables)
    self._landmarker = landmarker
    self._detector = detector or detectors.BlazeFace()
    restore = restore or functools.partial(
      _gfpgan, zoo.build('gfpgan', dtype=dtype)
    )
    self._restored = jax.jit(
      functools.partial(_restored, restore, upscale=upscale)
    )
    self._enlarged = jax.jit(
      functools.partial(aligned.enlarge, upscale=upscale)
    )

  @classmethod
  def from_bundle(cls, bundle: bundle_lib.Bundle) -> Self:
    """GFPGAN with the weights of a bundle.

    Raises:
      InputError: the bundle lacks them.
    """
    if not bundle.has('gfpgan'):
      raise errors.InputError(
        "enhancer: 'gfpgan' expects the network gfpgan; the bundle "
        f"'{bundle.name}' lacks it"
      )
    return cls(bundle.variables('gfpgan'), bundle.landmarker)

  def enhance(self, frames: Array) -> np.ndarray:
    """Frames with sharper faces, each found and restored by itself.

    Args:
      frames: [B, H, W, 3] uint8.

    Returns:
      [B, H * upscale, W * upscale, 3] uint8; a frame without a face is only
      resized.

    Raises:
      ValueError: frames of another shape or type.
    """
    frames = _checked(frames)
    points = [self._chase().step(frame) for frame in frames]
    return self._start(frames, steady.stacked(points)).result()

  def stream(self, batches: Iterable[Array]) -> Iterator[np.ndarray]:
    """Consecutive frames with sharper faces.

    The face is followed, its place smoothed over five frames; the sizes of the
    batches change nothing. One batch is restored while the one before it is
    used. Memory does not grow with the number of batches. Streams of one
    enhancer are independent of each other.

    Args:
      batches: [b, H, W, 3] uint8 in order, b may vary.

    Yields:
      [b, H * upscale, W * upscale, 3] uint8 for each batch.

    Raises:
      ValueError: frames of another shape or type.
    """
    pending: _Work | None = None
    checked = (_checked(batch) for batch in batches)
    for frames, points in steady.stream(checked, self._chase()):
      work = self._start(frames, points)
      if pending is not None:
        yield pending.result()
      pending = work
    if pending is not None:
      yield pending.result()

  def _chase(self) -> steady.Chase:
    return steady.Chase(self._landmarker, self._detector)

  def _start(self, frames: np.ndarray, points: np.ndarray) -> '_Work':
    """Starts to restore frames with points [b, 5, 2], NaN where no face is."""
    seen = np.isfinite(points).all((1, 2))
    parts = []
    for index in _pieces(np.flatnonzero(seen)):
      matrix = aligned.similarity(points[index])
      parts.append(
        (
          index,
          self._restored(
            self._variables,
            frames[index],
            matrix.astype(np.float32),
            aligned.inverse(matrix).astype(np.float32),
          ),
        )
      )
    for index in _pieces(np.flatnonzero(~seen)):
      parts.append((index, self._enlarged(frames[index])))
    count, height, width, _ = frames.shape
    size = (count, height * self.upscale, width * self.upscale, 3)
    return _Work(size, parts)


class _Work(NamedTuple):
  """Frames whose computation has started."""

  shape: tuple[int, int, int, int]
  parts: Sequence[tuple[np.ndarray, jax.Array]]  # places of frames, frames

  def result(self) -> np.ndarray:
    """All frames; waits until they are computed."""
    out = np.empty(self.shape, np.uint8)
    for index, frames in self.parts:
      out[index] = np.asarray(frames)
    return out


def _checked(frames: Array) -> np.ndarray:
  frames = np.asarray(frames)
  if frames.ndim != 4:
    raise ValueError(
      f'expected frames uint8 [B, H, W, 3], found {frames.dtype} {frames.shape}'
    )
  for frame in frames[:1]:
    warp.check_picture(frame)
  return frames


def _pieces(index: np.ndarray) -> Iterator[np.ndarray]:
  """Pieces of `index` of length `_LARGEST`, then of smaller powers of 2.

  So few static shapes are compiled, and no result is thrown away.
  """
  size, start = _LARGEST, 0
  while start < len(index):
    while size > len(index) - start:
      size //= 2
    yield index[start : start + size]
    start += size


def _gfpgan(module: Any, variables: Any, faces: jax.Array) -> jax.Array:
  return module.apply(variables, faces).image


def _restored(
  restore: Restorer,
  variables: Any,
  frames: jax.Array,
  to_square: jax.Array,
  to_picture: jax.Array,
  *,
  upscale: int,
) -> jax.Array:
  """Frames [B, H, W, 3] uint8 with their faces restored, `upscale` larger."""
  faces = aligned.cut(frames, to_picture) / 127.5 - 1
  restored = (restore(variables, faces).astype(faces.dtype) + 1) * 127.5
  return aligned.paste(
    frames, restored.clip(0, 255), to_square, upscale=upscale
  )
