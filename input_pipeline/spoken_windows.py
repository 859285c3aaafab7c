"""Examples of speech and its lips, for LipNet."""

from collections.abc import Mapping, Sequence
import dataclasses

import numpy as np

from input_pipeline import sound_changes, transforms, utterances
from sadtalker_jax import conventions, errors
from sadtalker_jax.ops import dominance, lip_classes, lip_spectra
from sadtalker_jax.records import speech

_STRIDE = 2  # rows of spectra to one of lips
_RATE = lip_spectra.ROWS_PER_SECOND // _STRIDE
_SLOWER = (0.84, 1.2)
_MARGIN = 0.5  # most seconds of silence at either end
_BEYOND = 0.3  # seconds that silence goes on outside of the sound


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpokenWindows:
  """LipNet: some seconds of speech, lips and classes of its phones.

  Lips are those of `ops.dominance`. Beyond the end of a short utterance there
  is silence of weight 0.

  spectra  [2 N, 64]  of `ops.lip_spectra`
  lips     [N, M]     measures of `ops.dominance`, 50 rows a second
  classes  [N]        of `ops.lip_classes`
  weight   [N]        0 where nothing is known
  """

  num_rows: int = 150  # N
  changes: bool = True  # whether sound is changed at random

  def __post_init__(self) -> None:
    """Checks the length."""
    if self.num_rows < 2:
      raise errors.InputError(
        f'expected num_rows from 2, found {self.num_rows}'
      )

  def entries(self) -> dict[str, transforms.Entry]:
    """Shapes and types of an example."""
    n, bands = self.num_rows, lip_spectra.NUM_BANDS
    last = len(lip_classes.CLASSES) - 1
    return {
      'spectra': transforms.Entry((n * _STRIDE, bands), low=-7.0, high=3.0),
      'lips': transforms.Entry((n, len(dominance.MEASURES))),
      'classes': transforms.Entry((n,), np.int32, 0, last),
      'weight': transforms.Entry((n,), low=0.0),
    }

  def check(self, clips: utterances.Utterances) -> None:
    """Any speech will do."""

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """Utterances in which there is anything."""
    return index['num_frames'] > 0

  def example(
    self,
    clips: utterances.Utterances,
    position: int,
    rng: np.random.Generator,
  ) -> transforms.Example:
    """A random window of the utterance, changed at random."""
    wave, segments = self._heard(clips.clip(position), rng)
    rows = lip_spectra.spectra(wave)
    count = len(rows) // _STRIDE
    lips = dominance.tracks(segments, count, _RATE)
    classes = dominance.classes_at(segments, count, _RATE)
    first = int(rng.integers(max(count - self.num_rows, 0) + 1))
    inside = slice(first, first + self.num_rows)
    rows = rows[first * _STRIDE : inside.stop * _STRIDE]
    if self.changes:
      rows = sound_changes.changed_spectra(rows, rng)
    found = min(count, self.num_rows)
    example = {
      'spectra': rows[: found * _STRIDE],
      'lips': lips[inside],
      'classes': classes[inside],
      'weight': np.ones(found, np.float32),
    }
    return {
      name: _filled(
        value,
        self.num_rows * (_STRIDE if name == 'spectra' else 1),
        lip_spectra.LEAST if name == 'spectra' else 0,
      )
      for name, value in example.items()
    }

  def _heard(
    self, said: speech.Utterance, rng: np.random.Generator
  ) -> tuple[np.ndarray, list[lip_classes.Segment]]:
    """Sound [L] of an utterance, and its segments with silence around them."""
    wave = said.wave.astype(np.float32) / 2**15
    factor, before, after = 1.0, 0.0, 0.0
    if self.changes:
      if rng.random() < 0.75:  # other talkers: formants and pitch move, too
        factor = round(100 * rng.uniform(*_SLOWER)) / 100
        wave = sound_changes.slower(wave, factor)
      before, after = rng.uniform(0, _MARGIN, 2)
    ends = [int(s * conventions.SAMPLE_RATE) for s in (before, after)]
    wave = np.pad(wave, ends)
    if self.changes and rng.random() < 0.8:
      wave = sound_changes.changed(wave, rng)
    shift = ends[0] / conventions.SAMPLE_RATE
    length = len(wave) / conventions.SAMPLE_RATE
    return wave, _surrounded(
      factor * said.begin + shift,
      factor * said.end + shift,
      said.classes,
      length,
    )


def _surrounded(
  begin: np.ndarray,
  end: np.ndarray,
  classes: Sequence[int] | np.ndarray,
  length: float,
) -> list[lip_classes.Segment]:
  """Segments with silence before the first and after the last one."""
  last = max(length, float(end[-1])) + _BEYOND
  found = [lip_classes.Segment(-_BEYOND, float(begin[0]), 'SIL')]
  for first, stop, number in zip(begin, end, classes, strict=True):
    name = lip_classes.CLASSES[number]
    found.append(lip_classes.Segment(float(first), float(stop), name))
  return [*found, lip_classes.Segment(float(end[-1]), last, 'SIL')]


def _filled(rows: np.ndarray, length: int, value: float) -> np.ndarray:
  """Rows [n, ...] with more of a value after them, [length, ...]."""
  more = [(0, length - len(rows)), *[(0, 0)] * (rows.ndim - 1)]
  return np.pad(rows, more, constant_values=value)
