"""Faces aligned to upright squares of 512 pixels, and pasted back.

The square is that of FFHQ at 512 pixels, in which five points of a face (the
eyes, the tip of the nose, the corners of the mouth; of pairs the one on the
left of the picture first) have fixed places; networks for face restoration are
trained on it. Points are (x, y) in pixels, y down, the centre of the first
pixel at (0.5, 0.5). A similarity is a matrix [2, 3] that takes (x, y, 1) to a
point.

Points and similarities are computed on the host; cutting and pasting are pure
functions for `jax.jit`, batched, with one similarity per picture.
"""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.faces import landmarks, mesh
from sadtalker_jax.ops.sampling import grid_sample

SIDE = 512
# Mean places over FFHQ, as in the facexlib package.
TEMPLATE = np.array(
  [
    [192.98138, 239.94708],
    [318.90277, 240.1936],
    [256.63416, 314.01935],
    [201.26117, 371.41043],
    [313.08905, 371.15118],
  ]
)
TEMPLATE.setflags(write=False)
# The mask for pasting is the square without a rim, blurred; sizes are those of
# facexlib without its parsing network: a rim of a twentieth of the side.
_RIM = SIDE / 20
_BLUR = 0.3 * _RIM  # standard deviation


def five_points(points: np.ndarray) -> np.ndarray:
  """The five points of a face among its 478 landmarks.

  An eye's point is midway between its corners, which neither gaze nor lids
  move.

  Args:
    points: [..., 478, 2 or more] landmarks of `faces.landmarks`.

  Returns:
    [..., 5, 2] float64.
  """
  xy = np.asarray(points, np.float64)[..., :2]
  left, right = (xy[..., list(pair), :].mean(-2) for pair in mesh.EYE_CORNERS)
  rest = xy[..., landmarks.LANDMARKS_68[[30, 48, 54]], :]
  return np.concatenate([np.stack([left, right], -2), rest], -2)


def similarity(points: np.ndarray) -> np.ndarray:
  """Similarities that take five points to the template by least squares.

  Args:
    points: [..., 5, 2] pixels of the picture; not all the same.

  Returns:
    [..., 2, 3] float64, from the picture to the square.
  """
  # As complex numbers a similarity is z -> a z + b.
  z, goal = (p[..., 0] + 1j * p[..., 1] for p in (points, TEMPLATE))
  middle = z.mean(-1, keepdims=True)
  offset = z - middle
  a = (offset.conj() * (goal - goal.mean())).sum(-1)
  a = a / np.square(np.abs(offset)).sum(-1)
  return _matrix(a, goal.mean() - a * middle[..., 0])


def inverse(matrix: np.ndarray) -> np.ndarray:
  """Inverses [..., 2, 3] of similarities [..., 2, 3]."""
  a = matrix[..., 0, 0] + 1j * matrix[..., 1, 0]
  b = matrix[..., 0, 2] + 1j * matrix[..., 1, 2]
  return _matrix(1 / a, -b / a)


def _matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  rows = [[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]]
  return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def cut(pictures: jax.Array, to_picture: jax.Array) -> jax.Array:
  """Squares cut out of pictures, bilinear.

  Outside of a picture it is mirrored, as in the making of FFHQ. (facexlib has
  grey there, which blends into the last pixels and is pasted back with them.) A
  picture with more pixels than the square is not averaged; rendered faces have
  fewer.

  Args:
    pictures: [B, H, W, 3] uint8 or float32 in [0, 255].
    to_picture: [B, 2, 3] similarities from the square to the picture.

  Returns:
    [B, 512, 512, 3] float32 in [0, 255].
  """
  place = _moved(SIDE, SIDE, 1.0, to_picture)
  return _sampled(pictures, place)


