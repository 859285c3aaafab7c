"""Metrics of expert networks: SyncNet, Hopenet, the reconstruction."""

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.evaluation import clips
from sadtalker_jax.evaluation.measures import experts, views
from sadtalker_jax.evaluation.measures import metric as lib
from sadtalker_jax.faces import landmarks
from sadtalker_jax.metrics import beats, coefficients, motion, sync

_INT16 = 32768


def _sync(
  clip: clips.ScoredClip, system: str, networks: experts.MetricNetworks
) -> dict[str, float]:
  side = clip.sides[system]
  wave = np.rint(side.wave * _INT16).clip(-_INT16, _INT16 - 1).astype(np.int16)
  count = sync.num_windows(len(side.frames), len(wave))
  mouths = views.mouths(side.frames, side.points)
  lips = sync.embed_lips(networks.lips, mouths, count, batch=experts.BATCH)
  sound = sync.embed_sound(networks.sound, wave, count, batch=experts.BATCH)
  found = sync.lse(lips, sound)
  return {
    'lse_d': found.lse_d,
    'lse_c': found.lse_c,
    'av_offset': found.offset,
  }


def _heads(
  clip: clips.ScoredClip, system: str, networks: experts.MetricNetworks
) -> dict[str, float]:
  side = clip.sides[system]
  found = networks.hopenet(side.frames)
  heard = clip.once('beats', system, lambda s: beats.music_beats(s.wave))
  aligned = float('nan')
  if len(heard):
    aligned = motion.beat_align(heard, motion.motion_beats(found.degrees))
  return {
    'diversity': motion.diversity(found.features),
    'diversity_degrees': float(motion.angle_deviation(found.degrees).mean()),
    'beat_align': aligned,
  }


def _vectors(
  clip: clips.ScoredClip, system: str, networks: experts.MetricNetworks
) -> np.ndarray:
  """Coefficients [T, 257], each frame aligned by its own landmarks."""

  def compute(side: clips.ClipSide) -> np.ndarray:
    points = landmarks.to_68(side.points)[..., :2]
    rows = [
      networks.reconstructor.coefficients(
        list(side.frames[part]), points[part]
      )[0]
      for part in (
        slice(start, start + experts.BATCH)
        for start in range(0, len(points), experts.BATCH)
      )
    ]
    return np.concatenate(rows)

  return clip.once('recon', system, compute)


def _coefficients(
  clip: clips.ScoredClip, system: str, networks: experts.MetricNetworks
) -> dict[str, float]:
  real, made = (_vectors(clip, s, networks) for s in ('real', system))
  pose = np.r_[conventions.ANGLES, conventions.TRANSLATION]
  return {
    'aed': coefficients.expression_distance(
      real[:, conventions.EXPRESSION], made[:, conventions.EXPRESSION]
    ),
    'apd': coefficients.pose_distance(real[:, pose], made[:, pose]),
    'angle_distance': coefficients.angle_distance(
      real[:, conventions.ANGLES], made[:, conventions.ANGLES]
    ),
  }


def _expression(
  clip: clips.ScoredClip, system: str, networks: experts.MetricNetworks
) -> np.ndarray:
  return _vectors(clip, system, networks)[:, conventions.EXPRESSION]


SYNCNET = lib.Measure(
  (
    lib.Metric(
      'lse_d',
      'LSE-D',
      'lower',
      "distance of SyncNet's embeddings at the best offset",
    ),
    lib.Metric(
      'lse_c',
      'LSE-C',
      'higher',
      'median less minimum of that '
      'distance over offsets of 15 frames both ways',
    ),
    lib.Metric(
      'av_offset',
      'AV offset',
      'zero',
      'frames by which the sound '
      'is late, by SyncNet (whose own program prints the negative)',
      'clip',
      2,
    ),
  ),
  needs=('syncnet_v2',),
  numbers=_sync,
  of_real=True,
  view=views.SYNCNET,
)

HEADS = lib.Measure(
  (
    lib.Metric(
      'diversity',
      'Diversity',
      'higher',
      "deviation of Hopenet's pooled features over time, mean over features",
    ),
    lib.Metric(
      'diversity_degrees',
      'Diversity (deg)',
      'higher',
      'deviation of yaw, pitch, roll by Hopenet, their mean, degrees',
    ),
    lib.Metric(
      'beat_align',
      'Beat Align',
      'higher',
      'how near beats of the sound are to turns of the head by Hopenet',
    ),
  ),
  needs=('hopenet',),
  numbers=_heads,
  of_real=True,
  view='shared crop, bilinear to 224 x 224',
)

COEFFICIENTS = lib.Measure(
  (
    lib.Metric(
      'aed',
      'AED',
      'lower',
      'mean absolute difference of expression coefficients',
      'frame',
      4,
    ),
    lib.Metric(
      'apd',
      'APD',
      'lower',
      'mean absolute difference of pose coefficients (radian, decimetre)',
      'frame',
      4,
    ),
    lib.Metric(
      'angle_distance',
      'angles',
      'lower',
      'mean absolute difference of head angles, degrees',
      'frame',
      2,
    ),
  ),
  needs=('recon',),
  numbers=_coefficients,
  view='shared crop, aligned by five points to 224 x 224',
)

EXPRESSION = lib.Measure(
  (
    lib.Metric(
      'e_fid',
      'E-FID',
      'lower',
      'Fréchet distance of expression coefficients',
      'frame',
      3,
    ),
  ),
  needs=('recon',),
  features=_expression,
  view='shared crop, aligned by five points to 224 x 224',
)
