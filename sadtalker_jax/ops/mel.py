"""Log-mel spectrogram of speech and its window for each video frame.

The audio front-end of Wav2Lip and SadTalker (method 2). Sound is mono float32
in [-1, 1] at 16 kHz. A spectrogram is [M, 80]: M mel frames, 80 a
second, by 80 bands from low to high, values in [-4, 4]. Mel frame j is centred
at sample 200 j. Digital silence is -4 (`SILENCE`), not 0: zero is the middle of
the range (quirk Q36). A window is [80, 16]: band by time, 0.2 s, centred on the
middle of its video frame.

Letters: L samples, M mel frames, N video frames.

Frame counts and window starts are integers computed from the frame rate as a
fraction, so that 30000/1001 frames a second never drift.
"""

import fractions
import functools
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.typing import Array

FrameRate: TypeAlias = fractions.Fraction | float | int

SILENCE = -4.0
NUM_MELS = 80
WINDOW = 16  # mel frames in the window of one video frame

_HOP = 200
_FFT = 800  # also the length of the Hann window; four hops
_MELS_PER_SECOND = conventions.SAMPLE_RATE // _HOP
_BLOCK = 1024  # mel frames computed at a time: bounds memory on long sound


def _rate(fps: FrameRate) -> fractions.Fraction:
  """The frame rate as a fraction; 29.97 stays 2997/100."""
  exact = fractions.Fraction(fps).limit_denominator(1001)
  if exact <= 0:
    raise ValueError(f'expected a frame rate above 0, found {fps}')
  return exact


def num_frames(num_samples: int, fps: FrameRate = 25.0) -> int:
  """Number of whole video frames in `num_samples` of 16 kHz sound.

  At 25 frames a second floor(L / 640) (method 2.1).

  Raises:
    ValueError: `fps` is not above 0.
  """
  rate = _rate(fps)
  return (
    num_samples * rate.numerator // (conventions.SAMPLE_RATE * rate.denominator)
  )


def num_samples(num_video_frames: int, fps: FrameRate = 25.0) -> int:
  """Number of 16 kHz samples in `num_video_frames`, rounded up.

  The published program cuts sound to this length before the spectrogram, which
  decides what the windows of the last two frames contain.

  Raises:
    ValueError: `fps` is not above 0.
  """
  rate = _rate(fps)
  return -(
    -num_video_frames
    * conventions.SAMPLE_RATE
    * rate.denominator
    // rate.numerator
  )


