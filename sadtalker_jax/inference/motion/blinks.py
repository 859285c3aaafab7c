"""Blink signals z in [0, 1]: 0 is an open eye, 1 a closed one.

`published_track` places blinks as the published program does: pauses of 0.4 to
2.8 s between pulses of five values at 25 frames per second (method 2.4), which
are interpolated for other frame rates. `natural_track` has them as people blink
in conversation: every 2.4 s on average, rather at phrase ends, closing fast and
opening slowly. Video frame i is sampled at its middle. Both depend on nothing
but their arguments.
"""

from collections.abc import Sequence

import numpy as np

from sadtalker_jax import conventions

PULSE = (0.5, 0.9, 1.0, 0.9, 0.5)  # method 2.4, at 25 frames per second

_STREAM = 0xB11  # keeps these draws apart from those of the head motion
_SHORTEST = 20  # 25ths of a second; no blink in clips up to this length
_MEAN_PAUSE = 2.4  # seconds from one blink to the next
_REFRACTORY = 0.8  # seconds that pass in any case
_LONGEST_PAUSE = 4.5  # seconds; eyes dry
_WAIT = 0.9  # seconds that a blink is put off for the end of a phrase
_AT_PHRASES = 0.8  # share of phrase ends in reach that have a blink
_CLOSING = 0.1  # seconds until the lids meet
_SHUT = 0.04  # seconds that they stay so, at least
_OPENING = (0.2, 0.35)  # seconds until they are open again


def published_track(
  seed: int, num_frames: int, fps: float = conventions.FRAME_RATE
) -> np.ndarray:
  """Random blinks by the rule of the published program.

  Up to 20 frames (of 25 per second) there are none. Otherwise pauses are drawn
  from [min(10, N), min(N // 2, 70)) until the next blink would not fit; at 21
  frames that range is empty, which crashes the published program: no blink
  (quirk Q23).

  Args:
    seed: Random seed of the pauses.
    num_frames: N, at `fps`.
    fps: Frames per second.

  Returns:
    [N] float32.

  Raises:
    ValueError: a negative number of frames, or a rate that is not above 0.
  """
  length = _length(num_frames, fps)
  low, high = min(10, length), min(length // 2, 70)
  starts: list[int] = []
  if length > _SHORTEST and high > low:
    rng = np.random.default_rng([_STREAM, seed])
    position = 0
    while True:
      pause = int(rng.integers(low, high))
      if position + pause + len(PULSE) > length - 1:
        break
      starts.append(position + pause)
      position += pause + len(PULSE)
  return _drawn(starts, num_frames, fps)


def natural_track(
  seed: int,
  num_frames: int,
  fps: float = conventions.FRAME_RATE,
  *,
  phrase_ends: Sequence[float] | np.ndarray = (),
  per_minute: float | None = None,
) -> np.ndarray:
  """Random blinks of a person in conversation, many of them at phrase ends.

  Pauses have a fixed part of 0.8 s and a random one (Gamma of shape 2), and end
  after 4.5 s at the latest. Where a phrase ends at about that time, the blink
  goes there. Lids close in some 0.1 s and open slowly, over 0.2 to 0.35 s
  (Trutoiu 2011). The blinks of a short clip are those of a longer one with the
  same seed and phrases, as far as they are over before its end.

  Args:
    seed: Random seed of the pauses.
    num_frames: N, at `fps`.
    fps: Frames per second.
    phrase_ends: Seconds at which phrases end, ascending.
    per_minute: Blinks a minute, 0 to 60; None for those of a conversation, 25.

  Returns:
    [N] float32; all 0 in clips of up to 0.8 s. Each blink has a frame above
    0.97 from 12 frames per second on.

  Raises:
    ValueError: a negative number of frames, or a rate that is not above 0.
  """
  _length(num_frames, fps)
  end = num_frames / fps
  middles = (np.arange(num_frames) + 0.5) / fps
  track = np.zeros(num_frames)
  if end <= _SHORTEST / conventions.FRAME_RATE + 1e-6 or per_minute == 0:
    return track.astype(np.float32)
  mean = _MEAN_PAUSE if per_minute is None else 60 / per_minute
  longest = _LONGEST_PAUSE * mean / _MEAN_PAUSE
  rng = np.random.default_rng([_STREAM, seed])
  ends = np.asarray(phrase_ends, np.float64)
  start = -_REFRACTORY * float(rng.random())  # there was one before
  while True:
    # Logarithms of uniform numbers: the stream of `random` is stable between
    # versions of numpy, those of its distributions are not.
    draw = rng.random(5)
    gamma = -np.log1p(-draw[:2]).sum() / 2
    pause = _REFRACTORY + (mean - _REFRACTORY) * float(gamma)
    earliest, latest = start + _REFRACTORY, start + longest
    start = min(start + pause, latest)
    near = ends[(ends > earliest) & (ends < min(start + _WAIT, latest))]
    if len(near) and draw[2] < _AT_PHRASES:
      start = min(float(near[0]) + 0.15 * float(draw[3]), latest)
    opening = _OPENING[0] + (_OPENING[1] - _OPENING[0]) * float(draw[4])
    if start + _CLOSING + _SHUT + opening > end:
      return track.astype(np.float32)
    here = slice(int(start * fps), int((start + 1) * fps) + 1)
    pulse = _blink(middles[here] - start, opening, 1 / fps)
    track[here] = np.maximum(track[here], pulse)


def _blink(seconds: np.ndarray, opening: float, frame: float) -> np.ndarray:
  """Closure [N] of one blink, at seconds [N] after its start."""
  # Shut for a frame at least, so that every rate shows a closed eye.
  shut = np.clip(frame, _SHUT, 0.0667)
  closing = np.clip(seconds / _CLOSING, 0, 1)
  opened = np.clip((seconds - _CLOSING - shut) / opening, 0, 1)
  # Lids start to open at once and slow down.
  return (
    np.sin(closing * np.pi / 2) ** 1.5 * (1 - opened) ** 2 * (1 + 0.6 * opened)
  )


def _length(num_frames: int, fps: float) -> int:
  """Number of 25ths of a second in the clip."""
  if num_frames < 0 or fps <= 0:
    raise ValueError(
      f'expected frames and a rate, found {num_frames} at {fps} a second'
    )
  return int(num_frames * conventions.FRAME_RATE / fps + 1e-6)


def _drawn(starts: list[int], num_frames: int, fps: float) -> np.ndarray:
  """Pulses that start at these 25ths of a second, at `fps`: [N]."""
  drawn = np.zeros(_length(num_frames, fps) + 2, np.float32)
  for start in starts:
    drawn[start : start + len(PULSE)] = PULSE
  place = (np.arange(num_frames) + 0.5) * (conventions.FRAME_RATE / fps) - 0.5
  return np.interp(place, np.arange(len(drawn)), drawn).astype(np.float32)
