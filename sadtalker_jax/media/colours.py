"""Colours by their names and numbers in CSS."""

import numpy as np
from PIL import ImageColor


def named(text: str) -> np.ndarray:
  """A colour, [3] uint8 RGB; its opacity is left out.

  Raises:
    ValueError: there is no such colour.
  """
  return np.array(ImageColor.getrgb(text)[:3], np.uint8)
