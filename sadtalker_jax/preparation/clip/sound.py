"""The sound of a video on disk, and the pieces of it that clips have.

Sound is int16, mono, 16 kHz, 640 samples for each frame of 25 a second, in step
with the pictures (`media.audio`).
"""

import pathlib

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.media import audio
from sadtalker_jax.ops import mel as mel_lib

_FRAMES = 64  # lengths are padded to a multiple: few compilations
_EMPHASIS = 0.97  # pre-emphasis of `ops.mel`


def spool(path: str, target: pathlib.Path) -> np.ndarray:
  """The sound of a file, decoded to another one and mapped from there.

  Args:
    path: Path of the video.
    target: File to write.

  Returns:
    int16 [L] sound in a mapped file; memory does not grow with L.

  Raises:
    InputError: There is no sound, or it cannot be decoded.
  """
  with target.open('wb') as file:
    for block in audio.blocks(
      path, rate=conventions.SAMPLE_RATE, channels=1, block=1 << 16
    ):
      file.write(to_int16(block[0]).tobytes())
  return np.memmap(target, np.int16, mode='r')


def to_int16(wave: np.ndarray) -> np.ndarray:
  """Sound in [-1, 1] as int16."""
  return np.rint(wave * 32768).clip(-32768, 32767).astype(np.int16)


def piece(track: np.ndarray, first: int, count: int) -> np.ndarray:
  """The sound of `count` frames from frame `first` on; silence beyond it.

  Args:
    track: int16 [L] sound of the video.
    first: Number of the first frame; may be negative.
    count: Number of frames.

  Returns:
    int16 [640 count] sound.
  """
  unit = conventions.SAMPLES_PER_FRAME
  start, stop = first * unit, (first + count) * unit
  inside = np.array(track[max(start, 0) : max(stop, 0)])
  before = min(max(-start, 0), count * unit)
  return np.pad(inside, (before, count * unit - before - len(inside)))


def mel(sound: np.ndarray) -> np.ndarray:
  """The log-mel spectrogram [M, 80] of a clip's sound, int16 [640 T]."""
  wave = sound.astype(np.float32) / 32768
  unit = _FRAMES * conventions.SAMPLES_PER_FRAME
  missing = -len(wave) % unit
  # A tail that the pre-emphasis turns into zeros, as if the sound had ended.
  tail = wave[-1] * _EMPHASIS ** np.arange(1, missing + 1)
  padded = np.concatenate([wave, tail.astype(np.float32)])
  count = 1 + len(wave) // 200
  return np.array(mel_lib.log_mel(padded)[:count])
