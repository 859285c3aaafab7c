"""Fits the prototypes of `lips` to measured lips and their sound.

Everything is deterministic: equal recordings give equal weights.

Letters as in `lips`; T frames of a clip, K points of a curve.
"""

from collections.abc import Iterable, Sequence
import dataclasses

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.baseline_fitting import recordings, scores
from sadtalker_jax.face3d.bases import makehuman, morphable
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.baseline import speech
from sadtalker_jax.ops import filters

NUM_PROTOTYPES = 400
NUM_COMPONENTS = 40  # principal components of the sound that are kept
RIDGE = 0.2  # weight of the penalty in the kernel regression
MAX_SHIFT = 8  # frames searched for the shift of unaligned clips


def cluster(points: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
  """Weighted k-means centres, always the same for equal input.

  Args:
    points: [N, P] points.
    weight: [N] weights of the points.
    count: Number of centres.

  Returns:
    [count, P] centres.
  """
  rng = np.random.default_rng(0)
  chosen = [int(np.argmax(weight))]
  near = np.full(len(points), np.inf)
  for _ in range(count - 1):  # k-means++
    near = np.minimum(near, ((points - points[chosen[-1]]) ** 2).sum(1))
    mass = np.cumsum(near * weight)
    chosen.append(int(np.searchsorted(mass, rng.random() * mass[-1])))
  centres = points[chosen]
  for _ in range(30):
    squares = (centres**2).sum(1) - 2 * points @ centres.T
    label = squares.argmin(1)
    mass = np.bincount(label, weight, count)
    total = np.zeros_like(centres)
    np.add.at(total, label, points * weight[:, None])
    filled = mass > 0
    centres[filled] = total[filled] / mass[filled, None]
  return centres


def reference_spectrum(clips: Iterable[recordings.TalkerClip]) -> np.ndarray:
  """Smooth mean spectrum of speech [80], every talker counted once."""
  talkers: dict[str, list[np.ndarray]] = {}
  for clip in clips:
    spectrum = speech.mean_spectrum(clip.wave)
    talkers.setdefault(clip.talker, []).append(spectrum)
  means = np.mean([np.mean(v, axis=0) for v in talkers.values()], axis=0)
  return filters.gaussian(means, 4.0)


def model_response() -> np.ndarray:
  """Change of gap, width and chin [64, 3] per unit of expression weights."""
  model = makehuman.load()
  rows = np.concatenate(
    [np.zeros((1, 64)), np.eye(conventions.EXPRESSION_SIZE)]
  )
  identity = np.zeros(conventions.IDENTITY_SIZE, np.float32)
  points = np.stack([
    morphable.dense_landmarks(
      model, morphable.shape(model, identity, row.astype(np.float32))
    )
    for row in rows
  ])  # fmt: skip
  # Seen from the front, as the cameras of the clips do; lips do not overlap.
  points = np.pad(points[:, :468, :2], ((0, 0), (0, 10), (0, 1)))
  measures = recordings.mouth_measures(points)
  signed = (points[:, 13, 1] - points[:, 14, 1]) / np.linalg.norm(
    points[:, 33] - points[:, 263], axis=-1
  )
  measures[:, 0] = signed
  return measures[1:] - measures[:1]


def fit(
  clips: Sequence[recordings.TalkerClip], reference: np.ndarray
) -> lips_lib.LipWeights:
  """Prototypes and their lips; curve and scale are left as identities.

  Args:
    clips: Sound and lips to learn from.
    reference: [80] spectrum of `reference_spectrum`.
  """
  features, lips, weight = [], [], []
  frames = {c.talker: 0 for c in clips}
  for clip in clips:
    frames[clip.talker] += len(clip.lips)
  for clip in clips:
    sound = speech.listen(clip.wave, reference)
    features.append(lips_lib.context(sound.bands, clip.seconds()))
    lips.append(clip.lips)
    # A talker's weight is the root of the frames that there are of him.
    share = (75 / frames[clip.talker]) ** 0.5
    weight.append(np.full(len(clip.lips), share))
  x, y, w = (
    np.concatenate(v).astype(np.float64) for v in (features, lips, weight)
  )
  mean = np.average(x, axis=0, weights=w)
  spread = x.std(axis=0)
  z = (x - mean) / spread
  directions = np.linalg.svd(z * np.sqrt(w)[:, None], full_matrices=False)[2]
  projection = directions[:NUM_COMPONENTS].T / spread[:, None]
  points = (x - mean) @ projection
  prototypes = cluster(points, w, NUM_PROTOTYPES)
  width = 1 / x.shape[1]
  near = lips_lib.kernel(points, prototypes, width)
  base = np.array([0.3, 0.0, 0.3])
  normal = (near * w[:, None]).T @ near
  normal += RIDGE * lips_lib.kernel(prototypes, prototypes, width)
  normal += 1e-6 * np.eye(len(prototypes))
  solution = np.linalg.solve(normal, (near * w[:, None]).T @ (y - base))
  return lips_lib.LipWeights(
    reference=reference,
    mean=mean,
    projection=projection,
    prototypes=prototypes,
    width=np.array(width),
    lips=solution,
    base=base,
    curve=np.array([[-9.0, 9.0], [-9.0, 9.0]]),
    scale=np.ones(3),
    response=model_response(),
  )


def aligned(
  clips: Sequence[recordings.TalkerClip], weights: lips_lib.LipWeights
) -> list[recordings.TalkerClip]:
  """Clips with the shift at which lips and chin fit the produced ones best."""
  result = []
  for clip in clips:
    sound = speech.listen(clip.wave, weights.reference)
    lips = lips_lib.measure(sound, len(clip.lips), clip.fps, weights)
    lags = range(-MAX_SHIFT, MAX_SHIFT + 1)
    fits = [
      scores.lagged_correlation(clip.lips[:, 0], lips.gap, lag)
      + scores.lagged_correlation(clip.lips[:, 2], lips.chin, lag)
      for lag in lags
    ]
    shift = float(lags[int(np.argmax(fits))])
    result.append(dataclasses.replace(clip, shift=shift))
  return result


def without_each_talker(
  clips: Sequence[recordings.TalkerClip],
  others: Sequence[recordings.TalkerClip],
  reference: np.ndarray,
) -> dict[str, lips_lib.LipWeights]:
  """Weights fitted without each talker of `clips`, curve and scale unset."""
  everything = [*clips, *others]
  return {
    name: fit([c for c in everything if c.talker != name], reference)
    for name in sorted({c.talker for c in clips})
  }


def raw_gaps(
  clips: Sequence[recordings.TalkerClip],
  held_out: dict[str, lips_lib.LipWeights],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
  """Regressed and measured gap [2, N] in frames with speech, by talker."""
  pairs: dict[str, list[np.ndarray]] = {}
  for clip in clips:
    weights = held_out[clip.talker]
    sound = speech.listen(clip.wave, weights.reference)
    length = len(sound.bands)
    times = np.arange(length) / speech.MELS_PER_SECOND
    made = lips_lib.regress(lips_lib.context(sound.bands, times), weights)
    made = filters.gaussian(made[:, 0], lips_lib.SMOOTH)
    made = speech.at_times(made, clip.seconds())
    heard = speech.at_times(sound.activity, clip.seconds()) > 0.5
    pairs.setdefault(clip.talker, []).append(
      np.stack([made, clip.lips[:, 0]])[:, heard]
    )
  return {k: tuple(np.concatenate(v, axis=1)) for k, v in pairs.items()}


def contrast(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
  """Curve [2, K] that gives regressed gaps the distribution of measured ones.

  Regression to the mean makes lips that neither shut nor open wide; matching
  quantiles undoes that. All talkers count alike.
  """
  places = np.array([0, 5, 15, 30, 50, 70, 85, 95, 99])
  made, real = np.mean(
    [np.percentile(pair, places, axis=1).T for pair in pairs], axis=0
  )
  # What is measured between closed lips is not 0 and not always the same.
  real = np.maximum(real - 0.1, 0)
  # Rare lips beyond the measured range go on a while on the last slope.
  made = np.append(made, made[-1] + 2 * (made[-1] - made[-2]))
  real = np.append(real, real[-1] + 2 * (real[-1] - real[-2]))
  return np.stack([made, real])


def finished(
  weights: lips_lib.LipWeights, curve: np.ndarray, amplitude: float
) -> lips_lib.LipWeights:
  """Weights with the contrast curve and the amplitude of a speaker."""
  return weights._replace(curve=curve, scale=np.full(3, amplitude))


def fit_all(
  clips: Sequence[recordings.TalkerClip],
  unaligned: Sequence[recordings.TalkerClip],
  phones: Sequence[recordings.TalkerClip],
) -> tuple[lips_lib.LipWeights, dict[str, lips_lib.LipWeights]]:
  """Weights from everything, and weights without each talker of videos.

  Args:
    clips: Videos whose sound fits the picture.
    unaligned: Videos whose sound may be shifted.
    phones: Recordings with the lips of their phones.

  Returns:
    The weights, and by talker the weights fitted without that talker.
  """
  reference = reference_spectrum(clips)
  amplitude = float(np.median([c.amplitude for c in clips]))
  first = fit([*clips, *phones], reference)
  unaligned = aligned(unaligned, first)
  clips = [*clips, *unaligned]
  held_out = without_each_talker(clips, phones, reference)
  pairs = raw_gaps(clips, held_out)
  for name, weights in held_out.items():
    # The held-out talker's lips must not shape the curve either.
    curve = contrast(v for k, v in pairs.items() if k != name)
    held_out[name] = finished(weights, curve, amplitude)
  weights = fit([*clips, *phones], reference)
  curve = contrast(pairs.values())
  return finished(weights, curve, amplitude), held_out
