"""Media files made for the tests, and the measure of a delay."""

from collections.abc import Callable
import fractions
import pathlib

import av
import numpy as np
import pytest
import scipy.signal


def make_speech_like(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
  """Band-limited noise in bursts, [L] float32: correlates with nothing else."""
  length = round(seconds * rate)
  rng = np.random.default_rng(seed)
  band = scipy.signal.butter(4, [200, 3500], 'band', fs=rate, output='sos')
  wave = scipy.signal.sosfilt(band, rng.standard_normal(length))
  bursts = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * np.arange(length) / rate)
  return (0.25 * wave * bursts / wave.std()).clip(-1, 1).astype(np.float32)


def write_sound(
  path: pathlib.Path,
  wave: np.ndarray,
  rate: int,
  codec: str,
  *,
  sample_format: str | None = None,
  layout: str | None = None,
  start: int = 0,
  gap: tuple[int, int] | None = None,
) -> pathlib.Path:
  """Writes [C, L] float sound; `gap` is (position, samples left out)."""
  wave = np.atleast_2d(wave)
  layout = layout or {1: 'mono', 2: 'stereo', 6: '5.1'}[wave.shape[0]]
  with av.open(str(path), 'w') as container:
    stream = container.add_stream(codec, rate=rate)
    stream.layout = layout
    if sample_format:
      stream.codec_context.format = sample_format
    if codec not in ('flac',) and not codec.startswith('pcm'):
      stream.bit_rate = 128000
    wanted = stream.format.name
    for first in range(0, wave.shape[1], 1024):
      piece = wave[:, first : first + 1024]
      frame = av.AudioFrame.from_ndarray(
        _encoded(piece, wanted), format=wanted, layout=layout
      )
      frame.sample_rate = rate
      frame.time_base = fractions.Fraction(1, rate)
      late = gap[1] if gap and first >= gap[0] else 0
      frame.pts = start + first + late
      container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
  return path


def _encoded(wave: np.ndarray, sample_format: str) -> np.ndarray:
  """[C, n] float to what PyAV takes for a sample format."""
  name = sample_format.removesuffix('p')
  if name == 'u8':
    samples = np.round(wave * 127 + 128).astype(np.uint8)
  elif name in ('s16', 's32'):
    top = 2.0 ** (int(name[1:]) - 1) - 1
    samples = np.round(wave.astype(np.float64) * top)
    samples = samples.astype({'s16': np.int16, 's32': np.int32}[name])
  else:
    samples = wave.astype({'flt': np.float32, 'dbl': np.float64}[name])
  if not sample_format.endswith('p'):
    samples = samples.T.reshape(1, -1)
  return np.ascontiguousarray(samples)


def delay_s(found: np.ndarray, source: np.ndarray, rate: int) -> float:
  """How much later `found` is than `source`, by cross-correlation."""
  size = 1 << (len(found) + len(source)).bit_length()
  spectrum = np.fft.rfft(found, size) * np.conj(np.fft.rfft(source, size))
  lag = int(np.argmax(np.fft.irfft(spectrum, size)))
  return (lag - size if lag > size // 2 else lag) / rate


def write_video(
  path: pathlib.Path,
  frames: list[np.ndarray],
  *,
  rate: int = 25,
  times_ms: list[int] | None = None,
  codec: str = 'libx264',
  aspect: fractions.Fraction | None = None,
  sound: tuple[np.ndarray, int] | None = None,
  sound_start_s: float = 0,
) -> pathlib.Path:
  """Writes pictures with PyAV alone, without colour tags."""
  with av.open(str(path), 'w') as container:
    stream = container.add_stream(codec, rate=rate)
    stream.height, stream.width = frames[0].shape[:2]
    stream.pix_fmt = 'yuv420p'
    if codec == 'libx264':
      stream.options = {'crf': '10', 'preset': 'veryfast'}
    else:
      stream.bit_rate = 4_000_000
    if times_ms is not None:
      stream.codec_context.time_base = fractions.Fraction(1, 1000)
    if aspect is not None:
      stream.codec_context.sample_aspect_ratio = aspect
    if sound is not None:
      wave, sample_rate = sound
      audio = container.add_stream('aac', rate=sample_rate)
      audio.layout = 'mono'
    for index, picture in enumerate(frames):
      frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
      if times_ms is not None:
        frame.pts, frame.time_base = (
          times_ms[index],
          fractions.Fraction(1, 1000),
        )
      else:
        frame.pts, frame.time_base = index, fractions.Fraction(1, rate)
      container.mux(stream.encode(frame))
    if sound is not None:
      for first in range(0, len(wave), 1024):
        piece = np.ascontiguousarray(wave[None, first : first + 1024])
        block = av.AudioFrame.from_ndarray(piece, 'fltp', 'mono')
        block.sample_rate = sample_rate
        block.time_base = fractions.Fraction(1, sample_rate)
        block.pts = first + round(sound_start_s * sample_rate)
        container.mux(audio.encode(block))
      container.mux(audio.encode(None))
    container.mux(stream.encode(None))
  return path


@pytest.fixture(scope='session')
def speech_like() -> Callable[..., np.ndarray]:
  return make_speech_like


@pytest.fixture(scope='session')
def sound_file() -> Callable[..., pathlib.Path]:
  return write_sound


@pytest.fixture(scope='session')
def video_file() -> Callable[..., pathlib.Path]:
  return write_video


@pytest.fixture(scope='session')
def delay() -> Callable[..., float]:
  return delay_s
