"""Log-mel windows of sound of any length, computed in pieces of one size.

`ops.mel` compiles anew for each length of sound. Here it computes overlapping
pieces of one length, of which the mel frames that do not reach to the ends of a
piece are put together: the same numbers, one compilation, and memory on the
device that does not grow with the sound. The host keeps 26 kB per second.

Letters: L samples at 16 kHz, M mel frames, N video frames, 25 per second.
"""

import numpy as np

from sadtalker_jax.ops import mel

PIECE = 512  # mel frames of a piece, 6.4 s

_HOP = 200  # samples between mel frames
# Mel frame j covers samples 200 j - 401 to 200 j + 399.
_BEFORE = 3  # mel frames at the start of a piece that reach beyond it
_REACH = 400  # samples that a mel frame covers after its middle
_PREEMPHASIS = 0.97


class SoundWindows:
  """Windows of the frames of a recording: `windows[index]` is [n, 80, 16]."""

  def __init__(self, wave: np.ndarray, num_frames: int):
    """The windows of a recording.

    Args:
      wave: [L] sound in [-1, 1], cut or filled with silence to N frames.
      num_frames: N, at least 1.

    Raises:
      ValueError: the sound has another shape, or there is no frame.
    """
    if wave.ndim != 1:
      raise ValueError(f'expected sound of shape [L], found {wave.shape}')
    if num_frames < 1:
      raise ValueError(f'expected at least 1 frame, found {num_frames}')
    length = mel.num_samples(num_frames)
    samples = np.zeros(length, np.float32)
    samples[: len(wave)] = wave[:length]
    self._mel = spectrogram(samples)
    self._starts = mel.window_starts(num_frames)

  def __len__(self) -> int:
    """N."""
    return len(self._starts)

  def __getitem__(self, index: np.ndarray) -> np.ndarray:
    """Windows [n, 80, 16] of the frames of an index [n], as of `ops.mel`."""
    rows = self._starts[index][:, None] + np.arange(mel.WINDOW)
    rows = np.clip(rows, 0, len(self._mel) - 1)
    return np.swapaxes(self._mel[rows], 1, 2)


def spectrogram(wave: np.ndarray) -> np.ndarray:
  """The spectrogram `mel.log_mel` of a sound [L]: [M, 80], up to rounding."""
  total = 1 + len(wave) // _HOP
  num_pieces = -(-total // PIECE)
  step = PIECE * _HOP
  size = step + _BEFORE * _HOP + _REACH  # of a piece, in samples
  padded = np.zeros((num_pieces - 1) * step + size, np.float32)
  start = _BEFORE * _HOP
  end = start + len(wave)
  padded[start:end] = wave
  # Beyond the end, sound that pre-emphasis turns into the zeros which `ops.mel`
  # appends after pre-emphasis.
  tail = padded[end : end + _REACH]
  tail[:] = wave[-1] * _PREEMPHASIS ** np.arange(1, len(tail) + 1)
  pieces = [
    np.asarray(mel.log_mel(padded[first : first + size]))
    for first in range(0, num_pieces * step, step)
  ]
  return np.concatenate([piece[_BEFORE : _BEFORE + PIECE] for piece in pieces])[
    :total
  ]
