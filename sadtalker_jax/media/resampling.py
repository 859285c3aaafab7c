"""Conversion of decoded sound: format, channels, rate, size of pieces.

A piece of sound is [C, n] float32: channels, samples. The functions here keep
state in bounded memory, whatever the length of the sound.
"""

from collections.abc import Iterator
import fractions
import math

import av
import av.error
import numpy as np

from sadtalker_jax.media import containers

# Number of taps of the interpolation filter, and the share of the band at which
# it is at half. Measured 48 to 16 kHz: flat to 7.2 kHz within 0.01 dB, -0.7 dB
# at 7.6 kHz, aliases from 8.24 kHz on below -96 dB; swresample's own 32 taps:
# -1 dB at 7.2 kHz and -17 dB of alias.
_RESAMPLER = 'filter_size=128:phase_shift=10:cutoff=0.97'
_SQRT_HALF = math.sqrt(0.5)
# Share of each loudspeaker in the left channel; the right channel mirrors it.
_LEFT_SHARE = {
  'FL': 1.0, 'FLC': 1.0, 'FC': _SQRT_HALF, 'BL': _SQRT_HALF, 'SL': _SQRT_HALF,
  'BC': 0.5, 'FR': 0.0, 'FRC': 0.0, 'BR': 0.0, 'SR': 0.0, 'LFE': 0.0,
}  # fmt: skip
_MIRROR = {'FL': 'FR', 'FLC': 'FRC', 'BL': 'BR', 'SL': 'SR'}
_MIRROR |= {right: left for left, right in _MIRROR.items()}


def samples(frame: containers.Frame) -> np.ndarray:
  """A decoded frame as [C, n] float32 in [-1, 1]."""
  raw = frame.to_ndarray()
  if not frame.format.is_planar:
    raw = raw.reshape(-1, len(frame.layout.channels)).T
  if raw.dtype == np.uint8:
    return (raw.astype(np.float32) - 128) / 128
  if raw.dtype.kind == 'i':
    return (raw / 2.0 ** (8 * raw.dtype.itemsize - 1)).astype(np.float32)
  with np.errstate(over='ignore', invalid='ignore'):  # damaged files
    return raw.astype(np.float32)


def mix(
  sound: np.ndarray,
  layout: av.AudioLayout,
  channels: int,
  lone: int | None = None,
) -> np.ndarray:
  """Sound mixed to another number of channels.

  One channel is the mean of all, or one of them; two are mixed from more by
  ITU-R BS.775, scaled so that neither can overflow.

  Args:
    sound: [C, n].
    layout: loudspeakers of `sound`.
    channels: number of channels of the result, 1 or 2.
    lone: channel that stands for all where one is wanted; None for their mean.

  Returns:
    [channels, n].
  """
  if sound.shape[0] == channels:
    return sound
  if channels == 1 and lone is not None and lone < sound.shape[0]:
    return sound[lone : lone + 1]
  if channels == 1:
    with np.errstate(over='ignore', invalid='ignore'):  # refused later
      return sound.mean(axis=0, keepdims=True)
  if sound.shape[0] == 1:
    return np.repeat(sound, channels, axis=0)
  names = [channel.name for channel in layout.channels]
  shares = np.array(
    [
      [_LEFT_SHARE.get(name, 0.5) for name in names],
      [_LEFT_SHARE.get(_MIRROR.get(name, name), 0.5) for name in names],
    ],
    np.float32,
  )
  return shares @ sound / shares.sum(axis=1).max()


class Resampler:
  """Streaming change of rate; the first samples in and out coincide."""

  def __init__(self, source_rate: int, rate: int, channels: int):
    self._layout = 'mono' if channels == 1 else 'stereo'
    self._channels, self._source_rate = channels, source_rate
    self._ratio = fractions.Fraction(rate, source_rate)
    self._given = 0
    self._graph = av.filter.Graph()
    source = self._graph.add(
      'abuffer',
      sample_rate=str(source_rate),
      sample_fmt='fltp',
      channel_layout=self._layout,
      time_base=f'1/{source_rate}',
    )
    change = self._graph.add('aresample', f'{rate}:{_RESAMPLER}')
    sink = self._graph.add('abuffersink')
    source.link_to(change)
    change.link_to(sink)
    self._graph.configure()
    self._position = 0

  def push(self, sound: np.ndarray) -> np.ndarray:
    """Adds sound [C, n] and returns the part that is ready, [C, m]."""
    frame = av.AudioFrame.from_ndarray(
      np.ascontiguousarray(sound), format='fltp', layout=self._layout
    )
    frame.sample_rate = self._source_rate
    frame.time_base = fractions.Fraction(1, self._source_rate)
    frame.pts = self._position
    self._position += sound.shape[1]
    self._graph.push(frame)
    ready = self._pull()
    self._given += ready.shape[1]
    return ready

  def flush(self) -> np.ndarray:
    """Ends the sound and returns the rest, [C, m].

    The filter's tail is cut or filled: the length is exact to the sample.
    """
    self._graph.push(None)
    rest = max(0, round(self._position * self._ratio) - self._given)
    tail = self._pull()[:, :rest]
    return np.pad(tail, ((0, 0), (0, rest - tail.shape[1])))

  def _pull(self) -> np.ndarray:
    ready = [np.zeros((self._channels, 0), np.float32)]
    while True:
      try:
        frame: containers.Frame = self._graph.pull()
      except (av.error.BlockingIOError, av.error.EOFError):
        return np.concatenate(ready, axis=1)
      ready.append(frame.to_ndarray())


def resampled(
  pieces: Iterator[np.ndarray], source_rate: int, rate: int, channels: int
) -> Iterator[np.ndarray]:
  """The same sound at another rate; its length is exact to the sample.

  Args:
    pieces: sound [channels, n].
    source_rate: samples a second of `pieces`.
    rate: samples a second of the result.
    channels: number of channels, 1 or 2.
  """
  if source_rate == rate:
    yield from pieces
    return
  resampler = Resampler(source_rate, rate, channels)
  for piece in pieces:
    yield resampler.push(piece)
  yield resampler.flush()


def rebuffered(
  pieces: Iterator[np.ndarray], block: int
) -> Iterator[np.ndarray]:
  """The same sound in pieces of `block` samples, the last one shorter."""
  waiting: list[np.ndarray] = []
  length = 0
  for piece in pieces:
    waiting.append(piece)
    length += piece.shape[1]
    if length < block:
      continue
    joined = np.concatenate(waiting, axis=1)
    whole = length - length % block
    for start in range(0, whole, block):
      yield joined[:, start : start + block]
    waiting, length = [joined[:, whole:]], length - whole
  if length:
    yield np.concatenate(waiting, axis=1)
