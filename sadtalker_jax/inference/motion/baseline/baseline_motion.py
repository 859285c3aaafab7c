"""The `baseline` motion: a recording becomes a coefficient track.

Conventions: a track is [T, 70] float32, rows of expression (64 slots of the
canonical model), angles (radian) and translation (decimetre), see
`face3d.coeffs`. No network is involved; what the sound says about lips is in
`speech` and `lips`. This is the bar that trained networks must beat.

Where the published program's habits are not copied:

- a reference video's head motion replaces the generated one instead of being
  added on top of it (quirk Q10);
- a reference for the eyes gives its eyes alone, not its mouth (Q11);
- `expression_scale` strengthens what is generated, mouth and brows; it leaves
  the picture's own expression and the lids alone (reference 3.3 multiplies all
  64 numbers, which would also exaggerate the picture and half-close its eyes);
- as there, `still` fixes the head and not the eyes (Q12); `blink` is apart.
"""

import dataclasses
import fractions

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference.motion import blinks, head_motion
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.baseline import speech

_SLOT = makehuman.EXPRESSION_SLOTS
_LIDS = [_SLOT['eyeBlinkLeft'], _SLOT['eyeBlinkRight']]
_EYES = [
  slot
  for name, slot in _SLOT.items()
  if name.startswith(('eyeSquint', 'eyeWide', 'eyeLook'))
]
# How far brows rise on the strongest stress.
_BROWS = {
  'browInnerUp': 0.14,
  'browOuterUpLeft': 0.08,
  'browOuterUpRight': 0.08,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MotionOptions:
  """What can be chosen about a track; see `options.Options`.

  Raises:
    InputError: a value is not possible; the message names it.
  """

  seed: int = 0  # of head motion and blinks
  pose_style: int = 0  # manner of head motion, 0 to 45
  expression_scale: float = 1.0  # of the generated mouth and brows
  still: bool = False  # pose fixed to the source's
  blink: bool = True  # random blinks
  ref_pose: np.ndarray | None = None  # [T', 70] track of a video
  ref_eyeblink: np.ndarray | None = None  # [T', 70]
  input_yaw: tuple[float, ...] | None = None  # degrees, path over the clip
  input_pitch: tuple[float, ...] | None = None
  input_roll: tuple[float, ...] | None = None

  def __post_init__(self) -> None:
    """Checks every value."""
    if self.seed < 0:
      raise errors.InputError(f'seed: expected 0 or more, found {self.seed}')
    head_motion.style(self.pose_style)
    if not 0 <= self.expression_scale < np.inf:
      raise errors.InputError(
        f'expression_scale: expected 0 or more, found {self.expression_scale}'
      )
    for name in ('input_yaw', 'input_pitch', 'input_roll'):
      degrees = getattr(self, name)
      if degrees is not None and (
        len(degrees) == 0 or not np.isfinite(degrees).all()
      ):
        raise errors.InputError(
          f'{name}: expected one or more angles, found {degrees}'
        )
    for name in ('ref_pose', 'ref_eyeblink'):
      track = getattr(self, name)
      if track is not None and (
        track.ndim != 2
        or len(track) == 0
        or track.shape[1] < conventions.ROW_SIZE
      ):
        raise ValueError(f'{name}: expected [T, 70], found {track.shape}')


def baseline_track(
  wave: np.ndarray,
  *,
  source: np.ndarray,
  num_frames: int,
  fps: fractions.Fraction | float = 25.0,
  options: MotionOptions | None = None,
) -> np.ndarray:
  """Coefficients of a portrait that says a recording.

  Args:
    wave: [L] sound at 16 kHz in [-1, 1]; may be shorter than the track, or
      empty.
    source: [70] coefficients of the portrait, canonical model.
    num_frames: T.
    fps: frames per second.
    options: choices.

  Returns:
    [T, 70] float32. Where the sound is silent the mouth is the portrait's.

  Raises:
    ValueError: `source` or `wave` has another shape.
  """
  options = options or MotionOptions()
  source = np.asarray(source, np.float32)
  if source.shape != (conventions.ROW_SIZE,):
    raise ValueError(f'expected a source of shape [70], found {source.shape}')
  rate = float(fps)
  weights = lips_lib.load()
  sound = speech.listen(wave, weights.reference)
  stress = speech.at_frames(sound.stress, num_frames, rate)
  activity = speech.at_frames(sound.activity, num_frames, rate)
  lips = lips_lib.measure(sound, num_frames, rate, weights)
  expression = source[conventions.ROW_EXPRESSION]
  track = np.empty((num_frames, conventions.ROW_SIZE), np.float32)
  track[:, conventions.ROW_EXPRESSION] = _speaking(
    expression, lips, activity, stress, options.expression_scale
  )
  _set_eyes(track, expression, rate, options)
  track[:, conventions.ROW_POSE] = _pose(
    source, stress, activity, rate, options
  )
  return track


def free_view(degrees: tuple[float, ...], num_frames: int) -> np.ndarray:
  """Angles [T] along a path of degrees (reference, section 5.12).

  The path is walked at constant speed; one value is held. Equal neighbours and
  clips of one frame, on which the original divides by zero, are fine. As there,
  the last frames repeat the last value reached, which may be just short of the
  end of the path.

  Args:
    degrees: corners of the path, at least one.
    num_frames: T.
  """
  corners = np.asarray(degrees, np.float64)
  length = float(np.abs(np.diff(corners)).sum())
  if length == 0 or num_frames < 2:
    return np.full(num_frames, corners[0])
  step = length / (num_frames - 1)
  parts = [
    np.arange(start, end, np.sign(end - start) * step)
    for start, end in zip(corners[:-1], corners[1:], strict=True)
    if start != end
  ]
  path = np.concatenate(parts)[:num_frames]
  return np.pad(path, (0, num_frames - len(path)), mode='edge')


def looped(track: np.ndarray, num_frames: int) -> np.ndarray:
  """A track [T', C] cut or continued to [T, C]: to and fro, without a jump."""
  period = max(2 * len(track) - 2, 1)
  place = np.arange(num_frames) % period
  return track[np.where(place < len(track), place, period - place)]


def _speaking(
  expression: np.ndarray,
  lips: lips_lib.Lips,
  activity: np.ndarray,
  stress: np.ndarray,
  scale: float,
) -> np.ndarray:
  """Expression [T, 64] with mouth and brows driven by the sound."""
  generated = lips_lib.units(lips)
  for name, height in _BROWS.items():
    generated[:, _SLOT[name]] = height * stress
  rest = lips_lib.resting(expression, activity * min(scale, 1.0))
  # Units end at 1; a fitted source may already be outside.
  highest = np.maximum(rest, 1.0)
  return np.clip(rest + scale * generated, None, highest)


def _set_eyes(
  track: np.ndarray,
  expression: np.ndarray,
  rate: float,
  options: MotionOptions,
) -> None:
  """Writes blinks, or the eyes of a reference, into a track [T, 70].

  What a reference's eyes do is taken relative to how they mostly are, so that
  their shape does not come along; its deepest blinks become closed eyes.
  """
  length = len(track)
  if options.ref_eyeblink is None:
    if options.blink:
      z = blinks.natural_track(options.seed, length, rate)
      track[:, _LIDS] = np.maximum(track[:, _LIDS], z[:, None])
    return
  reference = options.ref_eyeblink
  usual = np.median(reference, axis=0)
  change = looped(reference - usual, length)
  track[:, _EYES] = np.clip(expression[_EYES] + change[:, _EYES], 0, 1)
  for slot in _LIDS:
    deepest = np.percentile(reference[:, slot], 99.5) - usual[slot]
    z = np.clip(change[:, slot] / max(deepest, 0.3), 0, 1)
    track[:, slot] = np.maximum(expression[slot], z)


def _pose(
  source: np.ndarray,
  stress: np.ndarray,
  activity: np.ndarray,
  rate: float,
  options: MotionOptions,
) -> np.ndarray:
  """Poses [T, 6]: the source's, moved; free views replace single angles."""
  length = len(stress)
  pose = np.tile(source[conventions.ROW_POSE], (length, 1))
  if options.still:
    pass
  elif options.ref_pose is not None:
    reference = options.ref_pose[:, conventions.ROW_POSE]
    pose += looped(reference - reference[0], length)
  else:
    pose += head_motion.track(
      options.seed,
      options.pose_style,
      length,
      rate,
      stress=stress,
      activity=activity,
    )
  paths = (options.input_pitch, options.input_yaw, options.input_roll)
  for axis, degrees in enumerate(paths):
    if degrees is not None:
      pose[:, axis] = np.radians(free_view(degrees, length))
  return pose
