"""How head, eyes, brows and mouth move, by landmarks.

Lengths are shares of the distance between the outer corners of the eyes, in
thousandths; spread is the standard deviation over a clip.
"""

import numpy as np

from sadtalker_jax.benchmarks.likeness import measures
from sadtalker_jax.evaluation.measures import heads
from sadtalker_jax.face3d import measures as face_measures
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.metrics import blinking

BROWS = 'brow spread'
GAZE = 'gaze spread'
WIDTH = 'mouth-width spread, %'
NODS = 'nod spread (vertical)'
HEAD = 'head spread, degrees'
BLINKS = 'blinks a minute'
TRACK_BLINKS = 'blinks a minute, of the track'
LIDS = 'closest lid aperture / median, clips with a blink'
SPEED = 'nose speed a frame'
GAP = 'lip-gap median'

LID_SLOTS = [
  makehuman.EXPRESSION_SLOTS[name] for name in ('eyeBlinkLeft', 'eyeBlinkRight')
]
_BROWS = [105, 334, 66, 296]
_IRISES = ((468, 33, 133), (473, 362, 263))  # centre and corners of an eye
_NOSE = 1
_BLINKING = 0.7  # share of the usual opening, below which gaze is not measured


def measure(points: np.ndarray, rate: float, found: measures.Measures) -> None:
  """Adds the measures of landmarks [T, 478, 3] at `rate` frames a second."""
  points = np.asarray(points, np.float64)
  flat = points[..., :2]
  usual = float(face_measures.interocular(flat).mean())
  opening = face_measures.eye_openness(points).mean(-1)
  awake = opening > _BLINKING * np.median(opening)
  local = _upright(flat)
  brows = -local[:, _BROWS, 1]
  looks = np.mean(
    [local[:, i] - local[:, [a, b]].mean(1) for i, a, b in _IRISES], axis=0
  )
  width = face_measures.mouth_width(points)
  nose = flat[:, _NOSE] / usual
  speed = np.linalg.norm(np.diff(nose, axis=0), axis=1).mean() * rate / 25
  blinks = blinking.blinks(opening, fps=rate)

  def lids() -> float:
    if not len(blinks.starts):
      raise measures.NotMeasured('no whole blink')
    return opening.min() / np.median(opening)

  found.take(BROWS, lambda: 1000 * brows[awake].std(0).mean())
  found.take(GAZE, lambda: 1000 * looks[awake].std(0).mean())
  found.take(WIDTH, lambda: 100 * width.std() / width.mean())
  found.take(NODS, lambda: 1000 * nose[:, 1].std())
  found.take(HEAD, lambda: heads.degrees(points).std(0).mean())
  found.take(BLINKS, lambda: blinks.rate)
  found.take(LIDS, lids)
  found.take(SPEED, lambda: 1000 * speed)
  found.take(GAP, lambda: 1000 * np.median(face_measures.lip_gap(points)))


def measure_track(rows: np.ndarray, found: measures.Measures) -> None:
  """Adds the blinks of a track [T, 70] at 25 frames a second.

  Landmarks miss lids that close in the track and are not drawn shut.
  """
  opening = 1 - rows[:, LID_SLOTS].mean(1)
  found.take(TRACK_BLINKS, lambda: blinking.blinks(opening).rate)


def _upright(flat: np.ndarray) -> np.ndarray:
  """Points [T, N, 2] about the middle of the eyes, their line level; shares."""
  first, second = (flat[:, i] for i in face_measures.EYE_CORNERS)
  along = second - first
  length = np.linalg.norm(along, axis=1, keepdims=True)
  along = along / length
  down = np.stack([-along[:, 1], along[:, 0]], 1)
  offset = flat - ((first + second) / 2)[:, None]
  turned = np.stack(
    [np.einsum('tni,ti->tn', offset, axis) for axis in (along, down)], -1
  )
  return turned / length[:, None]