def paste(
  pictures: jax.Array,
  faces: jax.Array,
  to_square: jax.Array,
  *,
  upscale: int,
  masks: jax.Array | None = None,
  below: jax.Array | None = None,
) -> jax.Array:
  """Pictures with squares pasted into them.

  Args:
    pictures: [B, H, W, 3] uint8.
    faces: [B, 512, 512, 3] float32 in [0, 255].
    to_square: [B, 2, 3] similarities from the picture to the square.
    upscale: whole factor by which the result is larger, 1 or more.
    masks: [B, 512, 512] weights of the faces, such as those of `face_mask`;
      None for the squares without a rim, blurred.
    below: [B, H * upscale, W * upscale, 3] uint8, enlarged pictures; None for
      plain resampling.

  Returns:
    [B, H * upscale, W * upscale, 3] uint8.
  """
  height, width = (side * upscale for side in pictures.shape[1:3])

  def one(inputs: tuple[jax.Array | None, ...]) -> jax.Array:
    picture, face, matrix, mask, large = inputs
    assert picture is not None and face is not None and matrix is not None
    place = _moved(height, width, 1 / upscale, matrix[None])[0]
    if mask is None:
      weight = _profile(place[..., :1]) * _profile(place[..., 1:])  # [H, W, 1]
    else:
      weight = mask_in(mask[None], matrix[None], (height, width), 1 / upscale)[
        0
      ]
    above = _sampled(face[None], place[None])[0]
    if large is None:
      base = _enlarged(picture, upscale)
    else:
      base = large.astype(jnp.float32)
    return _to_bytes(base + weight * (above - base))

  # One after the other: a batch of large float pictures needs much memory.
  return lax.map(one, (pictures, faces, to_square, masks, below))


def mask_in(
  masks: jax.Array,
  to_square: jax.Array,
  size: tuple[int, int],
  pixel: float,
) -> jax.Array:
  """Masks of squares where these lie in pictures, 0 outside.

  Args:
    masks: [B, N, N] float32.
    to_square: [B, 2, 3] similarities from the picture to the square.
    size: rows and columns of the result.
    pixel: side of its pixels, in pixels of the picture.

  Returns:
    [B, rows, columns, 1] float32.
  """
  place = _moved(*size, pixel, to_square)
  return grid_sample.grid_sample_2d(
    masks[..., None],
    place * (2 / masks.shape[-1]) - 1,
    padding='zeros',
    align_corners=False,
  )


def enlarge(pictures: jax.Array, *, upscale: int) -> jax.Array:
  """Enlarged pictures [B, H * upscale, W * upscale, 3] uint8."""
  return lax.map(lambda p: _to_bytes(_enlarged(p, upscale)), pictures)


def _enlarged(picture: jax.Array, upscale: int) -> jax.Array:
  """A picture enlarged: [H * upscale, W * upscale, 3] float32 in [0, 255]."""
  wide = picture.astype(jnp.float32)
  if upscale == 1:
    return wide
  height, width = (side * upscale for side in picture.shape[:2])
  large = jax.image.resize(wide, (height, width, 3), 'lanczos3')
  return jnp.clip(large, 0, 255)


def _to_bytes(picture: jax.Array) -> jax.Array:
  return jnp.floor(jnp.clip(picture, 0, 255) + 0.5).astype(jnp.uint8)


def _moved(
  height: int, width: int, pixel: float, matrix: jax.Array
) -> jax.Array:
  """Places [B, H, W, 2] to which `matrix` [B, 2, 3] takes pixels.

  Args:
    height: number of rows H of pixels.
    width: number of columns W of pixels.
    pixel: side of a pixel, in units of the places that `matrix` takes.
    matrix: [B, 2, 3] similarities.
  """
  x = (jnp.arange(width, dtype=jnp.float32) + 0.5) * pixel
  y = (jnp.arange(height, dtype=jnp.float32) + 0.5) * pixel
  matrix = matrix[:, None, None]  # [B, 1, 1, 2, 3]
  along, down, shift = (matrix[..., i] for i in range(3))
  return x[None, None, :, None] * along + y[None, :, None, None] * down + shift


def _sampled(pictures: jax.Array, place: jax.Array) -> jax.Array:
  """Values [B, h, w, 3], float32, of pictures at places in pixels."""
  height, width = pictures.shape[1:3]
  size = jnp.asarray([width, height], jnp.float32)
  return grid_sample.grid_sample_2d(
    pictures.astype(jnp.float32),
    place * (2 / size) - 1,
    padding='reflection',
    align_corners=False,
  )


def _profile(place: jax.Array) -> jax.Array:
  """The mask along one axis of the square: 0 at its edges, 1 inside."""
  inside = jnp.minimum(place, SIDE - place)  # distance from the nearer edge
  deviations = (inside - _RIM) / (_BLUR * np.sqrt(2))
  # Scaled so that the mask is 0 at the edge, where the blur is not yet.
  rest = lax.erf(jnp.float32(_RIM / (_BLUR * np.sqrt(2))))
  return jnp.clip(0.5 + 0.5 * lax.erf(deviations) / rest, 0, 1)
