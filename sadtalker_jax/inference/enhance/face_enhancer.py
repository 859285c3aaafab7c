"""Sharper faces: each frame's face restored by GFPGAN and put back.

As GFPGANer of the original program does it (method 11.1, method 11.5),
batched: the largest face is turned upright into a square of 512 pixels,
restored, turned back and blended into the frame, which is made twice as large
by plain resampling. All of that is one compiled function per frame size.

Unlike there, the square's place is smoothed over the neighbouring frames, so
that what the network adds does not jitter; other faces are left alone; the
network's noise is its stored one. The original lays the face over the frame by
the mask of a parsing network (ParseNet), which cuts off hair and background.
That network is no part of ours: the mask is the square without its rim,
blurred, what facexlib takes where it has no parsing network.
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
    """Puts the weights on the device.

    Args:
      variables: of the network `gfpgan`.
      landmarker: finds the landmarks of a face.
      detector: finds the face; default `BlazeFace`.
      upscale: how many times larger frames become, 1 or 2.
      dtype: of the network's computation; default float32.
      restore: instead of GFPGAN.

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
      frames: uint8 [B, H, W, 3].

    Returns:
      uint8 [B, H * upscale, W * upscale, 3]; a frame without a face is only
      resized.

    Raises:
      ValueError: frames of another shape or type.
    """
    frames = _checked(frames)
    points = [self._chase().step(frame) for frame in frames]
    return self._start(frames, steady.stacked(points)).result()

  def stream(self, batches: Iterable[Array]) -> Iterator[np.ndarray]:
    """Consecutive frames with sharper faces.

    The face is followed, its place smoothed over five frames; how frames are
    cut into batches changes nothing. One batch is restored while the one before
    it is used. Memory does not grow with the number of batches. Streams of one
    enhancer do not disturb each other.

    Args:
      batches: uint8 [b, H, W, 3] in order, b may vary.

    Yields:
      For each batch uint8 [b, H * upscale, W * upscale, 3].

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
    """Begins to restore frames with their points [b, 5, 2], NaN for no face."""
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
  """Frames that the device is at."""

  shape: tuple[int, int, int, int]
  parts: Sequence[tuple[np.ndarray, jax.Array]]  # frames' places, frames

  def result(self) -> np.ndarray:
    """All of them, when they are done."""
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
  """`index` in pieces of `_LARGEST`, and smaller powers of 2 at the end.

  Few static shapes are compiled, and nothing is computed to be thrown away.
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
  """Frames uint8 [B, H, W, 3] with their faces restored, `upscale` larger."""
  faces = aligned.cut(frames, to_picture) / 127.5 - 1
  restored = (restore(variables, faces).astype(faces.dtype) + 1) * 127.5
  return aligned.paste(
    frames, restored.clip(0, 255), to_square, upscale=upscale
  )
