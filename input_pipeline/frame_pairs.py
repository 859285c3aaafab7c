"""Examples of two frames of one clip: renderer and MappingNet.

Frames are [S, S, 3] uint8 RGB, S the size of the records.
"""

from collections.abc import Mapping
import dataclasses
from typing import Literal

import numpy as np
from PIL import Image, ImageEnhance

from input_pipeline import coeff_sequences, sources, transforms
from sadtalker_jax import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class FramePairs:
  """Renderer: a source and a driving frame, augmented alike (reference 5.10).

  source   [S, S, 3]
  driving  [S, S, 3]  not before the source, unless their order is swapped
  """

  size: int = 256
  augment: bool = True  # off for validation
  jitter: float = 0.1  # of brightness, contrast, saturation and hue

  def entries(self) -> dict[str, transforms.Entry]:
    """Shapes and types of an example."""
    image = transforms.Entry((self.size,) * 2 + (3,), np.uint8, 0, 255)
    return {'source': image, 'driving': image}

  def check(self, clips: sources.Clips) -> None:
    """Frames must have the size."""
    _check_size(clips, self.size)

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """All clips."""
    return index['num_frames'] >= 1

  def example(
    self, clips: sources.Clips, position: int, rng: np.random.Generator
  ) -> transforms.Example:
    """Two random frames of the clip."""
    total = clips.index['num_frames'][position]
    pair = clips.frames(position, np.sort(rng.integers(total, size=2)))
    if self.augment:
      pair = augment(pair, rng, self.jitter)
    return {'source': pair[0], 'driving': pair[1]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoefficientWindows:
  """MappingNet: two frames and the coefficients around them (reference 5.11).

  source, driving  [S, S, 3]
  source_window    [27, C]  expression, angles, translation(, crop)
  driving_window   [27, C]
  """

  size: int = 256
  coefficients: Literal[70, 73] = 70  # C: without or with the crop
  # Around the source frame, or its own row 27 times as at inference.
  source_window: Literal['video', 'still'] = 'video'

  def __post_init__(self) -> None:
    """Checks the words."""
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
    window = transforms.Entry((2 * transforms.RADIUS + 1, self.coefficients))
    return {
      'source': image,
      'driving': image,
      'source_window': window,
      'driving_window': window,
    }

  def check(self, clips: sources.Clips) -> None:
    """Frames must have the size."""
    _check_size(clips, self.size)

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """All clips."""
    return index['num_frames'] >= 1

  def example(
    self, clips: sources.Clips, position: int, rng: np.random.Generator
  ) -> transforms.Example:
    """Two random frames of the clip, in any order."""
    clip = clips.clip(position)
    numbers = rng.integers(clip['num_frames'], size=2)
    pair = clips.frames(position, numbers)
    parts = [
      clip['coefficients'][:, coeff_sequences.EXPRESSION],
      clip['coefficients'][:, list(coeff_sequences.POSE)],
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


def _check_size(clips: sources.Clips, size: int) -> None:
  """Raises `InputError` if the records have frames of another size."""
  if clips.size != size:
    raise errors.InputError(
      f'expected frames of {size} pixels, found {clips.size} in {clips.folder}'
    )


def augment(
  pair: np.ndarray, rng: np.random.Generator, jitter: float
) -> np.ndarray:
  """Both frames changed in the same way (reference 5.10).

  With probability 1/2 their order is swapped; otherwise with probability 1/2
  they are mirrored. Then brightness, contrast and saturation are multiplied
  by factors within 1 +- jitter and hue is shifted by up to `jitter` of the
  circle, in random order.

  Args:
    pair: [2, S, S, 3] uint8.
    rng: source of all randomness.
    jitter: range of the colours' change.

  Returns:
    [2, S, S, 3] uint8.
  """
  if rng.random() < 0.5:
    pair = pair[::-1]
  elif rng.random() < 0.5:
    pair = pair[:, :, ::-1]
  if not jitter:
    return pair
  factors = rng.uniform(1 - jitter, 1 + jitter, 3)
  shift = int(round(rng.uniform(-jitter, jitter) * 255))
  order = rng.permutation(4)
  return np.stack([_recolour(frame, factors, shift, order) for frame in pair])


def _recolour(
  frame: np.ndarray, factors: np.ndarray, shift: int, order: np.ndarray
) -> np.ndarray:
  """A frame with changed brightness, contrast, saturation and hue."""
  image = Image.fromarray(np.ascontiguousarray(frame))
  kinds = (
    ImageEnhance.Brightness,
    ImageEnhance.Contrast,
    ImageEnhance.Color,
  )
  for step in order:
    if step < 3:
      image = kinds[step](image).enhance(factors[step])
    elif shift:
      hue, *others = image.convert('HSV').split()
      hue = hue.point([(value + shift) % 256 for value in range(256)])
      image = Image.merge('HSV', (hue, *others)).convert('RGB')
  return np.asarray(image)
