"""Metrics of landmarks: lips, eyes, head, jitter. They need no weights.

The landmarks are found by the packaged networks (`faces.landmarks`), in
generated and real video alike.
"""

import numpy as np

from sadtalker_jax.evaluation import clips
from sadtalker_jax.evaluation.measures import experts, heads, offsets
from sadtalker_jax.evaluation.measures import metric as lib
from sadtalker_jax.face3d import measures as face_measures
from sadtalker_jax.faces import landmarks
from sadtalker_jax.metrics import beats, blinking, lips, motion

_MOUTH = slice(48, 68)  # places among the 68 points
_EYES = (36, 45)  # outer corners
# Points that neither speech nor blinks move: corners of the eyes, bridge and
# foot of the nose.
_RIGID = np.array([27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45])
_STILL = 0.1  # degrees of deviation; noise gives a frozen picture 0.05
_MOVING = 0.1  # share of the real lips' deviation; lips below it stand still
_ALIKE = 0.3  # least correlation of two sounds or lips that have an offset


def _jitter(
  clip: clips.ScoredClip, system: str, _: experts.MetricNetworks
) -> dict[str, float]:
  points = landmarks.to_68(clip.sides[system].points)[..., :2]
  value = motion.jitter(points, eyes=_EYES, rigid=_RIGID)
  return {'jitter': 1000 * value}


def _blinks(
  clip: clips.ScoredClip, system: str, _: experts.MetricNetworks
) -> dict[str, float]:
  openness = face_measures.eye_openness(clip.sides[system].points).mean(-1)
  found = blinking.blinks(openness)
  return {'blink_rate': found.rate, 'blink_duration': 1000 * found.duration}


def _head(
  clip: clips.ScoredClip, system: str, _: experts.MetricNetworks
) -> dict[str, float]:
  degrees = clip.once('turns', system, lambda s: heads.degrees(s.points))
  heard = clip.once('beats', system, lambda s: beats.music_beats(s.wave))
  return {
    'head_motion': float(motion.angle_deviation(degrees).mean()),
    'beat_align_landmarks': _aligned(heard, degrees),
  }


def _aligned(heard: np.ndarray, degrees: np.ndarray) -> float:
  """Beat alignment; undefined where the sound has no beat."""
  if not len(heard):
    return float('nan')
  if motion.angle_deviation(degrees).mean() < _STILL:
    return 0.0  # noise has beats, a head that stands still has none
  return motion.beat_align(heard, motion.motion_beats(degrees))


def _lips(
  clip: clips.ScoredClip, system: str, _: experts.MetricNetworks
) -> dict[str, float]:
  real, made = clip.real, clip.sides[system]
  gap, made_gap = (face_measures.lip_gap(s.points) for s in (real, made))
  mouth, made_mouth = (
    landmarks.to_68(s.points)[:, _MOUTH, :2] for s in (real, made)
  )
  eyes = face_measures.interocular(real.points[..., :2])
  ahead, likeness = lips.offset(gap, made_gap)
  late, same_sound = offsets.of_sounds(real.wave, made.wave)
  alike = likeness >= _ALIKE and made_gap.std() > _MOVING * gap.std()
  known = alike and same_sound >= _ALIKE
  return {
    'lip_correlation': lips.correlation(gap, made_gap),
    'lip_distance': 100 * lips.distance(mouth, made_mouth, eyes),
    'lip_offset': ahead if alike else float('nan'),
    'av_offset_to_real': ahead + late if known else float('nan'),
  }


MEASURES = (
  lib.Measure(
    (
      lib.Metric(
        'lip_correlation',
        'lip r',
        'higher',
        "Pearson's r of the lip gap with that of the real clip, frame by frame",
      ),
      lib.Metric(
        'lip_distance',
        'LMD',
        'lower',
        'distance of mouth landmarks '
        'from the real ones, both centred, % of the eye distance',
        'frame',
        2,
      ),
      lib.Metric(
        'lip_offset',
        'lips ahead',
        'zero',
        "frames by which the lips are ahead of the real clip's; where they "
        'move and r reaches 0.3',
        'clip',
        2,
      ),
      lib.Metric(
        'av_offset_to_real',
        'AV offset to real',
        'zero',
        'frames by which the sound is late, if it is not in the real clip: '
        'lips and sounds against those of the real clip; where lips move and '
        'r of both reaches 0.3',
        'clip',
        2,
      ),
    ),
    numbers=_lips,
    view='landmarks in the video',
  ),
  lib.Measure(
    (
      lib.Metric(
        'jitter',
        'jitter',
        'real',
        'second difference of the 68 '
        'landmarks, head movement taken out, 1/1000 of the eye distance '
        'per frame^2',
        'frame',
        2,
      ),
    ),
    numbers=_jitter,
    of_real=True,
    view='landmarks in the video',
  ),
  lib.Measure(
    (
      lib.Metric('blink_rate', 'blinks', 'real', 'blinks a minute', 'frame', 1),
      lib.Metric(
        'blink_duration',
        'blink time',
        'real',
        'mean length of a blink, ms; of clips with blinks',
        'clip',
        0,
      ),
    ),
    numbers=_blinks,
    of_real=True,
    view='landmarks in the video',
  ),
  lib.Measure(
    (
      lib.Metric(
        'head_motion',
        'head',
        'real',
        'standard deviation of yaw, '
        'pitch and roll by landmarks, their mean, degrees',
        'clip',
        2,
      ),
      lib.Metric(
        'beat_align_landmarks',
        'beat (landmarks)',
        'higher',
        'beat '
        'alignment with the turns of the landmarks in the place of '
        "Hopenet's; not the paper's number",
      ),
    ),
    numbers=_head,
    of_real=True,
    view='landmarks in the video',
  ),
)
