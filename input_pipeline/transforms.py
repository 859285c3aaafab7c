"""Picklable maps of the pipeline, and what kinds of examples share.

A kind of examples (`Examples`) is a frozen dataclass of options that cuts one
example out of a clip. Examples are dicts of numpy arrays, batches have one
leading axis more. All randomness of an example comes from the generator in its
arguments, which depends on seed and place in the stream alone.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import NamedTuple, Protocol

import grain
import numpy as np

from input_pipeline import sources
from sadtalker_jax import conventions
from sadtalker_jax.ops import mel as mels

Example = dict[str, np.ndarray]


class Entry(NamedTuple):
  """What an entry of an example is; the range is that of synthetic ones."""

  shape: tuple[int, ...]
  dtype: type[np.generic] = np.float32
  low: float = -1.0
  high: float = 1.0


class Examples(Protocol):
  """Cuts the examples of one training stage out of clips."""

  def entries(self) -> dict[str, Entry]:
    """Shapes and types of an example."""
    ...

  def check(self, clips: sources.Clips) -> None:
    """Raises `InputError` if the stage cannot use these clips at all."""
    ...

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which clips of an index it can use, [N] bool."""
    ...

  def example(
    self, clips: sources.Clips, position: int, rng: np.random.Generator
  ) -> Example:
    """An example of the clip in a row of the index."""
    ...


@dataclasses.dataclass(frozen=True)
class Cut(grain.transforms.RandomMap):
  """Maps the place of a group of clips to an example of one of them."""

  stage: Examples
  clips: sources.Clips
  groups: Sequence[np.ndarray] | np.ndarray  # rows of the index

  def random_map(self, element: int, rng: np.random.Generator) -> Example:
    """An example of a random clip of the group."""
    group = self.groups[element]
    position = group[rng.integers(len(group))] if len(group) > 1 else group[0]
    return self.stage.example(self.clips, int(position), rng)


@dataclasses.dataclass(frozen=True)
class Stack(grain.transforms.Map):
  """Maps the number of a batch to this process's rows of it.

  Batch k holds examples k B ... (k + 1) B - 1 of an endless stream, whatever
  the number of processes; a process makes only its own rows.
  """

  examples: grain.MapDataset  # endless
  batch_size: int  # B, over all processes
  rows: tuple[int, int]  # first and last + 1 of this process

  def map(self, element: int) -> Example:
    """The rows, stacked."""
    first = element * self.batch_size
    found = [self.examples[first + row] for row in range(*self.rows)]
    return {key: np.stack([e[key] for e in found]) for key in found[0]}


def mel_windows(mel: np.ndarray, starts: np.ndarray) -> np.ndarray:
  """Windows of a spectrogram, edge rows repeated beyond its ends.

  Args:
    mel: Spectrogram [M, 80].
    starts: First mel frames [N] of the windows, may be negative.

  Returns:
    [N, 80, 16], bands by time, as `ops.mel.frame_windows`.
  """
  rows = np.asarray(starts)[:, None] + np.arange(mels.WINDOW)
  return mel[np.clip(rows, 0, len(mel) - 1)].swapaxes(1, 2)


def frame_starts(frames: np.ndarray) -> np.ndarray:
  """Window starts of frames [N], trunc(3.2 (i - 2)) (method 2.3)."""
  doubled = 16 * (np.asarray(frames) - 2)
  return np.sign(doubled) * (np.abs(doubled) // 5)


def coefficient_windows(rows: np.ndarray, frames: np.ndarray) -> np.ndarray:
  """27 rows around each frame, the first and last row repeated beyond the ends.

  Args:
    rows: Coefficients [T, C] of a clip.
    frames: Numbers [N] of frames.

  Returns:
    [N, 27, C].
  """
  return rows[conventions.window_places(frames, len(rows))]
