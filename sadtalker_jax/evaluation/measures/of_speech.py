"""Metrics of lips against the sound: in speech, and phone by phone.

Phones are found in the sound of the real clip by a recogniser of English speech
(`phone_times`, the extra `lips`); a clip in which it finds none has no numbers.
"""

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.evaluation import clips, pairing, phone_times
from sadtalker_jax.evaluation.measures import experts
from sadtalker_jax.evaluation.measures import metric as lib
from sadtalker_jax.face3d import measures as face_measures
from sadtalker_jax.metrics import speaking
from sadtalker_jax.ops import lip_classes

_FPS = float(conventions.FRAME_RATE)


def _speech(
  clip: clips.ScoredClip, system: str, _: experts.MetricNetworks
) -> dict[str, float]:
  real, made = (clip.real, clip.sides[system])
  frames = clip.once('in_speech', pairing.REAL, _in_speech)
  gap, width = (
    speaking.correlation(measure(real.points), measure(made.points), frames)
    for measure in (face_measures.lip_gap, face_measures.mouth_width)
  )
  return {'speech_lip_correlation': gap, 'speech_width_correlation': width}


def _amplitude(
  clip: clips.ScoredClip, system: str, _: experts.MetricNetworks
) -> dict[str, float]:
  frames = clip.once('in_speech', pairing.REAL, _in_speech)
  gap = face_measures.lip_gap(clip.sides[system].points)
  found = speaking.quantiles(gap, frames)
  return {
    f'lip_gap_p{share}': 100 * float(value)
    for share, value in zip(speaking.QUANTILES, found, strict=True)
  }


def _phones(
  clip: clips.ScoredClip, system: str, _: experts.MetricNetworks
) -> dict[str, float]:
  segments = clip.once('phones', pairing.REAL, _segments)
  side = clip.sides[system]
  gap, width = (
    measure(side.points)
    for measure in (face_measures.lip_gap, face_measures.mouth_width)
  )
  count = speaking.closures(gap, _FPS, segments)
  return {
    'closures': count.shut / count.bilabials if count.bilabials else np.nan,
    'false_closures': count.false / count.others if count.others else np.nan,
    'rounding': speaking.separation(*speaking.rounding(width, _FPS, segments)),
  }


def _in_speech(side: clips.ClipSide) -> np.ndarray:
  return speaking.in_speech(side.wave, len(side.points), _FPS)


def _segments(side: clips.ClipSide) -> list[lip_classes.Segment]:
  try:
    return lip_classes.segments(phone_times.find(side.wave))
  except phone_times.NotAligned:
    return []


_WHERE = 'landmarks in the video'
MEASURES = (
  lib.Measure(
    (
      lib.Metric(
        'speech_lip_correlation',
        'lip r in speech',
        'higher',
        "Pearson's r of the lip gap with that of the real clip, where there "
        'is speech, at the best lag within 3 frames',
      ),
      lib.Metric(
        'speech_width_correlation',
        'width r in speech',
        'higher',
        'the same of the width of the mouth',
      ),
    ),
    numbers=_speech,
    view=_WHERE,
  ),
  lib.Measure(
    tuple(
      lib.Metric(
        f'lip_gap_p{share}',
        f'gap p{share}',
        'real',
        f'{share}th percentile of the lip gap over rest, where there is '
        'speech, % of the eye distance',
        'clip',
        1,
      )
      for share in speaking.QUANTILES
    ),
    numbers=_amplitude,
    of_real=True,
    view=_WHERE,
  ),
  lib.Measure(
    (
      lib.Metric(
        'closures',
        'p b m shut',
        'higher',
        'share of the p, b and m of a clip in which the lips touch',
      ),
      lib.Metric(
        'false_closures',
        'false closures',
        'real',
        'share of other consonants, but f, v and w, whose middle stays shut',
      ),
      lib.Metric(
        'rounding',
        'rounding d',
        'real',
        'width of the mouth in i and e against w, u and o, in deviations',
        'clip',
        2,
      ),
    ),
    numbers=_phones,
    of_real=True,
    view=_WHERE,
    missing=''
    if phone_times.installed()
    else 'needs pocketsphinx: pip install "sadtalker-jax[lips]"',
  ),
)
