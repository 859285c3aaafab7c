"""What a mark changes in a picture: planned once a clip.

The plan takes the place on the canvas and the code word that the picture itself
contradicts least, and gives more strength to bits that the picture hides and to
places where the eye sees less. Peaks are cut off: the eye sees them first, and
they say little. The mark is as strong as the eye allows: a given PSNR, a mean
colour difference (CIEDE2000) no larger than `MOST_DIFFERENCE`, and of what no
detail hides, as on a wall, no larger than `MOST_ON_FLAT`. A twelfth of that
power goes into luma, for greyscale copies.
"""

import numpy as np
from scipy import fft, ndimage

from sadtalker_jax.marking import (
  canvases,
  codes,
  correlation,
  patterns,
  payloads,
  visibility,
)

MOST_DIFFERENCE = 1.04  # mean CIEDE2000
MOST_ON_FLAT = 0.5  # mean CIEDE2000 over 1 + detail / `_HIDING`
_HIDING = 4.0  # levels of detail that hide half of a mark
_BY_PLANE = np.array([1, 2, 2], np.float32)[:, None, None]  # colours hide more
_PLACES = 8  # places that are tried
_APART = 3  # pixels of the canvas between them
_WORD = 0.5  # worth of a deviation of the code word, by that of the pattern
_LEVELS = 2.4  # of the marked plane, about what a mark has
_ROUNDS = 3  # of the bits' strengths
_COPY = 0.4  # share of the mark that a lossy copy keeps
_STEP = 3.0  # levels of the marked plane, for the eye's opinion of a place
_REGION = 8.0  # pixels of the canvas over which places are alike
_DETAIL = 0.3  # how much detail counts
_LEAST_SHARE, _MOST_SHARE = 0.4, 2.5
_LEAST_GAIN, _MOST_GAIN = 0.4, 2.0
_GREY = 0.3  # amplitude of the pattern in luma, by that of the rest


def change(
  planes: np.ndarray,
  payload: payloads.Payload,
  pattern: patterns.Pattern,
  least_psnr: float,
) -> np.ndarray:
  """What a mark adds to R, G, B, levels [3, 256, 256].

  Args:
    planes: Planes of the picture on the canvas, see `canvases.colours`.
    payload: What the mark says.
    pattern: Layout of the mark.
    least_psnr: PSNR of the marked picture at least, dB.
  """
  share = _share(planes)
  mark = _limited(share * _planned(pattern, planes, payload, share))
  coloured = _coloured(mark, _in_grey(pattern, planes))
  return _scaled(coloured, planes, least_psnr)


def _share(planes: np.ndarray) -> np.ndarray:
  """Where a mark is worth most: strengths [256, 256] about 1.

  More where colours may change unseen, less where detail drowns the mark and
  codecs take more of it.
  """
  seen = visibility.difference(
    *(
      visibility.lab(np.moveaxis(np.clip(rgb, 0, 255), 0, -1))
      for rgb in (canvases.to_rgb(planes + _step(s)) for s in (-_STEP, _STEP))
    )
  )
  seen = ndimage.gaussian_filter(seen, _REGION) + 0.01
  detail = 1 + _detail(planes[:1])
  share = (seen.mean() / seen) * (detail.mean() / detail) ** _DETAIL
  return np.clip(share / share.mean(), _LEAST_SHARE, _MOST_SHARE)


def _detail(planes: np.ndarray) -> np.ndarray:
  """Strength [256, 256] of detail about each place of planes [n, 256, 256]."""
  spreads = (0, _REGION / 2, _REGION / 2), (0, _REGION, _REGION)
  detail = planes - ndimage.gaussian_filter(planes, spreads[0])
  power = ndimage.gaussian_filter(detail**2, spreads[1])
  return np.sqrt(power).sum(axis=0)


def _step(size: float) -> np.ndarray:
  return np.array([0, size, 0], np.float32)[:, None, None]


