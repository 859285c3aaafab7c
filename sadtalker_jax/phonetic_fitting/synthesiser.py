"""What makers of speech have in common."""

from collections.abc import Iterator, Sequence
import random
from typing import Protocol

import numpy as np
import scipy.signal

from sadtalker_jax import conventions
from sadtalker_jax.ops import lip_classes
from sadtalker_jax.records import speech

SPEEDS = (0.75, 1.35)  # least and most of a voice's own
_PEAK = 30_000  # amplitude of the loudest sample
_LEAST_SEGMENTS = 5


class Synthesiser(Protocol):
  """Makes speech whose phones are known."""

  name: str

  def lacks(self) -> str:
    """What must be installed, in words; '' if all is there."""
    ...

  def utterances(self, rng: random.Random) -> Iterator[speech.Utterance]:
    """Speech without end; texts, voices and speeds by `rng`."""
    ...


def utterance(
  wave: np.ndarray,
  rate: int,
  segments: Sequence[lip_classes.Segment],
  voice: str,
  language: str,
) -> speech.Utterance | None:
  """An utterance at 16 kHz; None where almost nothing is said.

  Args:
    wave: [L] sound, in any unit.
    rate: Its samples a second.
    segments: Classes in order.
    voice: Name of the voice.
    language: Language of the text.
  """
  sound = np.asarray(wave, np.float64)
  peak = float(np.abs(sound).max()) if len(sound) else 0.0
  if len(segments) < _LEAST_SEGMENTS or peak == 0:
    return None
  if rate != conventions.SAMPLE_RATE:
    sound = scipy.signal.resample_poly(sound, conventions.SAMPLE_RATE, rate)
    peak = float(np.abs(sound).max())
  return speech.Utterance(
    (sound / peak * _PEAK).astype(np.int16),
    np.array([s.begin for s in segments], np.float32),
    np.array([s.end for s in segments], np.float32),
    np.array([lip_classes.INDEX[s.name] for s in segments], np.uint8),
    voice,
    language,
  )
