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
import contextlib
import dataclasses
import itertools
import os

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import (
  recordings,
  resampling,
  sound_decoding,
  stored_sound,
)

Source = str | os.PathLike[str] | recordings.Recording


@dataclasses.dataclass(frozen=True)
class AudioInfo:
  """Facts that a file states about its sound."""

  rate: int  # samples a second
  channels: int
  duration_s: float | None  # None where the file does not say
  codec: str  # FFmpeg's name, such as 'pcm_s16le'


def info(source: Source) -> AudioInfo:
  """Describes the sound of a file, as it will be decoded.

  Raises:
    InputError: as `load`.
  """
  recording = _recording(source)
  # Headers may lack the number of channels, or have a wrong one.
  with contextlib.closing(recordings.frames(recording)) as frames:
    first = next(frames, None)
  if first is None:
    raise _without_samples(recording)
  with recording.opened() as (container, stream):
    return AudioInfo(
      rate=first[0].sample_rate,
      channels=first[0].layout.nb_channels,
      duration_s=sound_decoding.declared_duration(container, stream),
      codec=stream.codec_context.name,
    )


def load(
  source: Source, *, rate: int = 16000, report: bool = True
) -> np.ndarray:
  """The sound of a file, mono.

  Args:
    source: Name of a file: wav, mp3, flac, ogg, m4a, a video with sound and so
      on; or a recording that was examined before.
    rate: Samples a second of the result.
    report: Whether to warn of damage, clipping and missing sound.

  Returns:
    [L] float32 in [-1, 1].

  Raises:
    InputError: the file is missing, a directory, empty, not media, has no sound
      or none that can be decoded, or holds NaN or infinite samples. A file that
      ends too early is read as far as it goes, with a warning.
  """
  return stored_sound.gathered(_mono(source, rate, report))


def stored(
  source: Source, *, rate: int = 16000, report: bool = True
) -> np.ndarray | stored_sound.StoredSound:
  """The same as `load`, but long sound stays on disk; see `ops.waves`.

  Args:
    source: As for `load`.
    rate: As for `load`.
    report: As for `load`.

  Raises:
    InputError: as `load`.
  """
  return stored_sound.stored(_mono(source, rate, report))


def _mono(source: Source, rate: int, report: bool) -> Iterator[np.ndarray]:
  """Pieces [n] of the sound of a file."""
  for piece in blocks(
    source, rate=rate, channels=1, block=1 << 16, report=report
  ):
    yield piece[0]


def blocks(
  source: Source,
  *,
  rate: int,
  channels: int,
  block: int = 1024,
  report: bool = True,
) -> Iterator[np.ndarray]:
  """The sound of a file piece by piece, in bounded memory.

  Args:
    source: Name of the file, or a recording; see `load`.
    rate: Samples a second of the result.
    channels: Number of channels of the result, 1 or 2.
    block: Number of samples in a piece.
    report: Whether to warn of damage, clipping and missing sound.

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
  recording = _recording(source)
  sound = sound_decoding.decoded(recording, rate, channels, report)
  pieces = resampling.rebuffered(sound, block)
  first = next(pieces, None)
  if first is None:
    raise _without_samples(recording)
  return itertools.chain([first], pieces)


def _without_samples(recording: recordings.Recording) -> errors.InputError:
  return errors.InputError(
    f'{recording.path}: expected sound, found a track without a single sample'
  )


def _recording(source: Source) -> recordings.Recording:
  if isinstance(source, recordings.Recording):
    return source
  return recordings.examine(source)
