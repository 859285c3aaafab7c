"""Sound from media files, as float32 in [-1, 1].

A block of sound is [C, n]: channels, samples. Time 0 is the file's first sample
or, for a video, its first picture: earlier sound is cut and missing sound is
filled with silence, so that sound and frames stay together. Delay that an
encoder added (mp3, m4a, opus) is removed where the file declares it; bare AAC
(.aac, .ts) declares none and starts late by its encoder's delay, mostly 1,024
samples. Up to 1,023 samples of padding may follow the end of AAC.

Channels are mixed before the rate is changed: to one channel by their mean
(method 2.1), from more than two to two by ITU-R BS.775. Rates are changed by
swresample with a long filter. Samples beyond +-1 are clipped.
"""

from collections.abc import Iterator
import dataclasses
import fractions
import itertools
import os
import struct

from absl import logging
import av
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import containers, resampling

_MAX_JITTER_S = 0.1  # smaller errors of time stamps are no gaps
_MAX_GAP_S = 3600  # time stamps with larger gaps are broken
_SILENT_ROWS = 1 << 16  # samples of silence in one piece


@dataclasses.dataclass(frozen=True)
class AudioInfo:
  """Facts that a file states about its sound."""

  rate: int  # samples a second
  channels: int
  duration_s: float | None  # None where the file does not say
  codec: str  # FFmpeg's name, such as 'pcm_s16le'


def info(path: str | os.PathLike[str]) -> AudioInfo:
  """Describes the sound of a file without decoding it.

  Raises:
    InputError: as `load`.
  """
  with containers.open_media(path, 'an audio file') as container:
    stream = _audio_stream(container, path)
    return AudioInfo(
      rate=stream.codec_context.sample_rate,
      channels=stream.codec_context.channels,
      duration_s=_declared_duration(container, stream),
      codec=stream.codec_context.name,
    )


def load(path: str | os.PathLike[str], *, rate: int = 16000) -> np.ndarray:
  """The sound of a file, mono.

  Args:
    path: name of a file: wav, mp3, flac, ogg, m4a, a video with sound and so
      on.
    rate: samples a second of the result.

  Returns:
    [L] float32 in [-1, 1].

  Raises:
    InputError: the file is missing, a directory, empty, not media, has no sound
      or none that can be decoded, or holds NaN or infinite samples. A file that
      ends too early is read as far as it goes, with a warning.
  """
  parts = list(blocks(path, rate=rate, channels=1, block=1 << 16))
  return np.concatenate(parts, axis=1)[0]


def blocks(
  path: str | os.PathLike[str], *, rate: int, channels: int, block: int = 1024
) -> Iterator[np.ndarray]:
  """The sound of a file piece by piece, in bounded memory.

  Args:
    path: name of the file; see `load`.
    rate: samples a second of the result.
    channels: number of channels of the result, 1 or 2.
    block: number of samples in a piece.

  Returns:
    Iterator of [channels, block] float32 in [-1, 1]; the last may be shorter.
    The file is opened at once and the first piece decoded, so that bad files
    raise here; later pieces are decoded when asked for.

  Raises:
    InputError: as `load`.
    ValueError: `channels` is not 1 or 2, or `rate` or `block` is below 1.
  """
  if channels not in (1, 2):
    raise ValueError(f'expected 1 or 2 channels, found {channels}')
  if rate < 1 or block < 1:
    raise ValueError(f'expected rate, block above 0, found {rate}, {block}')
  pieces = resampling.rebuffered(_decoded(path, rate, channels), block)
  first = next(pieces, None)
  if first is None:
    raise errors.InputError(
      f'{path}: expected sound, found a track without a single sample'
    )
  return itertools.chain([first], pieces)


def _audio_stream(
  container: containers.Container, path: str | os.PathLike[str]
) -> containers.Stream:
  streams = container.streams.audio
  if not streams or streams[0].codec_context is None:
    kinds = sorted({s.type for s in container.streams}) or ['nothing']
    raise errors.InputError(
      f'{path}: expected a file with sound, found only {", ".join(kinds)}'
    )
  return streams[0]


def _declared_duration(
  container: containers.Container, stream: containers.Stream
) -> float | None:
  duration = containers.seconds(stream.duration, stream.time_base)
  if duration is not None:
    return float(duration)
  if container.duration is not None:
    return container.duration / av.time_base
  return None


