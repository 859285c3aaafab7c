"""What a picture does not show, made up from what is seen beside it.

Behind a person slow changes are carried inwards over a pyramid (push and pull);
beyond the picture its last pixels go on. Grain and texture are those of the
place that lies as far on the other side of the border.

Conventions: pictures are RGB, 0 to 255.
"""

import numpy as np
from scipy import ndimage

FINE = 3.0  # pixels; what changes faster is texture
GRAIN = 8.0  # grey levels of it, at the most
REACH = 12.0  # pixels over which it is continued


def fill(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
  """The picture [H, W, 3] with all but the known pixels made up.

  Args:
    picture: [H, W, 3] float.
    known: [H, W] bool, some of them true.
  """
  weight = known.astype(np.float64)[..., None]
  slow = _blurred(picture * weight) / np.maximum(_blurred(weight), 1e-6)
  detail = np.where(weight > 0, picture - slow, 0.0)
  filled = push_pull(picture * weight, weight)
  away, near = ndimage.distance_transform_edt(~known, return_indices=True)
  place = np.indices(known.shape)
  ends = np.array(known.shape)[:, None, None] - 1
  mirrored = tuple(np.clip(2 * near - place, 0, ends))
  grain = np.clip(detail[mirrored], -GRAIN, GRAIN)
  grain *= np.exp(-away / REACH)[..., None]
  filled = _smoothed(filled, away) + grain
  return np.where(weight > 0, picture, np.clip(filled, 0.0, 255.0))


def beyond(layer: np.ndarray, pads: tuple[tuple[int, int], ...]) -> np.ndarray:
  """A layer [H, W, 4] that goes on beyond its edges, without streaks.

  Only its last pixels would be drawn out into lines; away from the edges lines
  fade, and texture is mirrored instead.

  Args:
    layer: Colours times alpha, and alpha.
    pads: Pixels to be added before and after rows and columns (and channels:
      none).
  """
  last = np.pad(layer, pads, mode='edge')
  mirrored = np.pad(layer, pads, mode='symmetric')
  grain = layer[..., :3] - ndimage.gaussian_filter(
    layer[..., :3], (FINE, FINE, 0)
  )
  grain = np.pad(np.clip(grain, -GRAIN, GRAIN), pads, mode='symmetric')
  down, right = (
    np.pad(np.zeros(n, layer.dtype), pad, mode='linear_ramp', end_values=pad)
    for n, pad in zip(layer.shape, pads[:2], strict=False)
  )
  away = np.hypot(down[:, None], right)
  share = np.clip(away / (2.0 * FINE), 0.0, 1.0)[..., None]
  slow = _blurred(last)
  # Only inside of both is texture no border.
  both = np.clip(2.0 * np.minimum(slow, mirrored)[..., 3:] - 1.0, 0.0, 1.0)
  slow[..., :3] += both * grain
  return last + share * (slow - last)


def push_pull(colour: np.ndarray, weight: np.ndarray) -> np.ndarray:
  """Colours [H, W, C] everywhere, from those of known weight [H, W, 1].

  Args:
    colour: [H, W, C], times the weight.
    weight: In [0, 1].
  """
  height, width = weight.shape[:2]
  mean = colour / np.maximum(weight, 1e-9)
  if max(height, width) == 1 or weight.min() >= 1:
    return mean
  pads = ((0, height % 2), (0, width % 2), (0, 0))

  def halved(field: np.ndarray) -> np.ndarray:
    field = np.pad(field, pads)
    rows, columns, depth = field.shape
    return field.reshape(rows // 2, 2, columns // 2, 2, depth).sum((1, 3))

  total, sums = halved(weight), halved(colour)
  whole = np.minimum(total, 1.0)
  coarse = push_pull(sums * whole / np.maximum(total, 1e-9), whole)
  rows, columns = ((np.arange(n) - 0.5) / 2 for n in (height, width))
  at = np.meshgrid(rows, columns, indexing='ij')
  wide = [
    ndimage.map_coordinates(coarse[..., k], at, order=1, mode='nearest')
    for k in range(colour.shape[-1])
  ]
  return colour + (1.0 - weight) * np.stack(wide, -1)


def _smoothed(filled: np.ndarray, away: np.ndarray) -> np.ndarray:
  """Made-up colours without the pyramid's blocks, those at the border kept.

  Args:
    filled: [H, W, 3].
    away: [H, W] distance from what is known, pixels.
  """
  share = np.clip(away / (2.0 * FINE), 0.0, 1.0)[..., None]
  return filled + share * (_blurred(filled) - filled)


def _blurred(field: np.ndarray) -> np.ndarray:
  return ndimage.gaussian_filter(field, (FINE, FINE, 0), mode='nearest')
