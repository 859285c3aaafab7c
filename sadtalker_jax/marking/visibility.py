"""How well people see a change of colours: CIEDE2000 and PSNR.

Colours are sRGB [..., 3] in 0 to 255, seen under D65. The formula is that of
Sharma, Wu and Dalal, 2005; about 1 is the least difference that people see in
flat colours side by side.
"""

import numpy as np

_TO_XYZ = np.array(
  [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
  ],
  np.float32,
)
_WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)


def lab(colours: np.ndarray) -> np.ndarray:
  """CIE L*, a*, b* [..., 3] of colours."""
  value = np.asarray(colours, np.float32) / 255
  low = value / 12.92
  light = np.where(value <= 0.04045, low, ((value + 0.055) / 1.055) ** 2.4)
  part = light @ _TO_XYZ.T / _WHITE
  root = np.where(part > 216 / 24389, np.cbrt(part), part * 841 / 108 + 4 / 29)
  x, y, z = root[..., 0], root[..., 1], root[..., 2]
  return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
  """CIEDE2000 [...] between colours L*, a*, b* [..., 3]."""
  light1, a1, b1 = np.moveaxis(one, -1, 0)
  light2, a2, b2 = np.moveaxis(other, -1, 0)
  chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
  grey = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
  c1, c2 = np.hypot(a1 * grey, b1), np.hypot(a2 * grey, b2)
  h1, h2 = np.arctan2(b1, a1 * grey), np.arctan2(b2, a2 * grey)
  turn = np.where(c1 * c2 == 0, 0, (h2 - h1 + np.pi) % (2 * np.pi) - np.pi)
  hue = np.where(c1 * c2 == 0, h1 + h2, h1 + turn / 2)
  step = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2)
  light, chroma = (light1 + light2) / 2, (c1 + c2) / 2
  weight = (
    1
    - 0.17 * np.cos(hue - np.pi / 6)
    + 0.24 * np.cos(2 * hue)
    + 0.32 * np.cos(3 * hue + np.pi / 30)
    - 0.2 * np.cos(4 * hue - np.deg2rad(63))
  )
  off = (light - 50) ** 2
  by_light = (light2 - light1) / (1 + 0.015 * off / np.sqrt(20 + off))
  by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
  by_hue = step / (1 + 0.015 * chroma * weight)
  degrees = np.rad2deg(hue) % 360
  bend = np.deg2rad(60) * np.exp(-(((degrees - 275) / 25) ** 2))
  cross = 2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(bend)
  square = by_light**2 + by_chroma**2 + by_hue**2
  return np.sqrt(np.maximum(square - cross * by_chroma * by_hue, 0))


def psnr(one: np.ndarray, other: np.ndarray) -> float:
  """Peak signal to noise ratio of two pictures of 0 to 255, dB."""
  gap = np.asarray(one, np.float32) - np.asarray(other, np.float32)
  return float(-10 * np.log10(np.mean(gap**2) / 255**2))
