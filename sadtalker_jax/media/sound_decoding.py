"""The sound of a `Recording`, placed in time, mixed and brought to one rate.

The lower half of `audio`. A piece of sound is [C, n] float32.
"""

from collections.abc import Iterator
import dataclasses
import fractions
import itertools

from absl import logging
import av
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import (
  containers,
  joined_files,
  recordings,
  resampling,
)

_MAX_JITTER_S = 0.1  # smaller errors of time stamps are no gaps
_MAX_GAP_S = 3600  # time stamps with larger gaps are broken
_SILENT_ROWS = 1 << 16  # samples of silence in one piece


@dataclasses.dataclass
class _Tally:
  """What has been decoded so far."""

  seconds: fractions.Fraction = fractions.Fraction(0)  # gaps included
  end: fractions.Fraction = fractions.Fraction(0)  # by time stamps
  peak: float = 0.0

  def add(
    self, frame: containers.Frame, time: fractions.Fraction | None
  ) -> None:
    """Counts a frame."""
    length = fractions.Fraction(frame.samples, frame.sample_rate)
    self.seconds += length
    if time is not None:
      self.end = max(self.end, time + length)


def decoded(
  recording: recordings.Recording, rate: int, channels: int, report: bool
) -> Iterator[np.ndarray]:
  """Pieces [channels, n] at a rate, clipped.

  Args:
    recording: Sound to decode.
    rate: Samples a second of the result.
    channels: Number of channels of the result, 1 or 2.
    report: Whether to warn of damage, clipping and missing sound.

  Raises:
    InputError: samples are NaN or infinite.
  """
  frames = recordings.frames(recording, report=report)
  first = next(frames, None)
  if first is None:
    return
  source_rate = first[0].sample_rate
  tally = _Tally()
  timed = _timed(itertools.chain([first], frames), recording, channels, tally)
  placed = _in_step(timed, source_rate, channels, _origin(recording))
  checked = _checked(placed, source_rate, recording.path, tally)
  for piece in resampling.resampled(checked, source_rate, rate, channels):
    yield np.clip(piece, -1, 1)
  if not report:
    return
  if tally.peak > 1.1:  # lossy codecs overshoot a little
    logging.warning(
      '%s: samples up to %.4g were clipped to 1', recording.path, tally.peak
    )
  _warn_if_cut_off(recording, tally)


def declared_duration(
  container: containers.Container, stream: containers.Stream
) -> float | None:
  """Length in seconds that a file states of a sound track; None if not."""
  duration = containers.seconds(stream.duration, stream.time_base)
  if duration is not None:
    return float(duration)
  # That of the file may be the length of another track.
  if container.duration is not None and len(container.streams) == 1:
    return container.duration / av.time_base
  return None


def _origin(recording: recordings.Recording) -> fractions.Fraction | None:
  """Time of the first picture in seconds; None without moving pictures."""
  with recording.opened() as (container, _):
    video = containers.video_stream(container)
    if video is None:
      return None
    return containers.seconds(video.start_time, video.time_base)


_Timed = Iterator[tuple[fractions.Fraction | None, np.ndarray]]


def _timed(
  frames: Iterator[tuple[containers.Frame, bool]],
  recording: recordings.Recording,
  channels: int,
  tally: _Tally,
) -> _Timed:
  """Time and sound of frames; all at the rate of the first one."""
  base = current = 0
  resampler = None
  for frame, has_time in frames:
    time = None
    if has_time:
      time = containers.seconds(frame.pts, frame.time_base)
    tally.add(frame, time)
    if frame.sample_rate != current:
      if resampler is not None:
        yield None, resampler.flush()
      current = frame.sample_rate
      base = base or current
      resampler = None
      if current != base:
        resampler = resampling.Resampler(current, base, channels)
    sound = resampling.samples(frame)
    sound = resampling.mix(
      sound, frame.layout, channels, recording.lone_channel
    )
    if resampler is not None and np.isfinite(sound).all():
      sound = resampler.push(sound)
    yield time, sound
  if resampler is not None:
    yield None, resampler.flush()


def _in_step(
  timed: _Timed,
  rate: int,
  channels: int,
  origin: fractions.Fraction | None,
) -> Iterator[np.ndarray]:
  """Sound [channels, n], placed by its time stamps."""
  position = 0
  is_first = True
  for time, piece in timed:
    if time is not None:
      origin = time if origin is None else origin
      late = round((time - origin) * rate) - position
      tolerance = 0 if is_first else _MAX_JITTER_S
      if tolerance < late / rate < _MAX_GAP_S:
        yield from _silence(channels, late)
        position += late
      elif late < 0 and position == 0:  # before the first picture
        piece = piece[:, -late:]
    is_first = False
    position += piece.shape[1]
    if piece.shape[1]:
      yield piece


def _checked(
  pieces: Iterator[np.ndarray],
  rate: int,
  path: recordings.Path,
  tally: _Tally,
) -> Iterator[np.ndarray]:
  """The same pieces, checked to be finite; updates the peak."""
  position = 0
  for piece in pieces:
    if not np.isfinite(piece).all():
      raise errors.InputError(
        f'{path}: expected finite samples, found NaN or infinity after '
        f'{position / rate:.2f} s'
      )
    position += piece.shape[1]
    tally.peak = max(tally.peak, float(np.abs(piece).max(initial=0)))
    yield piece


def _silence(channels: int, length: int) -> Iterator[np.ndarray]:
  """Zeros in pieces, since a gap may be long."""
  for start in range(0, length, _SILENT_ROWS):
    rows = min(_SILENT_ROWS, length - start)
    yield np.zeros((channels, rows), np.float32)


def _warn_if_cut_off(recording: recordings.Recording, tally: _Tally) -> None:
  """Warns when a file declares clearly more sound than it holds."""
  with recording.opened() as (container, stream):
    declared = declared_duration(container, stream)
  # A length may count from the start of the sound, or from time 0 before it.
  found = float(max(tally.seconds, tally.end))
  if declared is not None and found < 0.98 * declared - 0.25:
    expected = f'{declared:.2f} s of sound'
  elif joined_files.split(recording.path).is_cut_off:
    expected = 'as many bytes as its header says'
  else:
    return
  logging.warning(
    '%s: expected %s, found %.2f s (is it cut off?)',
    recording.path,
    expected,
    float(tally.seconds),
  )
