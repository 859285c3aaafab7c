"""Log-mel windows of sound of any length, computed in pieces of one size.

`ops.mel` compiles anew for each length of sound. Here it computes overlapping
pieces of one length, of which the mel frames that do not reach to the ends of a
piece are put together: the same numbers, one compilation, and memory on the
device that does not grow with the sound. The host keeps 26 kB per second.

Letters: L samples at 16 kHz, M mel frames, N video frames, 25 per second.
"""

import numpy as np

from sadtalker_jax.ops import mel, waves

PIECE = 512  # mel frames of a piece, 6.4 s

_HOP = 200  # samples between mel frames
# Mel frame j covers samples 200 j - 401 to 200 j + 399.
_BEFORE = 3  # mel frames at the start of a piece that reach beyond it
_REACH = 400  # samples that a mel frame covers after its middle
_PREEMPHASIS = 0.97


class SoundWindows:
  """Windows of the frames of a recording: `windows[index]` is [n, 80, 16]."""

  def __init__(self, wave: waves.Wave, num_frames: int):
    """The windows of a recording.

    Args:
      wave: [L] sound in [-1, 1], cut or filled with silence to N frames.
      num_frames: N, at least 1.

    Raises:
      ValueError: the sound has another shape, or there is no frame.
    """
    wave = waves.checked(wave)
    if num_frames < 1:
      raise ValueError(f'expected at least 1 frame, found {num_frames}')
    self._mel = spectrogram(wave, mel.num_samples(num_frames))
    self._starts = mel.window_starts(num_frames)

  def __len__(self) -> int:
    """N."""
    return len(self._starts)

  def __getitem__(self, index: np.ndarray) -> np.ndarray:
    """Windows [n, 80, 16] of the frames of an index [n], as of `ops.mel`."""
    rows = self._starts[index][:, None] + np.arange(mel.WINDOW)
    rows = np.clip(rows, 0, len(self._mel) - 1)
    return np.swapaxes(self._mel[rows], 1, 2)


def spectrogram(wave: waves.Wave, length: int | None = None) -> np.ndarray:
  """The spectrogram `mel.log_mel` of a sound, up to rounding.

  Args:
    wave: [L] sound.
    length: Samples that it is cut or filled with silence to; None for L.

  Returns:
    [M, 80] of the sound at that length.
  """
  length = len(wave) if length is None else length
  total = 1 + length // _HOP
  step = PIECE * _HOP
  start = -_BEFORE * _HOP
  pieces = []
  for first in range(0, total, PIECE):
    begin = start + first * _HOP
    part = _part(wave, length, begin, begin + step + _BEFORE * _HOP + _REACH)
    pieces.append(np.asarray(mel.log_mel(part))[_BEFORE : _BEFORE + PIECE])
  return np.concatenate(pieces)[:total]


def _part(wave: waves.Wave, length: int, begin: int, end: int) -> np.ndarray:
  """Samples from one place to another of sound that ends at a length."""
  part = waves.between(wave, begin, min(end, length))
  # Beyond the end, sound that pre-emphasis turns into the zeros which `ops.mel`
  # appends after pre-emphasis.
  after = np.arange(1, min(_REACH, end - length) + 1)
  last = waves.between(wave, length - 1, length)[0]
  tail = np.zeros(max(0, end - length), np.float32)
  tail[: len(after)] = last * _PREEMPHASIS**after
  return np.concatenate([part, tail])
