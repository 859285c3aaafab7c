"""Fits the prototypes of `lips` to measured lips and their sound.

A clip's lips [T, 3] are gap, width and chin over rest, divided by the amplitude
of its speaker's gap (5th to 95th percentile), so that large and small mouths
teach the same. Everything is deterministic. Used by `cli.fit_baseline`.

Letters as in `lips`; T frames of a clip.
"""

from collections.abc import Iterable, Sequence
import dataclasses

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import makehuman, morphable
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.baseline import speech
from sadtalker_jax.ops import filters

NUM_PROTOTYPES = 400
NUM_COMPONENTS = 40
RIDGE = 0.2
MAX_LAG = 3  # frames by which lips may be early or late in `correlation`
MAX_SHIFT = 8  # frames searched for the shift of unaligned clips


@dataclasses.dataclass
class TalkerClip:
  """Sound and lips of one recording."""

  name: str
  talker: str
  wave: np.ndarray  # [L] at 16 kHz
  lips: np.ndarray  # [T, 3] measured, in amplitudes of the speaker
  fps: float
  gap: np.ndarray | None = None  # [T] measured, share of the eye distance
  amplitude: float = 1.0  # of the gap; makes `lips` from measures
  shift: float = 0.0  # frames by which the lips come after the sound

  def seconds(self) -> np.ndarray:
    """Times [T] in the sound that the frames show."""
    return (np.arange(len(self.lips)) + 0.5 - self.shift) / self.fps


def mouth_measures(points: np.ndarray) -> np.ndarray:
  """Gap, width and chin height [T, 3] of landmarks [T, 478, 3]."""

  def distance(a: int, b: int) -> np.ndarray:
    return np.linalg.norm(points[:, a] - points[:, b], axis=-1)

  pairs = ((13, 14), (61, 291), (152, 168))
  measures = np.stack([distance(a, b) for a, b in pairs], axis=1)
  return measures / distance(33, 263)[:, None]


def cluster(points: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
  """Weighted k-means centres [count, P], always the same for equal input."""
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


def reference_spectrum(clips: Iterable[TalkerClip]) -> np.ndarray:
  """Smooth mean spectrum of speech [80], every talker counted once."""
  talkers: dict[str, list[np.ndarray]] = {}
  for clip in clips:
    spectrum = speech.mean_spectrum(clip.wave)
    talkers.setdefault(clip.talker, []).append(spectrum)
  means = np.mean([np.mean(v, axis=0) for v in talkers.values()], axis=0)
  return filters.gaussian(means, 4.0)


def model_response() -> np.ndarray:
  """Change of gap, width and chin per unit of the canonical model: [64, 3]."""
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
  measures = mouth_measures(points)
  signed = (points[:, 13, 1] - points[:, 14, 1]) / np.linalg.norm(
    points[:, 33] - points[:, 263], axis=-1
  )
  measures[:, 0] = signed
  return measures[1:] - measures[:1]


def fit(
  clips: Sequence[TalkerClip], reference: np.ndarray
) -> lips_lib.LipWeights:
  """Prototypes and their lips; curve and scale are left as identities."""
  features, lips, weight = [], [], []
  frames = {c.talker: 0 for c in clips}
  for clip in clips:
    frames[clip.talker] += len(clip.lips)
  for clip in clips:
    sound = speech.listen(clip.wave, reference)
    features.append(lips_lib.context(sound.bands, clip.seconds()))
    lips.append(clip.lips)
    # A talker counts by the root of what he said.
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


def produced(clip: TalkerClip, weights: lips_lib.LipWeights) -> np.ndarray:
  """Opening [T] that the baseline makes for a clip's sound at its frames."""
  sound = speech.listen(clip.wave, weights.reference)
  lips = lips_lib.measure(sound, len(clip.lips), clip.fps, weights)
  return lips_lib.opening(lips_lib.units(lips, weights), weights)


def correlation(
  real: np.ndarray, made: np.ndarray, max_lag: int = MAX_LAG
) -> tuple[float, int]:
  """Highest Pearson r of two tracks [T] and its lag (real after made)."""
  lags = range(-max_lag, max_lag + 1)
  return max((_lagged_r(real, made, lag), lag) for lag in lags)


def _lagged_r(real: np.ndarray, made: np.ndarray, lag: int) -> float:
  a = real[max(lag, 0) : len(real) + min(lag, 0)]
  b = made[max(-lag, 0) : len(made) - max(lag, 0)]
  if a.std() == 0 or b.std() == 0:
    return -1.0
  return float(np.corrcoef(a, b)[0, 1])


def aligned(
  clips: Sequence[TalkerClip], weights: lips_lib.LipWeights
) -> list[TalkerClip]:
  """Clips with the shift at which lips and chin fit the weights' best."""
  result = []
  for clip in clips:
    sound = speech.listen(clip.wave, weights.reference)
    lips = lips_lib.measure(sound, len(clip.lips), clip.fps, weights)
    lags = range(-MAX_SHIFT, MAX_SHIFT + 1)
    fits = [
      _lagged_r(clip.lips[:, 0], lips.gap, lag)
      + _lagged_r(clip.lips[:, 2], lips.chin, lag)
      for lag in lags
    ]
    shift = float(lags[int(np.argmax(fits))])
    result.append(dataclasses.replace(clip, shift=shift))
  return result


def without_each_talker(
  clips: Sequence[TalkerClip],
  others: Sequence[TalkerClip],
  reference: np.ndarray,
) -> dict[str, lips_lib.LipWeights]:
  """Weights fitted without each talker of `clips`, curve and scale unset."""
  everything = [*clips, *others]
  return {
    name: fit([c for c in everything if c.talker != name], reference)
    for name in sorted({c.talker for c in clips})
  }


def raw_gaps(
  clips: Sequence[TalkerClip], held_out: dict[str, lips_lib.LipWeights]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
  """Per talker: regressed and measured gap in frames with speech."""
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
