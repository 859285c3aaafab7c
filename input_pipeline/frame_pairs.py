"""Examples of two frames of one clip: renderer and MappingNet.

Frames are [S, S, 3] uint8 RGB; S is the size of the records, or that divided by
a whole number: records of 512 pixels serve models of 256.
"""

from collections.abc import Mapping
import dataclasses
from typing import Literal

import numpy as np

from input_pipeline import augmentation, sources, transforms
from sadtalker_jax import conventions, errors

# Which frames of a clip are driving ones: all, all but the last tenth, or the
# last tenth, from a source before. For models of few people, who cannot be held
# out.
Part = Literal['all', 'without_end', 'end']
_PARTS = ('all', 'without_end', 'end')
_HELD_OUT = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class FramePairs:
  """Renderer: a source and a driving frame, augmented alike (method 5.10).

  source   [S, S, 3]
  driving  [S, S, 3]  not before the source, unless their order is swapped
  """

  size: int = 256
  augment: bool = True  # off for validation
  jitter: float = 0.1  # of brightness, contrast, saturation and hue
  part: Part = 'all'

  def __post_init__(self) -> None:
    """Checks `part`."""
    _check_part(self.part)

  def entries(self) -> dict[str, transforms.Entry]:
    """Shapes and types of an example."""
    image = transforms.Entry((self.size,) * 2 + (3,), np.uint8, 0, 255)
    return {'source': image, 'driving': image}

  def check(self, clips: sources.Clips) -> None:
    """Frames must have the size."""
    check_size(clips, self.size)

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """All clips."""
    return index['num_frames'] >= 1

  def example(
    self, clips: sources.Clips, position: int, rng: np.random.Generator
  ) -> transforms.Example:
    """Two random frames of the clip."""
    total = clips.index['num_frames'][position]
    numbers = np.sort(two_of(total, self.part, rng))
    pair = pictures(clips, position, numbers, self.size)
    if self.augment:
      pair = augmentation.augment(pair, rng, self.jitter)
    return {'source': pair[0], 'driving': pair[1]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoefficientWindows:
  """MappingNet: two frames and the coefficients around them (method 5.11).

  source, driving  [S, S, 3]
  source_window    [27, C]  expression, angles, translation(, crop)
  driving_window   [27, C]
  """

  size: int = 256
  coefficients: Literal[70, 73] = 70  # C: without or with the crop
  # Around the source frame, or its own row 27 times as at inference.
  source_window: Literal['video', 'still'] = 'video'
  part: Part = 'all'

  def __post_init__(self) -> None:
    """Checks the options."""
    _check_part(self.part)
    if self.coefficients not in (70, 73):
      raise errors.InputError(
        f'expected 70 or 73 coefficients, found {self.coefficients}'
      )
    if self.source_window not in ('video', 'still'):
      raise errors.InputError(
        f'expected source_window video or still, found {self.source_window!r}'
      )

  def entries(self) -> dict[str, transforms.Entry]:
    """Shapes and types of an example."""
    image = transforms.Entry((self.size,) * 2 + (3,), np.uint8, 0, 255)
    window = transforms.Entry((conventions.WINDOW, self.coefficients))
    return {
      'source': image,
      'driving': image,
      'source_window': window,
      'driving_window': window,
    }

  def check(self, clips: sources.Clips) -> None:
    """Frames must have the size; a crop is in pixels of the records."""
    check_size(clips, self.size)
    if self.coefficients == 73 and clips.size != self.size:
      raise errors.InputError(
        f'expected frames of {self.size} pixels for coefficients with the '
        f'crop, found {clips.size} in {clips.folder}'
      )

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """All clips."""
    return index['num_frames'] >= 1

  def example(
    self, clips: sources.Clips, position: int, rng: np.random.Generator
  ) -> transforms.Example:
    """Two random frames of the clip, in any order."""
    clip = clips.clip(position)
    numbers = two_of(clip['num_frames'], self.part, rng)
    pair = pictures(clips, position, numbers, self.size)
    parts = [
      clip['coefficients'][:, conventions.EXPRESSION],
      clip['coefficients'][:, list(conventions.POSE)],
    ]
    if self.coefficients == 73:
      parts.append(clip['crop'])
    rows = np.concatenate(parts, axis=1)  # [T, C]
    source, driving = transforms.coefficient_windows(rows, numbers)
    if self.source_window == 'still':
      source = np.broadcast_to(rows[numbers[0]], source.shape)
    return {
      'source': pair[0],
      'driving': pair[1],
      'source_window': source,
      'driving_window': driving,
    }


def two_of(total: int, part: Part, rng: np.random.Generator) -> np.ndarray:
  """Numbers [2] of random frames out of `total`, in any order.

  The source may be any frame; where frames are held out, both are others, or
  only the driving one is one of them.
  """
  split = total - max(total // _HELD_OUT, 1)
  if part == 'all' or total < 2:
    return rng.integers(total, size=2)
  driving = (0, split) if part == 'without_end' else (split, total)
  return np.array([rng.integers(split), rng.integers(*driving)])


def _check_part(part: str) -> None:
  if part not in _PARTS:
    raise errors.InputError(f'expected part in {_PARTS}, found {part!r}')


def check_size(clips: sources.Clips, size: int) -> None:
  """Raises `InputError` if frames of a size cannot be had from the records."""
  if clips.size % size:
    raise errors.InputError(
      f'expected frames of {size} pixels or a multiple of it, found '
      f'{clips.size} in {clips.folder}'
    )


def pictures(
  clips: sources.Clips, position: int, numbers: np.ndarray, size: int
) -> np.ndarray:
  """Frames of a clip, [N, size, size, 3] uint8, averaged down if need be."""
  times = clips.size // size
  return np.stack(
    [
      np.asarray(frame.reduce(times) if times > 1 else frame)
      for frame in clips.frames(position, numbers)
    ]
  )
