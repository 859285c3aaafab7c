"""Files of keyframes: what holds at which time of a clip.

    [{"time": 0, "emotion": "neutral", "gaze": [0, 0]},
     {"time": 1.5, "emotion": ["happy", 0.8], "pose": [10, 0, 0]},
     {"time": 3, "emotion": {"happy": 0.3, "surprised": 0.5}, "scale": 1.2}]

A frame has any of `emotion` (a name, a name and its strength, or several
strengths), `gaze` (degrees to the person's left, and up), `pose` (yaw, pitch
and roll in degrees) and `scale` (of the generated expression). Between frames
that name it a thing changes smoothly and without overshoot; before the first
and after the last it stays. What no frame names is left to the motion.
"""

from collections.abc import Callable, Mapping
import math
import numbers
import pathlib
from typing import Any, NamedTuple

import numpy as np
from scipy import interpolate

from sadtalker_jax import errors, json_text
from sadtalker_jax.inference import emotions
from sadtalker_jax.media import files

_MOST = 100_000  # keyframes of a file
_POSE_LIMIT = 90.0
_SCALE_LIMIT = 10.0


class Keyframes(NamedTuple):
  """Curves over time: times [K] in seconds, and values [K, C]."""

  curves: Mapping[str, tuple[np.ndarray, np.ndarray]]

  def at(self, name: str, seconds: np.ndarray) -> np.ndarray | None:
    """Values [T, C] at times [T]; None where no frame names them."""
    if name not in self.curves:
      return None
    times, values = self.curves[name]
    if len(times) == 1:
      return np.repeat(values, len(seconds), axis=0)
    inside = np.clip(seconds, times[0], times[-1])
    return interpolate.PchipInterpolator(times, values)(inside)


def read(path: pathlib.Path) -> Keyframes:
  """The keyframes of a file.

  Raises:
    InputError: it cannot be read, or is not as described; the message names
      the frame, counted from 1.
  """
  source = files.check_source(path, 'keyframes')
  try:
    given = json_text.parse(source.read_bytes().decode())
  except UnicodeDecodeError as error:
    raise errors.InputError(
      f'{source}: expected text in UTF-8, found {error.reason}'
    ) from error
  except errors.InputError as error:
    raise errors.InputError(f'{source}: {error}') from None
  if not isinstance(given, list) or not given:
    raise errors.InputError(
      f'{source}: expected a JSON list of keyframes, found '
      f'{"an empty one" if given == [] else type(given).__name__}'
    )
  if len(given) > _MOST:
    raise errors.InputError(
      f'{source}: expected at most {_MOST} keyframes, found {len(given)}'
    )
  curves: dict[str, tuple[list[float], list[np.ndarray]]] = {}
  before = -math.inf
  for number, frame in enumerate(given, 1):
    try:
      time, values = _frame(frame, before)
    except errors.InputError as error:
      raise errors.InputError(f'{source}: keyframe {number}: {error}') from None
    before = time
    for name, value in values.items():
      times, course = curves.setdefault(name, ([], []))
      times.append(time)
      course.append(value)
  return Keyframes(
    {
      name: (np.array(times), np.array(course))
      for name, (times, course) in curves.items()
    }
  )


def _frame(frame: Any, before: float) -> tuple[float, dict[str, np.ndarray]]:
  """Time and values of a keyframe that comes after a time."""
  if not isinstance(frame, dict):
    raise errors.InputError(f'expected an object, found {errors.shown(frame)}')
  if unknown := [n for n in frame if n != 'time' and n not in _READERS]:
    raise errors.InputError(
      f'expected names among time, {", ".join(_READERS)}; found '
      f'{errors.shown(unknown[0])}'
    )
  time = _number('time', frame.get('time'), 0, 1e6)
  if time <= before:
    raise errors.InputError(
      f'time: expected one after {before:g} s, found {time:g}'
    )
  return time, {n: _READERS[n](v) for n, v in frame.items() if n != 'time'}


def _number(name: str, value: Any, least: float, most: float) -> float:
  if (
    isinstance(value, bool)
    or not isinstance(value, numbers.Real)
    or not least <= float(value) <= most
  ):
    raise errors.InputError(
      f'{name}: expected a number from {least:g} to {most:g}, found '
      f'{errors.shown(value)}'
    )
  return float(value)


def _vector(
  name: str, limits: tuple[float, ...]
) -> Callable[[Any], np.ndarray]:
  def read_one(value: Any) -> np.ndarray:
    if not isinstance(value, list) or len(value) != len(limits):
      raise errors.InputError(
        f'{name}: expected {len(limits)} numbers, found {errors.shown(value)}'
      )
    return np.array(
      [
        _number(name, part, -limit, limit)
        for part, limit in zip(value, limits, strict=True)
      ]
    )

  return read_one


def _scale(value: Any) -> np.ndarray:
  return np.array([_number('scale', value, 0, _SCALE_LIMIT)])


def _emotion(value: Any) -> np.ndarray:
  """Strengths [E] of emotions."""
  if isinstance(value, str):
    value = {value: 1.0}
  elif isinstance(value, list) and len(value) == 2:
    value = {value[0]: value[1]} if isinstance(value[0], str) else value
  if not isinstance(value, dict):
    raise errors.InputError(
      'emotion: expected a name, a name and a strength, or an object of '
      f'strengths by name; found {errors.shown(value)}'
    )
  weights = np.zeros(len(emotions.NAMES))
  for name, strength in value.items():
    if name not in emotions.NAMES:
      raise errors.InputError(
        f'emotion: expected one of {" ".join(emotions.NAMES)}, found '
        f'{errors.shown(name)}'
      )
    strength = _number(f'emotion {name}', strength, 0, emotions.MAX_STRENGTH)
    weights += emotions.one(name, strength)
  return weights


_READERS: Mapping[str, Callable[[Any], np.ndarray]] = {
  'emotion': _emotion,
  'gaze': _vector('gaze', (emotions.MAX_GAZE,) * 2),
  'pose': _vector('pose', (_POSE_LIMIT,) * 3),
  'scale': _scale,
}
