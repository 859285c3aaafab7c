"""Gentle head motion of a speaker, relative to the pose of the picture.

A motion is [T, 6]: angles (pitch, yaw, roll) in radian and translation in
decimetre, in the order and signs of the coefficients (`ops.rotation`: pitch
above 0 looks down, z towards the camera), to be added to the source's pose.

It is a sum of smooth noise, slow for posture and faster for liveliness, drawn
on a grid of absolute times, of nods on pitch accents, and of a new posture for
each phrase. A voice whose pitch moves more moves the head more; but people
differ in how lively they are by more than their voices were seen to tell: the
ordinary style draws that from the seed. Frame 0 is the source's
pose, left without a jump. The noise of a clip depends on seed and style alone:
the first frames of a longer clip are those of a shorter one as long as they
sound the same. Video frame i is at i / fps seconds here.
"""

import dataclasses
from typing import Any

import numpy as np
from scipy import signal

from sadtalker_jax import conventions, errors
from sadtalker_jax.inference.motion import prosody

MAX_DEGREES = 10.0  # no angle ever exceeds it

_STREAM = 0x4EAD  # keeps these draws apart from those of the blinks
_STYLE_STREAM = 0x57E1
_NOD_STREAM = 0x40D5
_POSTURE_STREAM = 0x9057
_LIFE_STREAM = 0x11F6  # the recording that ships, and seed 0, are ordinary
_EASE_IN = 1.2  # seconds until motion is fully there
_CALM = 0.4  # seconds, time constant at the start and end of speech
# Point the head turns about: between the shoulders, behind the throat.
NECK = np.array([0.0, -1.1, -0.6])  # decimetre, in the model's frame
# Seconds between the knots of the layers of noise, and their shares: most of
# the power lies below 1 Hz, as in tracks of real speakers.
_KNOTS = ((2.4, 0.55), (0.6, 0.65), (0.3, 0.4), (0.16, 0.12))
_LAYER_STD = 0.4  # of one layer; makes the sum's standard deviation 1
_CALMEST, _LIVELIEST = 0.5, 1.7  # amplitudes of the styles 1 and 45
_LEAST, _MOST = 0.45, 2.2  # amplitudes of the ordinary style, by the seed
_RISE, _FALL = 0.13, 0.2  # seconds of a nod, down and back
_POSTURE = 0.7  # postures of phrases, share of a style's deviation
_SETTLE = 0.9  # seconds until a new posture is taken


@dataclasses.dataclass(frozen=True)
class Style:
  """A person's manner of moving the head."""

  angles: np.ndarray  # [3] standard deviations of pitch, yaw, roll; degrees
  lean: np.ndarray  # [3] mean angles, degrees
  shift: np.ndarray  # [3] standard deviations of the translation, decimetre
  speed: float  # 1 is ordinary
  nod: float  # degrees of pitch on the strongest accent; below 0: raised
  sway: float  # roll that comes with yaw, degrees per degree
  quiet: float  # amplitude in pauses, 1 in speech


def style(index: int) -> Style:
  """The parameters of a style, from calm (1) to lively (45); 0 is ordinary.

  Args:
    index: Number of the style, 0 to 45.

  Raises:
    InputError: there is no such style.
  """
  if not 0 <= index < conventions.NUM_STYLES:
    raise errors.InputError(
      f'pose_style: expected 0 to {conventions.NUM_STYLES - 1}, found {index}'
    )
  draw = np.full(14, 0.5)
  life = 1.0
  if index > 0:
    draw = np.random.default_rng([_STYLE_STREAM, index]).random(14)
    life = liveliness(0, index)

  def between(place: int, low: float, high: float) -> float:
    return low + (high - low) * float(draw[place])

  # Every fourth draw raises the head on stress instead of nodding.
  nods_down = index == 0 or draw[13] < 0.75
  return Style(
    angles=np.array(
      [between(0, 1.5, 2.3), between(1, 1.8, 3.0), between(2, 1.1, 1.9)]
    )
    * life,
    lean=np.array(
      [between(3, -0.8, 0.8), between(4, -1.5, 1.5), between(5, -1.2, 1.2)]
    ),
    shift=np.array(
      [between(6, 0.02, 0.05), between(7, 0.02, 0.06), between(8, 0.01, 0.05)]
    )
    * life,
    speed=between(9, 0.75, 1.3),
    nod=between(10, 2.5, 4.5) * (1 if nods_down else -0.6) * life,
    sway=between(11, -0.3, 0.3),
    quiet=between(12, 0.45, 0.8),
  )


def liveliness(seed: int, index: int) -> float:
  """How much head and brows move in a clip, about 1.

  Args:
    seed: Random seed; an ordinary style has another liveliness for each.
    index: Number of the style; the others are as lively as `style` says.
  """
  if index:
    share = (index - 1) / (conventions.NUM_STYLES - 2)
    return _CALMEST * (_LIVELIEST / _CALMEST) ** share
  draw = float(np.random.default_rng([_LIFE_STREAM, seed]).random())
  return _LEAST * (_MOST / _LEAST) ** draw


