"""Where skin is in a picture of a face: weights of the photometric loss.

Deep3D weighs the photometric loss by a mixture of Gaussians over skin colours,
fitted to pictures that are not public. Here the colours are those of the face
itself: one Gaussian in the chroma plane (Cb, Cr), fitted to its cheeks and nose
and evaluated inside the outline of face and forehead. So it needs no constants
of a population and follows light and skin tone; eyes, open mouths, hair, hands
and glasses fall out by colour, as in the original. Lips, which the face model
has but whose colour is their own, count as skin. Cheeks that are covered make
the cover the skin.
"""

import numpy as np
from PIL import Image, ImageDraw

# Landmarks around both cheeks and the nose: between eyes and mouth, inside of
# the jaw.
_CHEEKS = (1, 3, 5, 48, 31, 30, 35, 54, 11, 13, 15, 47, 28, 40)
_JAW = tuple(range(17))
_BROWS = tuple(range(26, 16, -1))
_LIPS = tuple(range(48, 60))
_MOUTH = tuple(range(60, 68))
_FOREHEAD = 0.9  # height above the brows, in heights of brows to nose tip
_SPREAD = 3.0  # least standard deviation of a chroma, of 255 levels
_NEAR = 6.0  # squared distance, in deviations, at which skin is half certain


def mask(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
  """The probability that each pixel is skin.

  Args:
    image: Picture [H, W, 3] uint8 RGB.
    landmarks: Landmarks [68, 2], pixels, y down.

  Returns:
    [H, W] uint8: 0 to 255 for certainly skin. All 0 if the landmarks lie
    outside of the picture.
  """
  outline = np.concatenate([landmarks[list(_JAW)], _forehead(landmarks)])
  found = np.zeros(image.shape[:2], np.uint8)
  # Only the outline's part of the picture is looked at.
  sides = [image.shape[1], image.shape[0]]
  left, top = np.clip(np.floor(outline.min(0)), 0, sides).astype(int)
  right, bottom = np.clip(np.ceil(outline.max(0)), 0, sides).astype(int)
  if right <= left or bottom <= top:
    return found
  part = np.ascontiguousarray(image[top:bottom, left:right])
  landmarks = landmarks - [left, top]
  cheeks = _fill(part.shape, landmarks[list(_CHEEKS)]) > 0
  if not cheeks.any():
    return found
  chroma = np.asarray(Image.fromarray(part).convert('YCbCr'))[..., 1:]
  sample = chroma[cheeks].astype(np.float32)
  # Medians, because nostrils and beards may lie among the cheeks' pixels.
  centre = np.median(sample, axis=0)
  away = np.abs(sample - centre)
  inner = sample[(away <= 2 * np.median(away, axis=0) + _SPREAD).all(1)]
  covariance = np.cov(inner.T) if len(inner) > 2 else np.zeros((2, 2))
  covariance = covariance + _SPREAD**2 * np.eye(2)
  (a, b), (_, d) = np.linalg.inv(covariance).astype(np.float32)
  x, y = (chroma[..., i].astype(np.float32) - centre[i] for i in range(2))
  distance = a * x * x + 2 * b * x * y + d * y * y
  sure = 1 / (1 + np.exp(np.minimum(distance - _NEAR, 50)))
  lips = _fill(part.shape, landmarks[list(_LIPS)]) > 0
  sure[lips & (_fill(part.shape, landmarks[list(_MOUTH)]) == 0)] = 1
  inside = _fill(part.shape, outline - [left, top])
  found[top:bottom, left:right] = sure * inside
  return found


def _forehead(landmarks: np.ndarray) -> np.ndarray:
  """The brows, moved up the forehead, [10, 2]."""
  brows = landmarks[list(_BROWS)]
  up = landmarks[27] - landmarks[30]  # from the tip of the nose to its root
  return brows + _FOREHEAD * up


def _fill(shape: tuple[int, ...], points: np.ndarray) -> np.ndarray:
  """A polygon [N, 2] filled with 255, [H, W] uint8."""
  picture = Image.new('L', (shape[1], shape[0]))
  corners = [(float(x), float(y)) for x, y in points]
  ImageDraw.Draw(picture).polygon(corners, fill=255)
  return np.asarray(picture)
