"""What a photo shows between the lips, as two layers.

The layer of the skull (upper teeth) rests when the jaw opens, that of the jaw
(lower teeth, tongue) goes along. A path through the dark between the rows parts
them. As long as the lips stand as in the photo a layer is all that the photo
shows; once they move it is teeth and tongue alone, without the lips' shadows
and rims, which would stay behind as lines.

Conventions: those of `fitted_head`; texture points are frame points plus the
portrait's `margin`.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.inference.puppet import fitted_head, parting

MOUTH_REACH = 0.5  # decimetre around its middle in which the skin may be open
OPEN_GAP = 0.04  # decimetre; a photo's lips farther apart show an open mouth

_UPWARDS = np.array([[0, 1, 0], [1, 1, 1], [0, 0, 0]], bool)
_LIPS = list(fitted_head.MOUTH_RIM[2:])


class PhotoMouth(NamedTuple):
  """The layers, and the teeth that were found in them."""

  # [Ht, Wt, 5] in [0, 1]: all and tight of skull, of jaw, and where skull is
  # in front, lips or not.
  mask: np.ndarray
  middle: np.ndarray  # [3] middle between the lips, in the head
  gap: np.ndarray  # [2] lip gaps between which the layers fade out, decimetre
  teeth: parting.Teeth


def find(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  surface: tuple[np.ndarray, np.ndarray],
  triangles: tuple[np.ndarray, np.ndarray],
  photo: tuple[np.ndarray, np.ndarray, float],
) -> PhotoMouth:
  """The layers of a photo's mouth.

  An open mouth of the photo keeps its own teeth. A closed one has at most a
  dark line there, which must go once the lips part.

  Args:
    model: Head model.
    head: Fitted head.
    surface: Texture points [N, 2] of face and caps, and their depths [N].
    triangles: Those of the face [F, 3] and of the caps [C, 3].
    photo: Texture [Ht, Wt, 3]; middle of the mouth, a texture point; pixels per
      decimetre.
  """
  texture, centre, pixels = photo
  size = texture.shape[:2]
  upper, lower = fitted_head.points468(model, head.expressed())[_LIPS]
  middle, gap = 0.5 * (upper + lower), float(upper[1] - lower[1])
  points, depth = surface
  positions = np.concatenate([points, depth[:, None]], 1).astype(np.float32)
  front = rasterizer.rasterize(positions, np.concatenate(triangles), *size)
  holes = np.asarray(front.triangle_id) >= len(triangles[0])
  y, x = np.indices(size) + 0.5
  holes &= np.hypot(x - centre[0], y - centre[1]) < MOUTH_REACH * pixels
  # Not downwards: the lower lip would stay behind where the jaw opens farther.
  grown = ndimage.binary_dilation(holes, _UPWARDS, iterations=2)
  whole = ndimage.gaussian_filter(grown.astype(np.float64), 0.7)
  whole[holes] = 1.0
  none = np.zeros_like(whole)
  found = parting.parted(np.asarray(texture, np.float64), holes)
  never = np.array([1e3, 1e4])
  if gap <= OPEN_GAP or found is None:
    fade = np.array([gap + 0.01, gap + 0.05]) if gap <= OPEN_GAP else never
    mask = np.stack([whole, whole, none, none, none], -1)
    return PhotoMouth(mask, middle, fade, parting.Teeth())
  skull, tight, teeth = found
  jaw = 1.0 - skull
  layers = [whole * skull, tight[0] * skull, whole * jaw, tight[1] * jaw, skull]
  return PhotoMouth(np.stack(layers, -1), middle, never, teeth)
