"""A portrait in two layers: the person, and the background behind them.

Where the person cannot be told from the background the first layer is all of
the photo, and surroundings bend where a head moves.

Conventions: texture points are frame points plus the portrait's `margin`.
"""

from typing import NamedTuple

from absl import logging
import numpy as np

from sadtalker_jax.faces.matting import backdrop, person
from sadtalker_jax.inference.puppet import fitted_portrait


class Layers(NamedTuple):
  """layer + (1 - alpha) * background is the photo."""

  layer: np.ndarray  # [Ht, Wt, 4] colours times alpha, 0..255, and alpha, 0..1
  background: np.ndarray  # [Ht, Wt, 3]
  found: bool  # whether there is a person before a background


def build(portrait: fitted_portrait.FittedPortrait) -> Layers:
  """The layers of a portrait's texture."""
  texture = np.rint(portrait.texture)
  # Beyond the picture there is nothing to be learned from.
  ends = np.array([[0, 0], portrait.picture.shape[1::-1]], float)
  ends = np.rint(portrait.to_frame(ends) + portrait.margin).astype(int)
  (x0, y0), (x1, y1) = np.clip(ends, 0, texture.shape[1::-1])
  points = portrait.to_frame(portrait.landmarks[:, :2]) + portrait.margin
  found = person.find(texture[y0:y1, x0:x1], points - (x0, y0))
  if found is None:
    logging.info('no clear border of head and hair: surroundings move along')
    return whole(portrait)
  height, width = texture.shape[:2]
  pads = ((y0, height - y1), (x0, width - x1), (0, 0))
  layer = backdrop.beyond(found.layer, pads)
  return Layers(layer, np.pad(found.background, pads, mode='edge'), True)


def whole(portrait: fitted_portrait.FittedPortrait) -> Layers:
  """Layers of which the first has all of the photo."""
  texture = np.rint(portrait.texture)
  alpha = np.ones_like(texture[..., :1])
  return Layers(np.concatenate([texture, alpha], -1), texture, False)
