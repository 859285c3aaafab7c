"""Sharper faces: each frame's face restored by a network and put back.

As GFPGANer of the published program does it (method 11.1, method 11.5),
batched: the largest face is turned upright into a square of 512 pixels,
restored, turned back and blended into the frame, which is made twice as large
by plain resampling, or larger by a network of its own (`frame_enlarger`). All
of that is one compiled function per frame size.

Unlike there, the square's place is smoothed over the neighbouring frames, so
that the added detail does not jitter; other faces are left alone; the network's
noise is its stored one. The published program lays the face over the frame by
the mask of a parsing network (ParseNet), which cuts off hats, necks and
background; so does this with a bundle that has it. Otherwise the mask is the
square without its rim, blurred, as facexlib has it without a parsing network.
"""

from collections.abc import Callable, Iterable, Iterator
import functools
from typing import Any, Self, TypeAlias

import jax
import numpy as np

from sadtalker_jax.faces import aligned, face_mask, landmarks, steady, warp
from sadtalker_jax.faces import detector as detectors
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference.enhance import frame_enlarger, needs, pieces
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Array, Dtype, Variables

# Variables and faces [B, 512, 512, 3] in [-1, 1] to faces of the same shape.
Restorer: TypeAlias = Callable[[Any, jax.Array], jax.Array]

# Networks that restore faces, by the names of the published program.
NETWORKS = {'gfpgan': 'gfpgan', 'RestoreFormer': 'restoreformer'}


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
    parsing: Variables | None = None,
    enlarger: frame_enlarger.FrameEnlarger | None = None,
  ):
    """An enhancer whose weights are on the device.

    Args:
      variables: Variables of the network `gfpgan`.
      landmarker: Finder of the landmarks of a face.
      detector: Finder of faces; None for `BlazeFace`.
      upscale: Enlargement of the frames, 1 or 2; with an enlarger, its own.
      dtype: Type of the network's computation; None for float32.
      restore: Replacement of GFPGAN, with `variables` of its own; None for
        GFPGAN.
      parsing: Variables of the network `parsenet`, whose classes make the mask
        of the face; None for its square.
      enlarger: Network that makes the frames larger; None for resampling.

    Raises:
      ValueError: another `upscale`.
    """
    if upscale not in (1, 2):
      raise ValueError(f'upscale: expected 1 or 2, found {upscale}')
    self.upscale = enlarger.upscale if enlarger else upscale
    self._variables = jax.device_put((variables, parsing))
    self._enlarger = enlarger
    self._landmarker = landmarker
    self._detector = detector or detectors.BlazeFace()
    restore = restore or functools.partial(
      _image, zoo.build('gfpgan', dtype=dtype)
    )
    self._restored = jax.jit(
      functools.partial(_restored, restore, upscale=self.upscale)
    )
    self._enlarged = jax.jit(
      functools.partial(aligned.enlarge, upscale=self.upscale)
    )

  @classmethod
  def from_bundle(
    cls,
    bundle: bundle_lib.Bundle,
    name: str = 'gfpgan',
    enlarger: frame_enlarger.FrameEnlarger | None = None,
  ) -> Self:
    """A network of faces, and its mask, with the weights of a bundle.

    Args:
      bundle: Bundle with the network, and perhaps with `parsenet`.
      name: One of `NETWORKS`.
      enlarger: As for the class.

    Raises:
      InputError: the bundle lacks it.
    """
    network = NETWORKS[name]
    variables = needs.weights(bundle, 'enhancer', name, network)
    return cls(
      variables,
      bundle.landmarker,
      restore=functools.partial(_image, zoo.build(network)),
      parsing=bundle.variables('parsenet') if bundle.has('parsenet') else None,
      enlarger=enlarger,
    )

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
    pending: pieces.Work | None = None
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

  def _start(self, frames: np.ndarray, points: np.ndarray) -> pieces.Work:
    """Starts to restore frames with points [b, 5, 2], NaN where no face is."""
    seen = np.isfinite(points).all((1, 2))
    parts = []
    for index in pieces.of(np.flatnonzero(seen)):
      matrix = aligned.similarity(points[index])
      parts.append(
        (
          index,
          self._restored(
            self._variables,
            frames[index],
            matrix.astype(np.float32),
            aligned.inverse(matrix).astype(np.float32),
            self._below(frames[index]),
          ),
        )
      )
    for index in pieces.of(np.flatnonzero(~seen)):
      large = self._below(frames[index])
      if large is None:
        large = self._enlarged(frames[index])
      parts.append((index, large))
    count, height, width, _ = frames.shape
    size = (count, height * self.upscale, width * self.upscale, 3)
    return pieces.Work(size, parts)

  def _below(self, frames: np.ndarray) -> jax.Array | None:
    """Frames as the network of whole frames makes them, if there is one."""
    return None if self._enlarger is None else self._enlarger.enlarged(frames)


def _checked(frames: Array) -> np.ndarray:
  frames = np.asarray(frames)
  if frames.ndim != 4:
    raise ValueError(
      f'expected frames uint8 [B, H, W, 3], found {frames.dtype} {frames.shape}'
    )
  for frame in frames[:1]:
    warp.check_picture(frame)
  return frames


def _image(module: Any, variables: Any, faces: jax.Array) -> jax.Array:
  return module.apply(variables, faces).image


def _restored(
  restore: Restorer,
  variables: tuple[Any, Variables | None],
  frames: jax.Array,
  to_square: jax.Array,
  to_picture: jax.Array,
  below: jax.Array | None,
  *,
  upscale: int,
) -> jax.Array:
  """Frames [B, H, W, 3] uint8 with their faces restored, `upscale` larger."""
  network, parsing = variables
  faces = aligned.cut(frames, to_picture) / 127.5 - 1
  restored = restore(network, faces).astype(faces.dtype).clip(-1, 1)
  masks = None
  if parsing is not None:
    classes: Any = zoo.build('parsenet').apply(parsing, restored)
    masks = face_mask.soft(classes.logits.argmax(-1))
  return aligned.paste(
    frames,
    (restored + 1) * 127.5,
    to_square,
    upscale=upscale,
    masks=masks,
    below=below,
  )
