"""Metrics of pixels: sharpness, nearness to real frames, FID, FVD, likeness."""

from collections.abc import Iterator

import numpy as np

from sadtalker_jax.evaluation import clips
from sadtalker_jax.evaluation.measures import experts, views
from sadtalker_jax.evaluation.measures import metric as lib
from sadtalker_jax.metrics import identity, image, sharpness

_EQUAL = 100.0  # dB that stand for equal frames
_ROWS = 16  # frames converted to float64 at a time


def _cpbd(
  clip: clips.ScoredClip, system: str, _: experts.MetricNetworks
) -> dict[str, float]:
  frames = clip.sides[system].frames
  found = [sharpness.cpbd_clip(frames[part]) for part in _parts(len(frames))]
  return {'cpbd': float(np.concatenate(found).mean())}


def _likeness(
  clip: clips.ScoredClip, system: str, _: experts.MetricNetworks
) -> dict[str, float]:
  real, made = clip.real.frames, clip.sides[system].frames
  noise, structure = [], []
  for part in _parts(len(real)):
    noise.append(image.psnr(real[part], made[part]))
    structure.append(image.ssim(real[part], made[part]))
  return {
    'psnr': float(np.minimum(np.concatenate(noise), _EQUAL).mean()),
    'ssim': float(np.concatenate(structure).mean()),
  }


def _lpips(
  clip: clips.ScoredClip, system: str, networks: experts.MetricNetworks
) -> dict[str, float]:
  real, made = clip.real.frames, clip.sides[system].frames
  found = [
    image.lpips(networks.lpips, real[part], made[part], batch=experts.BATCH)
    for part in _parts(len(real))
  ]
  return {'lpips': float(np.concatenate(found).mean())}


def _fid(
  clip: clips.ScoredClip, system: str, networks: experts.MetricNetworks
) -> np.ndarray:
  return clip.once(
    'inception', system, lambda side: networks.inception(side.frames)
  )


def _fvd(
  clip: clips.ScoredClip, system: str, networks: experts.MetricNetworks
) -> np.ndarray:
  return clip.once('i3d', system, lambda side: networks.i3d(side.frames))


def _csim(
  clip: clips.ScoredClip, system: str, networks: experts.MetricNetworks
) -> dict[str, float]:
  source = clip.once(
    'source',
    'real',
    lambda side: networks.arcface(side.frames[:1], side.points[:1])[0],
  )
  side = clip.sides[system]
  found = networks.arcface(side.frames, side.points)
  return {'csim': identity.csim(source, found)}


def _parts(count: int) -> Iterator[slice]:
  for start in range(0, count, _ROWS):
    yield slice(start, start + _ROWS)


MEASURES = (
  lib.Measure(
    (
      lib.Metric(
        'fid',
        'FID',
        'lower',
        'Fréchet distance of Inception '
        "features, all frames of all clips against the real ones'",
        'frame',
        2,
      ),
    ),
    needs=('inception_fid',),
    features=_fid,
    view='shared crop, bilinear to 299 x 299',
  ),
  lib.Measure(
    (
      lib.Metric(
        'fvd',
        'FVD',
        'lower',
        'Fréchet distance of what I3D says of 16 frames at a time',
        'frame',
        1,
      ),
    ),
    needs=('i3d',),
    features=_fvd,
    view='shared crop, bilinear to 224 x 224',
  ),
  lib.Measure(
    (
      lib.Metric(
        'cpbd',
        'CPBD',
        'higher',
        'share of edges too sharp to look blurred, mean over frames',
        'frame',
      ),
    ),
    numbers=_cpbd,
    of_real=True,
  ),
  lib.Measure(
    (
      lib.Metric(
        'csim',
        'CSIM',
        'higher',
        'cosine of ArcFace embeddings, first '
        'frame of the real clip against every frame',
        'frame',
      ),
    ),
    needs=('arcface',),
    numbers=_csim,
    of_real=True,
    view=views.ARCFACE,
  ),
  lib.Measure(
    (
      lib.Metric(
        'psnr',
        'PSNR',
        'higher',
        'dB against the real frame; equal frames count as 100',
        'frame',
        2,
      ),
      lib.Metric(
        'ssim',
        'SSIM',
        'higher',
        'structural similarity to the real frame',
        'frame',
      ),
    ),
    numbers=_likeness,
  ),
  lib.Measure(
    (
      lib.Metric(
        'lpips',
        'LPIPS',
        'lower',
        'perceptual distance (AlexNet) from the real frame',
        'frame',
      ),
    ),
    needs=('lpips',),
    numbers=_lpips,
  ),
)
