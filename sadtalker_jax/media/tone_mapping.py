"""HDR pictures (ITU-R BT.2100, PQ or HLG) as an SDR screen shows them.

White of a page, 203 cd/m^2 (BT.2408), becomes the SDR screen's brightest; what
is darker than about 40 % of that stays as it is, what is brighter is drawn in
by the curve of BT.2390 (5.4.1), up to 1,000 cd/m^2, from where all is white.
The curve is that of the largest of the three colours, so that hues stay.
Primaries change from BT.2020 to BT.709; colours beyond those are cut off.
"""

import functools
from typing import Literal

import numpy as np

Transfer = Literal['PQ', 'HLG']

_WHITE, _PEAK = 203.0, 1000.0  # cd/m^2
_LEVELS = 4096  # of the table of signals: 12 bits are more than files have
_PQ_M1, _PQ_M2 = 2610 / 16384, 2523 / 32  # BT.2100, table 4
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 128, 2392 / 128
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073  # table 5
_HLG_GAMMA = 1.2  # of a screen of 1,000 cd/m^2
_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020
_TO_709 = np.array(  # BT.2087
  [
    [1.6605, -0.5876, -0.0728],
    [-0.1246, 1.1329, -0.0083],
    [-0.0182, -0.1006, 1.1187],
  ],
  np.float32,
)
_SCREEN = 2.4  # BT.1886


def sdr(picture: np.ndarray, transfer: Transfer) -> np.ndarray:
  """A picture for SDR screens, uint8 [H, W, 3].

  Args:
    picture: uint16 [H, W, 3], signals of the file from 0 to 65,535.
    transfer: What the signals mean.
  """
  light = _light(transfer)[picture >> 4]
  if transfer == 'HLG':
    light *= np.maximum(light @ _LUMA, 1e-6)[..., None] ** (_HLG_GAMMA - 1)
  most = light.max(-1)
  # Even steps of the fourth root, finer where it is darker.
  light *= np.interp(most**0.25, *_gains())[..., None].astype(np.float32)
  shown = (light @ _TO_709.T).clip(0, 1) ** (1 / _SCREEN)
  return np.rint(255 * shown).astype(np.uint8)


@functools.cache
def _light(transfer: Transfer) -> np.ndarray:
  """Light of signals, [L]: 1 is `_PEAK`; of HLG's before the screen's gamma."""
  signal = np.linspace(0, 1, _LEVELS)
  if transfer == 'PQ':
    light = _of_pq(signal) / _PEAK
  else:
    low = signal**2 / 3
    light = np.where(
      signal <= 0.5,
      low,
      (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12,
    )
  return light.astype(np.float32)


@functools.cache
def _gains() -> tuple[np.ndarray, np.ndarray]:
  """Fourth roots of light, and by what that light is multiplied."""
  root = np.linspace(0, (10000 / _PEAK) ** 0.25, 1024)
  root[0] = root[1] / 2
  light = root**4 * _PEAK
  top = _to_pq(np.array(_PEAK))
  most = _to_pq(np.array(_WHITE)) / top
  knee = 1.5 * most - 0.5
  signal = np.minimum(_to_pq(light) / top, 1)
  t = np.maximum(signal - knee, 0) / (1 - knee)
  bent = (
    (2 * t**3 - 3 * t**2 + 1) * knee
    + (t**3 - 2 * t**2 + t) * (1 - knee)
    + (3 * t**2 - 2 * t**3) * most
  )
  shown = np.where(signal < knee, light, _of_pq(bent * top))
  return root, shown / _WHITE / (light / _PEAK)


def _of_pq(signal: np.ndarray) -> np.ndarray:
  """Light of PQ signals, cd/m^2."""
  power = signal ** (1 / _PQ_M2)
  light = np.maximum(power - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * power)
  return 10000 * light ** (1 / _PQ_M1)


def _to_pq(light: np.ndarray) -> np.ndarray:
  """PQ signals of light in cd/m^2."""
  power = (light / 10000) ** _PQ_M1
  return ((_PQ_C1 + _PQ_C2 * power) / (1 + _PQ_C3 * power)) ** _PQ_M2
