"""Where the bits of a mark lie: bins of the canvas's Fourier transform.

A key deals the bins of a ring to a known pattern, by which the mark is found
and its place measured, and to coded bits, about three times each. All bins of a
finer ring have a second known pattern, which goes into luma. Random numbers
come from SHAKE-256, so that a key means the same for ever.
Spectra are those of `rfft2`: [256, 129], rows first.
"""

import functools
import hashlib

import numpy as np
from scipy import fft

from sadtalker_jax.marking import canvases, codes, payloads

SIDE = canvases.SIDE
NUM_CODED = codes.length(payloads.WORD_BITS)
REACH = 32  # pixels of the canvas by which marks are moved to suit a picture
_RING = (3.0, 16.0)  # cycles a frame; codecs take finer ones
# In luma coarser ones are drowned by the picture, and finer ones by codecs.
_GREY_RING = (16.0, 48.0)
_KNOWN = 0.25  # share of the bins of the known pattern
_KNOWN_POWER = 2.0  # of such a bin, by that of one with coded bits
_NEAR = 3.0  # radii over which the strength of what is left is averaged
_LEAST_KEPT = 0.2  # of the largest such strength


class Pattern:
  """The layout of marks of a key; get it from `of_key`.

  Attributes:
    known: Spectrum of the known pattern.
    grey: Spectrum of the known pattern in luma.
  """

  def __init__(self, key: bytes):
    self._bins = _ring(*_RING)
    count = len(self._bins)
    order = np.argsort(_random(key, b'order', count), kind='stable')
    self._phases = _phases(key, b'phase', count)
    split = int(count * _KNOWN)
    self._known_part, self._data = order[:split], order[split:]
    # Both parts of a bin carry a bit, so that all have as many places.
    dealt = np.arange(2 * len(self._data)) % NUM_CODED
    dealt = dealt[np.argsort(_random(key, b'bits', len(dealt)), kind='stable')]
    self._real, self._imaginary = np.split(dealt, 2)
    known_bins = self._bins[self._known_part]
    self.known = _spectrum(known_bins, self._phases[self._known_part])
    grey_bins = _ring(*_GREY_RING)
    self.grey = _spectrum(grey_bins, _phases(key, b'grey', len(grey_bins)))

  def plane(
    self, signed: np.ndarray, place: tuple[int, int] = (0, 0)
  ) -> np.ndarray:
    """The mark on the canvas, [256, 256] of unit power.

    Args:
      signed: Coded bits [210]: the sign is the bit (+ for 0), the size its
        strength.
      place: Where its origin is, pixels; it goes on round the edges.
    """
    values = signed[self._real] + 1j * signed[self._imaginary]
    spectrum = np.sqrt(_KNOWN_POWER) * self.known
    spectrum.flat[self._bins[self._data]] = self._phases[self._data] * values
    plane = fft.irfft2(spectrum, s=(SIDE, SIDE))
    plane = np.roll(plane, place, (0, 1))
    return (plane / plane.std()).astype(np.float32)

  def coarse(self, side: int) -> np.ndarray:
    """The known pattern [side, side] on a canvas of fewer pixels."""
    half = side // 2
    rows = np.r_[0:half, SIDE - half : SIDE]
    return fft.irfft2(self.known[rows][:, : half + 1], s=(side, side))

  def soft(
    self, spectrum: np.ndarray, shift: tuple[float, float] = (0.0, 0.0)
  ) -> np.ndarray:
    """Soft values [210] of the coded bits; + speaks for 0.

    Args:
      spectrum: Spectrum of a residual, see `matched`.
      shift: Where on the canvas the picture's origin is, pixels.
    """
    rows = np.fft.fftfreq(SIDE)[:, None]
    columns = np.arange(SIDE // 2 + 1)[None] / SIDE
    turn = np.exp(2j * np.pi * (rows * shift[0] + columns * shift[1]))
    found = (spectrum * turn).ravel()[self._bins] * np.conj(self._phases)
    found = (found * self._kept(found))[self._data]
    real = np.bincount(self._real, found.real, NUM_CODED)
    return real + np.bincount(self._imaginary, found.imag, NUM_CODED)

  def _kept(self, found: np.ndarray) -> np.ndarray:
    """Weights of the bins: how much of the known pattern is left about there.

    Codecs and small copies take the finer bins first.
    """
    places = radii().ravel()[self._bins]
    known = places[self._known_part]
    near = np.abs(places[:, None] - known) <= _NEAR
    mean = near @ found.real[self._known_part] / near.sum(1)
    return np.maximum(mean, _LEAST_KEPT * max(mean.max(), 1e-9))


@functools.lru_cache(8)
def of_key(key: bytes) -> Pattern:
  """The pattern of a key."""
  return Pattern(key)


@functools.cache
def radii(side: int = SIDE) -> np.ndarray:
  """Distance of each bin from the origin, [side, side / 2 + 1]."""
  rows = np.fft.fftfreq(side, 1 / side)[:, None]
  return np.hypot(rows, np.arange(side // 2 + 1)[None])


def matched(spectrum: np.ndarray) -> np.ndarray:
  """A spectrum over its mean power at that radius: noise weighs less there."""
  rings = radii(len(spectrum)).astype(np.int64)
  power = (spectrum.real**2 + spectrum.imag**2).ravel()
  mean = np.bincount(rings.ravel(), power) / np.bincount(rings.ravel())
  smooth = np.convolve(np.pad(mean, 2, mode='edge'), np.ones(5) / 5, 'valid')
  return spectrum / (smooth + 1e-9)[rings]


def _ring(inner: float, outer: float) -> np.ndarray:
  """Flat numbers of the bins of a ring, without the doubled first column."""
  columns = np.arange(SIDE // 2 + 1)[None]
  inside = (radii() >= inner) & (radii() <= outer) & (columns > 0)
  return np.flatnonzero(inside)


def _spectrum(bins: np.ndarray, values: np.ndarray) -> np.ndarray:
  flat = np.zeros(SIDE * (SIDE // 2 + 1), np.complex128)
  flat[bins] = values
  return flat.reshape(SIDE, -1)


def _phases(key: bytes, name: bytes, count: int) -> np.ndarray:
  return np.exp(2j * np.pi * _random(key, name, count))


def _random(key: bytes, name: bytes, count: int) -> np.ndarray:
  """Numbers [count] in [0, 1)."""
  data = hashlib.shake_256(name + b'\0' + key).digest(8 * count)
  return np.frombuffer(data, '<u8') / 2.0**64