def _planned(
  pattern: patterns.Pattern,
  planes: np.ndarray,
  payload: payloads.Payload,
  share: np.ndarray,
) -> np.ndarray:
  """The mark [256, 256] of unit power for a picture, before it is shared out.

  Args:
    pattern: Layout of the mark.
    planes: Planes [3, 256, 256] of the picture.
    payload: What the mark says.
    share: Strengths [256, 256] of places.
  """

  def spectrum(planes: np.ndarray) -> np.ndarray:
    rest = canvases.taper() * canvases.residual(planes)
    return patterns.matched(fft.rfft2(rest))

  place, sign = _suited(pattern, spectrum(planes), payload)
  alone = pattern.soft(spectrum(planes), place)
  gain = np.ones(patterns.NUM_CODED)
  for _ in range(_ROUNDS):
    copy = planes.copy()
    mark = share * pattern.plane(sign * gain, place)
    copy[1] += _COPY * _LEVELS * mark
    full = pattern.soft(spectrum(copy), place) * sign
    effect = max(float(np.mean(full - alone * sign) / gain.mean()), 1e-6)
    gain += 0.7 * (np.median(full) - full) / effect
    gain = np.clip(gain, _LEAST_GAIN, _MOST_GAIN)
  return pattern.plane(sign * gain, place)


def _suited(
  pattern: patterns.Pattern, spectrum: np.ndarray, payload: payloads.Payload
) -> tuple[tuple[int, int], np.ndarray]:
  """Place and signs [210] of the mark that a picture contradicts least.

  A background that stands still is part of every frame: what it has in common
  with the known pattern does not average out.

  Args:
    pattern: Layout of the mark.
    spectrum: Spectrum of the picture's residual, see `patterns.matched`.
    payload: What the mark says.
  """
  values = fft.irfft2(spectrum * np.conj(pattern.known), s=(canvases.SIDE,) * 2)
  near = correlation.near(values, patterns.REACH) / (values.std() + 1e-9)
  signs = 1.0 - 2.0 * codes.encode(payload.words())  # [256, 210]
  found = []
  for _ in range(_PLACES):
    place = correlation.largest(near)
    alone = pattern.soft(spectrum, place)
    fits = signs @ alone / (np.linalg.norm(alone) + 1e-9)
    found.append((near.max() + _WORD * fits.max(), place, signs[fits.argmax()]))
    y, x = (n + patterns.REACH for n in place)
    rows = slice(max(0, y - _APART), y + _APART + 1)
    near[rows, max(0, x - _APART) : x + _APART + 1] = -np.inf
  _, place, sign = max(found, key=lambda one: one[0])
  return place, sign


def _limited(mark: np.ndarray) -> np.ndarray:
  """A mark [256, 256] without its peaks: they say little and are seen first."""
  spread = mark.std()
  return spread * np.tanh(mark / spread)


def _in_grey(pattern: patterns.Pattern, planes: np.ndarray) -> np.ndarray:
  """The pattern in luma [256, 256] of unit power, where it fits a picture.

  Its place says nothing, so it goes where the picture itself looks most like
  it: about 4 deviations for nothing.
  """
  rest = canvases.taper() * canvases.grey_residual(planes)
  found = correlation.Correlation.of(rest, pattern.grey)
  place = np.unravel_index(found.map.argmax(), found.map.shape)
  plane = np.roll(fft.irfft2(pattern.grey, s=found.map.shape), place, (0, 1))
  return plane / plane.std()


def _coloured(mark: np.ndarray, grey: np.ndarray) -> np.ndarray:
  """What both parts of a mark do to R, G, B: [3, 256, 256] of any power.

  Args:
    mark: The mark in the marked plane [256, 256].
    grey: The pattern in luma [256, 256] of unit power.
  """
  change = canvases.MARKED_IN_RGB[:, None, None] * mark
  return change + _GREY * np.sqrt(np.mean(change**2)) * grey


def _scaled(
  change: np.ndarray, planes: np.ndarray, least_psnr: float
) -> np.ndarray:
  """A change [3, 256, 256] of R, G, B, made as strong as the eye allows."""
  # Rounding to levels adds a twelfth.
  power = 255**2 * 10 ** (-least_psnr / 10) - 1 / 12
  change = change * np.sqrt(power / np.mean(change**2))
  # Every other pixel of every other row says as much.
  before = canvases.to_rgb(planes[:, ::2, ::2])
  seen = visibility.difference(
    *(
      visibility.lab(np.moveaxis(np.clip(colours, 0, 255), 0, -1))
      for colours in (before, before + change[:, ::2, ::2])
    )
  )
  detail = _detail(planes * _BY_PLANE)[::2, ::2]
  flat = seen / (1 + detail / _HIDING)
  return change * min(
    1.0,
    MOST_DIFFERENCE / max(float(seen.mean()), 1e-6),
    MOST_ON_FLAT / max(float(flat.mean()), 1e-6),
  )
