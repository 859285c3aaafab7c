"""Hair that hangs beside a face and over shoulders, however far it reaches.

It is known by the hair above the face: it has the same colours and texture, is
joined with it, and the room above the shoulders hardly shows the like.

Conventions: those of `regions`.
"""

import numpy as np
from scipy import ndimage

from sadtalker_jax.faces.matting import mixtures
from sadtalker_jax.faces.matting import place as place_lib

# Lengths in widths of the face; below the chin, so eyes are at about -0.75.
_CROWN = 0.25  # hair within it above the face is certain
_EYES, _NOSE = -0.75, -0.5
_CERTAIN, _CLEAR = 0.7, 0.3  # shares of the person in hair, and in the room
_FINE = 1.0  # pixels; what changes faster is texture
_TEXTURE = 20.0  # grey levels that e times as much of it (and more) counts
_SMOOTH = 1.0  # pixels over which pixels agree
_ODDS = 1.0  # log odds of hair against the room
_RARE = 0.05  # share of the certain hair that is less like it


def texture(picture: np.ndarray) -> np.ndarray:
  """Size [H, W] of what changes from pixel to pixel, grey levels.

  Args:
    picture: [H, W, 3] at its own size.
  """
  grey = np.asarray(picture, np.float64).mean(-1)
  return np.abs(grey - ndimage.gaussian_filter(grey, _FINE))


def find(
  colours: np.ndarray,
  fine: np.ndarray,
  share: np.ndarray,
  place: place_lib.Place,
) -> np.ndarray | None:
  """Which pixels [H, W] are of hair joined with that above the face.

  None if no hair is certain.

  Args:
    colours: [H * W, 3], in grey levels.
    fine: [H, W] texture.
    share: [H, W] shares of the person as far as they are known.
    place: What is known of the pixels.
  """
  crown = (share > _CERTAIN) & ~place.sure
  crown &= (place.beside < _CROWN) & (place.below < _EYES)
  room = (share < _CLEAR) & (place.below < _NOSE)
  if min(crown.sum(), room.sum()) < mixtures.LEAST:
    return None
  fine = _TEXTURE * np.log1p(ndimage.gaussian_filter(fine, _SMOOTH))
  looks = np.concatenate([colours, fine.reshape(-1, 1)], -1)

  def density(part: np.ndarray) -> np.ndarray:
    logs = mixtures.log_density(looks, part.ravel()).reshape(share.shape)
    return ndimage.gaussian_filter(logs, _SMOOTH)

  mine, others = density(crown), density(room)
  rare = np.quantile(mine[crown], _RARE)
  like = ndimage.binary_opening((mine > rare) & (mine - others > _ODDS))
  label, _ = ndimage.label(like)
  joined = np.unique(label[crown & like])
  return ndimage.binary_closing(np.isin(label, joined[joined > 0]))