@functools.cache
def filterbank() -> np.ndarray:
  """Slaney mel filters with unit area, 55 to 7600 Hz, [80, 401] float32.

  Triangles on Slaney's scale: linear (200/3 Hz a mel) up to 1 kHz, then
  logarithmic (27 mels for a factor of 6.4); each is divided by half its width
  in hertz (method 2.2).
  """
  log_step = np.log(6.4) / 27

  def to_mel(hertz: float) -> float:
    if hertz < 1000:
      return hertz * 3 / 200
    return 15 + np.log(hertz / 1000) / log_step

  mels = np.linspace(to_mel(55.0), to_mel(7600.0), NUM_MELS + 2)
  edges = np.where(
    mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * log_step)
  )
  bins = np.arange(_FFT // 2 + 1) * (conventions.SAMPLE_RATE / _FFT)
  low, peak, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
  rising = (bins - low) / (peak - low)
  falling = (high - bins) / (high - peak)
  triangles = np.maximum(0, np.minimum(rising, falling))
  filters = (triangles * 2 / (high - low)).astype(np.float32)
  filters.setflags(write=False)
  return filters


def log_mel(
  wave: Array, stft_pad: Literal['zeros', 'reflect'] = 'zeros'
) -> jax.Array:
  """Normalised log-mel spectrogram (method 2.2).

  Can be jitted over `wave`; peak memory grows with the sound and its
  spectrogram only, not with the overlapping frames.

  Args:
    wave: sound [L], 16 kHz, in [-1, 1], at least one sample.
    stft_pad: sound beyond both ends: zeros (librosa from 0.9, SadTalker) or
      the mirrored sound (librosa up to 0.8, Wav2Lip). Changes the first and
      last two mel frames (quirk Q29).

  Returns:
    [M, 80] float32 in [-4, 4], M = 1 + floor(L / 200).

  Raises:
    ValueError: `wave` is not one-dimensional or is empty, or `stft_pad` has
      another value.
  """
  if wave.ndim != 1 or wave.shape[0] == 0:
    raise ValueError(
      f'expected sound of shape [L] with L > 0, found shape {wave.shape}'
    )
  if stft_pad not in ('zeros', 'reflect'):
    raise ValueError(f"expected stft_pad zeros or reflect, found '{stft_pad}'")
  return _log_mel(jnp.asarray(wave, jnp.float32), stft_pad, filterbank())


@functools.partial(jax.jit, static_argnames='stft_pad')
def _log_mel(
  wave: jax.Array, stft_pad: str, filters: jax.Array | np.ndarray
) -> jax.Array:
  """`log_mel` without its checks, block by block."""
  total = 1 + wave.shape[0] // _HOP
  block = min(total, _BLOCK)
  num_blocks = -(-total // block)

  previous = jnp.concatenate([jnp.zeros(1), wave[:-1]])
  sharp = wave - 0.97 * previous
  mode = 'constant' if stft_pad == 'zeros' else 'reflect'
  sharp = jnp.pad(sharp, _FFT // 2, mode=mode)
  # A frame is four hops, so rows of one hop each hold every frame.
  num_rows = num_blocks * block + _FFT // _HOP - 1
  sharp = sharp[: num_rows * _HOP]
  sharp = jnp.pad(sharp, (0, num_rows * _HOP - sharp.shape[0]))
  rows = sharp.reshape(num_rows, _HOP)
  hann = jnp.asarray(
    0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT), jnp.float32
  )

  def spectra(first: jax.Array) -> jax.Array:
    part = jax.lax.dynamic_slice_in_dim(rows, first, block + 3)
    frames = jnp.concatenate(
      [part[i : i + block] for i in range(_FFT // _HOP)], axis=1
    )  # [block, 800]
    magnitude = jnp.abs(jnp.fft.rfft(frames * hann))  # [block, 401]
    mel = jnp.matmul(
      magnitude, filters.T, precision=jax.lax.Precision.HIGHEST
    )  # [block, 80]
    decibel = 20 * jnp.log10(jnp.maximum(mel, 1e-5)) - 20
    return jnp.clip(8 * (decibel + 100) / 100 - 4, -4, 4)

  mels = jax.lax.map(spectra, jnp.arange(num_blocks) * block)
  return mels.reshape(-1, NUM_MELS)[:total]


def window_starts(num_video_frames: int, fps: FrameRate = 25.0) -> np.ndarray:
  """First mel frame of each video frame's window, [N] int64; may be negative.

  The middle of frame i lies at 80 (i + 1/2) / fps mel frames and the window
  starts half its length, 8, before: trunc(80 (i + 1/2) / fps - 8), towards
  zero. At 25 frames a second that is trunc(3.2 (i - 2)) (method 2.3).

  Raises:
    ValueError: `fps` is not above 0.
  """
  rate = _rate(fps)
  index = np.arange(num_video_frames, dtype=np.int64)
  # With fps = p / q the start is (40 (2 i + 1) q - 8 p) / p.
  half_second = _MELS_PER_SECOND // 2
  above = half_second * (2 * index + 1) * rate.denominator
  above -= WINDOW // 2 * rate.numerator
  return np.sign(above) * (np.abs(above) // rate.numerator)


def frame_windows(
  mel: Array, num_video_frames: int, fps: FrameRate = 25.0
) -> jax.Array:
  """The spectrogram around each video frame (method 2.3).

  Before the first and after the last mel frame the edge is repeated.

  Args:
    mel: spectrogram [M, 80] of `log_mel`.
    num_video_frames: N, at least 1; static under jit.
    fps: video frames a second, not necessarily 25; static under jit.

  Returns:
    [N, 80, 16], bands by time.

  Raises:
    ValueError: `mel` has another shape, or `num_video_frames` is below 1.
  """
  if mel.ndim != 2 or mel.shape[0] == 0:
    raise ValueError(
      f'expected a spectrogram [M, 80] with M > 0, found shape {mel.shape}'
    )
  if num_video_frames < 1:
    raise ValueError(f'expected at least 1 frame, found {num_video_frames}')
  rows = window_starts(num_video_frames, fps)[:, None] + np.arange(WINDOW)
  rows = np.clip(rows, 0, mel.shape[0] - 1)  # [N, 16]
  return jnp.swapaxes(jnp.asarray(mel)[rows], 1, 2)  # [N, 80, 16]
