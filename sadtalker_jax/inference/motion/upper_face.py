"""All that moves beside the mouth: head, brows, gaze, lids and breath.

A motion that has lips adds this to its rows; `add` does all of it, in place.
Expressions are those of the packaged head (`makehuman.EXPRESSION_SLOTS`).
"""

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import tracks
from sadtalker_jax.inference.motion import (
  blinks,
  breathing,
  gaze,
  head_motion,
  prosody,
  seeds,
)
from sadtalker_jax.inference.motion.baseline import speech
from sadtalker_jax.ops import waves

_SLOT = makehuman.EXPRESSION_SLOTS
_LIDS = [_SLOT['eyeBlinkLeft'], _SLOT['eyeBlinkRight']]
_EYES = [
  slot
  for name, slot in _SLOT.items()
  if name.startswith(('eyeSquint', 'eyeWide', 'eyeLook'))
]
# Units of brows raised by 1, and lowered by 1.
_RAISED = {'browInnerUp': 1.0, 'browOuterUpLeft': 0.9, 'browOuterUpRight': 0.9}
_LOWERED = {'browDownLeft': 0.7, 'browDownRight': 0.7}

# Unit of lids that are closed, as fits have it (0.56 to 0.66 in blinks of two
# films), and least change that is taken for a blink.
_CLOSED, _LEAST_BLINK = 0.6, 0.3
_STREAM = 0xB403  # keeps these draws apart from those of head and gaze
_RAISES = 0.75  # share of accents with raised brows
_BEFORE, _AFTER = 0.12, 0.3  # seconds of a raise, up and down
_MOOD = 0.25  # deviation of the slow course of the brows
_MOOD_KNOTS = 1.3  # seconds


def add(
  rows: np.ndarray,
  source: np.ndarray,
  wave: waves.Wave,
  sound: speech.Sound,
  rate: float,
  options: tracks.MotionOptions,
) -> None:
  """Writes head, brows, gaze, lids and breath into rows, in place.

  Args:
    rows: [T, 70] rows whose expressions are the portrait's, with a mouth.
    source: [70] coefficients of the portrait.
    wave: [L] sound at 16 kHz; decides the seed unless `options` has one.
    sound: What `speech.listen` measured of it.
    rate: Frames per second.
    options: Choices.
  """
  seed = seeds.chosen(options.seed, wave)
  voice = prosody.listen(wave, sound)
  activity = speech.at_frames(sound.activity, len(rows), rate)
  rows[:, conventions.ROW_POSE] = _poses(
    source, seed, voice, activity, rate, options
  )
  if not options.still:
    breathing.add(rows, breathing.track(seed, len(rows), rate))
  scale = options.expression_scale
  # Brows differ less than heads do.
  life = head_motion.liveliness(seed, options.pose_style) * voice.energy
  scale *= life**0.5
  add_brows(rows, scale * brows(seed, len(rows), rate, voice, activity))
  if options.ref_eyeblink is not None:
    copy_eyes(rows, source, options.ref_eyeblink)
    return
  if not options.blink:
    return
  head = rows[:, conventions.ROW_ANGLES] - source[conventions.ROW_ANGLES]
  if options.glances:
    gaze.add(rows, gaze.track(seed, len(rows), rate, head=head))
  closed = blinks.natural_track(
    seed,
    len(rows),
    rate,
    phrase_ends=voice.phrase_ends,
    per_minute=options.blink_rate,
  )
  rows[:, _LIDS] = np.maximum(rows[:, _LIDS], closed[:, None])


def brows(
  seed: int,
  num_frames: int,
  fps: float,
  voice: prosody.Prosody,
  activity: np.ndarray,
) -> np.ndarray:
  """How far brows are raised: [T]; 1 on strong accents, below 0 lowered.

  Args:
    seed: Random seed.
    num_frames: T.
    fps: Frames per second.
    voice: Accents of the recording.
    activity: [T] speech activity; brows rest where it is 0.
  """
  seconds = np.arange(num_frames) / fps
  rng = np.random.default_rng([_STREAM, seed])
  raised = np.zeros(num_frames)
  draws = rng.random((len(voice.accents), 2))
  for time, strength, draw in zip(
    voice.accents, voice.strengths, draws, strict=True
  ):
    if draw[0] > _RAISES:
      continue
    here = slice(*np.searchsorted(seconds, [time - 0.7, time + 1.5]))
    t = seconds[here] - time - 0.05
    width = np.where(t < 0, _BEFORE, _AFTER)
    height = strength * (0.5 + 0.9 * draw[1])
    pulse = height * np.exp(-((t / width) ** 2) / 2)
    raised[here] = np.maximum(raised[here], pulse)
  mood = _MOOD * _course(seed, seconds)
  return (raised + mood) * np.asarray(activity)


def add_brows(rows: np.ndarray, raised: np.ndarray) -> None:
  """Adds raised (above 0) and lowered brows [T] to rows [T, 64 or more]."""
  for units, height in ((_RAISED, raised), (_LOWERED, -raised)):
    for name, share in units.items():
      column = rows[:, _SLOT[name]]
      # Units end at 1; a fitted source may already be outside.
      highest = np.maximum(column, 1.0)
      column += share * np.maximum(height, 0)
      np.minimum(column, highest, out=column)


def _course(seed: int, seconds: np.ndarray) -> np.ndarray:
  """Smooth noise [T] of deviation 1; longer clips begin like shorter ones."""
  if not len(seconds):
    return np.zeros(0)
  rng = np.random.default_rng([_STREAM, seed, 1])
  place = seconds / _MOOD_KNOTS
  knots = (2 * rng.random(int(place[-1]) + 2) - 1) * 3**0.5
  knots[0] = 0.0
  first = place.astype(np.int64)
  u = place - first
  u = u * u * (3 - 2 * u)
  return knots[first] * (1 - u) + knots[first + 1] * u


def copy_eyes(
  rows: np.ndarray, source: np.ndarray, reference: np.ndarray
) -> None:
  """Writes the eyes of a reference video [T', 70] into rows [T, 70], in place.

  Eyes of a reference are taken relative to their median, so that the shape of
  that person's eyes is left out; the deepest blinks become closed eyes. Where
  there is none, lids that are narrowed stay narrowed.
  """
  usual = np.median(reference, axis=0)
  change = tracks.looped(reference - usual, len(rows))
  rows[:, _EYES] = np.clip(source[_EYES] + change[:, _EYES], 0, 1)
  for slot in _LIDS:
    deepest = np.percentile(reference[:, slot], 99.5) - usual[slot]
    closed = max(deepest, _CLOSED - usual[slot], _LEAST_BLINK)
    z = np.clip(change[:, slot] / closed, 0, 1)
    rows[:, slot] = np.maximum(source[slot], z)


def _poses(
  source: np.ndarray,
  seed: int,
  voice: prosody.Prosody,
  activity: np.ndarray,
  rate: float,
  options: tracks.MotionOptions,
) -> np.ndarray:
  """Poses [T, 6]: the source's, moved."""
  length = len(activity)
  pose = np.tile(source[conventions.ROW_POSE], (length, 1))
  if options.still:
    return pose
  if options.ref_pose is not None:
    reference = options.ref_pose[:, conventions.ROW_POSE]
    return pose + tracks.looped(reference - reference[0], length)
  return pose + head_motion.track(
    seed, options.pose_style, length, rate, voice=voice, activity=activity
  )