def _decoded(
  path: str | os.PathLike[str], rate: int, channels: int
) -> Iterator[np.ndarray]:
  """Pieces [channels, n] at `rate`, clipped; warns of damaged files."""
  with containers.open_media(path, 'an audio file') as container:
    stream = _audio_stream(container, path)
    frames = containers.decode(container, stream, path)
    first = next(frames, None)
    if first is None:
      return
    source_rate = first.sample_rate
    tally = {'samples': 0, 'peak': 0.0}
    origin = _origin(container)
    pieces = _in_step(itertools.chain([first], frames), origin, channels, path)
    checked = _checked(pieces, source_rate, path, tally)
    for piece in resampling.resampled(checked, source_rate, rate, channels):
      yield np.clip(piece, -1, 1)
    if tally['peak'] > 1.1:  # lossy codecs overshoot a little
      logging.warning(
        '%s: samples up to %.4g were clipped to 1', path, tally['peak']
      )
    declared = _declared_duration(container, stream)
    _warn_if_cut_off(path, declared, tally['samples'] / source_rate)


def _origin(container: containers.Container) -> fractions.Fraction | None:
  """Time of the first picture in seconds; None without moving pictures."""
  video = containers.video_stream(container)
  if video is None:
    return None
  return containers.seconds(video.start_time, video.time_base)


def _in_step(
  frames: Iterator[containers.Frame],
  origin: fractions.Fraction | None,
  channels: int,
  path: str | os.PathLike[str],
) -> Iterator[np.ndarray]:
  """Sound [channels, n] of frames, placed by their time stamps."""
  rate = position = 0
  for frame in frames:
    if rate and frame.sample_rate != rate:
      raise errors.InputError(
        f'{path}: expected one sample rate, found {rate} and then '
        f'{frame.sample_rate}'
      )
    is_first, rate = not rate, frame.sample_rate
    piece = resampling.mix(resampling.samples(frame), frame.layout, channels)
    time = containers.seconds(frame.pts, frame.time_base)
    if time is not None:
      origin = time if origin is None else origin
      late = round((time - origin) * rate) - position
      tolerance = 0 if is_first else _MAX_JITTER_S
      if tolerance < late / rate < _MAX_GAP_S:
        yield from _silence(channels, late)
        position += late
      elif late < 0 and position == 0:  # before the first picture
        piece = piece[:, -late:]
    position += piece.shape[1]
    if piece.shape[1]:
      yield piece


def _checked(
  pieces: Iterator[np.ndarray],
  rate: int,
  path: str | os.PathLike[str],
  tally: dict[str, float],
) -> Iterator[np.ndarray]:
  """The same pieces, checked to be finite; updates sample count and peak."""
  for piece in pieces:
    if not np.isfinite(piece).all():
      raise errors.InputError(
        f'{path}: expected finite samples, found NaN or infinity after '
        f'{tally["samples"] / rate:.2f} s'
      )
    tally['samples'] += piece.shape[1]
    tally['peak'] = max(tally['peak'], float(np.abs(piece).max(initial=0)))
    yield piece


def _silence(channels: int, length: int) -> Iterator[np.ndarray]:
  """Zeros in pieces, since a gap may be long."""
  for start in range(0, length, _SILENT_ROWS):
    rows = min(_SILENT_ROWS, length - start)
    yield np.zeros((channels, rows), np.float32)


def _warn_if_cut_off(
  path: str | os.PathLike[str], declared_s: float | None, found_s: float
) -> None:
  """Warns when a file declares clearly more sound than it holds."""
  if declared_s is not None and found_s < 0.98 * declared_s - 0.25:
    expected = f'{declared_s:.2f} s of sound'
  elif _is_cut_off_wav(path):
    expected = 'as many bytes as its header says'
  else:
    return
  logging.warning(
    '%s: expected %s, found %.2f s (is it cut off?)', path, expected, found_s
  )


def _is_cut_off_wav(path: str | os.PathLike[str]) -> bool:
  """Whether a wav file is shorter than its header states; FFmpeg hides it."""
  with open(path, 'rb') as file:
    head = file.read(12)
    size = file.seek(0, os.SEEK_END)
  if len(head) < 12 or head[:4] != b'RIFF' or head[8:] != b'WAVE':
    return False
  (counted,) = struct.unpack('<I', head[4:8])
  # 0 and the greatest number mean that the length was unknown when written.
  return counted not in (0, 2**32 - 1) and counted + 8 > size
