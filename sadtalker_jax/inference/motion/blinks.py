"""Blink signals z in [0, 1]: 0 is an open eye, 1 a closed one.

A blink lasts 0.2 s: five values at 25 frames per second (method 2.4), which are
interpolated for other frame rates; video frame i is sampled at its middle.
`published_track` places blinks as the published program does, which draws
pauses of 0.4 to 2.8 s and makes eyes restless; `natural_track` places them as
people blink in conversation, every 3.5 s on average. Both depend on nothing but
their arguments.
"""

import numpy as np

from sadtalker_jax import conventions

PULSE = (0.5, 0.9, 1.0, 0.9, 0.5)  # method 2.4, at 25 frames per second

_STREAM = 0xB11  # keeps these draws apart from those of the head motion
_SHORTEST = 20  # 25ths of a second; no blink in clips up to this length
_MEAN_PAUSE = 3.5  # seconds from one blink to the next
_REFRACTORY = 0.8  # seconds that pass in any case


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
  seed: int, num_frames: int, fps: float = conventions.FRAME_RATE
) -> np.ndarray:
  """Random blinks at the intervals of a person in conversation.

  Pauses have a fixed part of 0.8 s and a random one whose distribution has a
  long tail (Gamma of shape 2). The blinks of a short clip are those of a longer
  one with the same seed, as far as they are over before its end.

  Args:
    seed: Random seed of the pauses.
    num_frames: N, at `fps`.
    fps: Frames per second.

  Returns:
    [N] float32; all 0 in clips of up to 0.8 s.

  Raises:
    ValueError: a negative number of frames, or a rate that is not above 0.
  """
  length = _length(num_frames, fps)
  rng = np.random.default_rng([_STREAM, seed])
  starts: list[int] = []
  time = 0.0
  while length > _SHORTEST:
    # Sums of logarithms of uniform numbers: the stream of `random` is stable
    # between versions of numpy, those of its distributions are not.
    gamma = -np.log1p(-rng.random(2)).sum() / 2
    time += _REFRACTORY + (_MEAN_PAUSE - _REFRACTORY) * gamma
    start = int(time * conventions.FRAME_RATE)
    if start + len(PULSE) > length - 1:
      break
    starts.append(start)
  return _drawn(starts, num_frames, fps)


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
