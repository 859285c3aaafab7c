"""What drawn heads say: pieces of recordings, changed at random."""

from collections.abc import Sequence
import pathlib

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference import bundle
from sadtalker_jax.media import audio, resampling
from sadtalker_jax.records import speech

SECONDS = (3.0, 6.0)  # least and most of a piece
_SPEED = (0.9, 1.12)  # factor of the speed; the pitch changes with it


def recordings(folder: pathlib.Path | None = None) -> list[np.ndarray]:
  """Recordings [L] float32 at 16 kHz to take pieces of.

  Args:
    folder: Folder that `sadtalker lips --synthesise` has filled, whose
      utterances are meant; None for the packaged recording alone.

  Raises:
    InputError: There is no speech in the folder.
  """
  if folder is None:
    return [audio.load(bundle.SAMPLE_SPEECH)]
  return [
    each.wave.astype(np.float32) / 32768
    for file in speech.files(folder)
    for each in speech.read(file)
  ]


def piece(sounds: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
  """A random piece of a random recording, faster or slower.

  Args:
    sounds: [L] each, at 16 kHz; the one of a piece is chosen by length.
    rng: Random numbers for place, length, speed and loudness.

  Returns:
    float32 [640 T] sound of T frames.
  """
  lengths = np.array([len(each) for each in sounds], np.float64)
  chosen = sounds[int(rng.choice(len(lengths), p=lengths / lengths.sum()))]
  speed = rng.uniform(*_SPEED)
  length = rng.uniform(*SECONDS)
  samples = min(int(length * speed * conventions.SAMPLE_RATE), len(chosen))
  start = int(rng.integers(0, len(chosen) - samples + 1))
  part = chosen[None, start : start + samples]
  # Played at another rate: faster and higher, or slower and lower.
  rate = round(conventions.SAMPLE_RATE * speed / 100) * 100
  changed = np.concatenate(
    list(resampling.resampled(iter([part]), rate, conventions.SAMPLE_RATE, 1)),
    1,
  )[0]
  count = len(changed) // conventions.SAMPLES_PER_FRAME
  gain = rng.uniform(0.6, 1.0)
  return (gain * changed[: count * conventions.SAMPLES_PER_FRAME]).astype(
    np.float32
  )