def track(
  seed: int,
  style_index: int,
  num_frames: int,
  fps: float = 25.0,
  *,
  voice: prosody.Prosody | None = None,
  activity: np.ndarray | None = None,
) -> np.ndarray:
  """Head motion of a clip.

  Args:
    seed: Random seed of the noise, 0 or more.
    style_index: Number of the style, 0 to 45.
    num_frames: T.
    fps: Frames per second.
    voice: Accents, phrases and energy; None for noise alone.
    activity: [T] speech activity, 0 to 1; None for speech throughout.

  Returns:
    [T, 6] float32, zero in frame 0; angles within `MAX_DEGREES`.

  Raises:
    InputError: there is no such style.
  """
  manner = style(style_index)
  seconds = np.arange(num_frames) / fps
  ease = _smoothstep(seconds / _EASE_IN)[:, None]
  noise = _noise(seed, style_index, seconds * manner.speed)  # [T, 6]
  drawn = 1.0 if style_index else liveliness(seed, 0)
  drawn *= 1.0 if voice is None else voice.energy
  life = np.full((num_frames, 1), drawn)
  if activity is not None:
    calm = _calmed(np.asarray(activity, np.float64), fps)
    life *= (manner.quiet + (1 - manner.quiet) * calm)[:, None]
  turns = noise[:, :3]
  if voice is not None:
    turns = turns + _POSTURE * _postures(seed, seconds, voice.phrase_ends)
  degrees = turns * manner.angles * life + manner.lean * np.minimum(life, 1)
  degrees[:, 2] += manner.sway * degrees[:, 1]
  if voice is not None:
    degrees += drawn * manner.nod * _nods(seed, seconds, voice)
  degrees = MAX_DEGREES * np.tanh(ease * degrees / MAX_DEGREES)
  angles = np.radians(degrees)
  # The skull's origin moves when it turns about the neck; angles are small.
  about_neck = -np.cross(angles, NECK)
  shift = noise[:, 3:] * manner.shift * life * ease + about_neck
  return np.concatenate([angles, shift], axis=1).astype(np.float32)


def _nods(seed: int, seconds: np.ndarray, voice: prosody.Prosody) -> np.ndarray:
  """Gestures [T, 3] on accents; pitch, yaw, roll as shares of a nod.

  They differ in height, and in how far the head turns aside with them.
  """
  rng = np.random.default_rng([_NOD_STREAM, seed])
  draws = rng.random((len(voice.accents), 3))
  result = np.zeros((len(seconds), 3))
  for time, strength, draw in zip(
    voice.accents, voice.strengths, draws, strict=True
  ):
    here = slice(*np.searchsorted(seconds, [time - 0.6, time + 1.2]))
    t = seconds[here] - time
    # Down before the syllable's middle, back with a small rebound.
    pulse = np.exp(-((t / np.where(t < 0, _RISE, _FALL)) ** 2) / 2)
    pulse = pulse - 0.3 * np.exp(-(((t - 0.45) / 0.15) ** 2) / 2)
    aside = 0.8 * (draw[1:] - 0.5)
    height = strength * (0.25 + draw[0])
    result[here] += pulse[:, None] * np.array([1.0, *aside]) * height
  return result


def _postures(
  seed: int, seconds: np.ndarray, phrase_ends: np.ndarray
) -> np.ndarray:
  """Postures [T, 3] that change where phrases end; deviation 1 in each."""
  rng = np.random.default_rng([_POSTURE_STREAM, seed])
  result = np.zeros((len(seconds), 3))
  before = np.zeros(3)
  for end, draw in zip(
    phrase_ends, rng.random((len(phrase_ends), 3)), strict=True
  ):
    posture = (2 * draw - 1) * 3**0.5
    taken = _smoothstep((seconds - end) / _SETTLE)[:, None]
    result += (posture - before) * taken
    before = posture
  return result


def _noise(seed: int, style_index: int, times: np.ndarray) -> np.ndarray:
  """Smooth noise [T, 6] of standard deviation 1 at times from 0 on.

  Layers of cubic B-splines with random knots. Knots are drawn in the order of
  time, so that longer clips only draw more of them.
  """
  total = np.zeros((len(times), 6))
  if len(times) == 0:
    return total
  for layer, (spacing, share) in enumerate(_KNOTS):
    rng = np.random.default_rng([_STREAM, seed, style_index, layer])
    place = times / spacing
    knots = 2 * rng.random((int(place[-1]) + 4, 6)) - 1
    first = place.astype(np.int64)
    u = (place - first)[:, None]
    for offset, weight in enumerate(spline_weights(u)):
      total += share * weight * knots[first + offset]
  power = sum(share**2 for _, share in _KNOTS) ** 0.5
  return total / (_LAYER_STD * power)


def spline_weights(u: Any) -> tuple[Any, Any, Any, Any]:
  """Weights of the four knots around places of a cubic B-spline.

  Args:
    u: Places between the second and the third knot, 0 to 1; a number or an
      array.
  """
  return (
    (1 - u) ** 3 / 6,
    (3 * u**3 - 6 * u**2 + 4) / 6,
    (-3 * u**3 + 3 * u**2 + 3 * u + 1) / 6,
    u**3 / 6,
  )


def _calmed(activity: np.ndarray, fps: float) -> np.ndarray:
  """Activity [T] smoothed causally: a value depends on earlier ones only."""
  keep = np.exp(-1 / (_CALM * fps))
  result = activity
  for _ in range(2):  # twice: without kinks
    result = signal.lfilter([1 - keep], [1, -keep], result)
  return result


def _smoothstep(x: np.ndarray) -> np.ndarray:
  """0 up to 0, 1 from 1 on, smooth between."""
  x = np.clip(x, 0, 1)
  return x * x * (3 - 2 * x)
