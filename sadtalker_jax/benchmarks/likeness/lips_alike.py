"""How the lips of a clip driven again follow the real ones.

Two curves are held against the real lips: those of the drawn frames, by
landmarks found in them, and those of the track before anything is drawn.
"""

from collections.abc import Mapping

import numpy as np

from sadtalker_jax.benchmarks.likeness import cuts
from sadtalker_jax.face3d import measures as face_measures
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.fitting import landmark_fit
from sadtalker_jax.inference import animation
from sadtalker_jax.inference.puppet import fitted_portrait
from sadtalker_jax.metrics import speaking

NAMES = ('gap', 'in speech', 'width')


def correlations(
  real: np.ndarray, made: np.ndarray, wave: np.ndarray
) -> Mapping[str, float]:
  """Pearson r of lips by `NAMES`, at the best lag within 3 frames.

  Args:
    real: [T, 468 or more, 2 or more] landmarks.
    made: [T, ...] likewise.
    wave: [L] sound of both.

  Returns:
    r of the gap in all frames, of the gap where there is speech, of the
    mouth's width where there is speech; NaN where too few frames have speech.
  """
  count = min(len(real), len(made))
  real, made = real[:count], made[:count]
  speech = speaking.in_speech(wave, count, cuts.FPS)
  gaps = face_measures.lip_gap(real), face_measures.lip_gap(made)
  widths = face_measures.mouth_width(real), face_measures.mouth_width(made)
  found = (
    speaking.correlation(*gaps, np.ones(count, bool)),
    speaking.correlation(*gaps, speech),
    speaking.correlation(*widths, speech),
  )
  return dict(zip(NAMES, found, strict=True))


def of_track(
  clip: animation.Animation, model: morphable.MorphableModel
) -> np.ndarray:
  """Where a track puts the landmarks [T, 468, 2], in pixels of the picture.

  Args:
    clip: Clip of the puppet.
    model: Its face model.
  """
  portrait = fitted(clip)
  fit = landmark_fit.of_rows(portrait.identity, clip.track, portrait.trans)
  return landmark_fit.project(fit, model)


def fitted(clip: animation.Animation) -> fitted_portrait.FittedPortrait:
  """The portrait of a clip of the puppet."""
  portrait = clip.portrait
  assert isinstance(portrait, fitted_portrait.FittedPortrait)
  return portrait
