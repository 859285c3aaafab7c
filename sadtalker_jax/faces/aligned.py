"""Faces turned upright into a square of 512 pixels, and back into the picture.

The square is that of FFHQ at 512 pixels, in which five points of a face (the
eyes, the tip of the nose, the corners of the mouth, those on the left as seen
first) have fixed places; restorers are trained on it. Points are (x, y) in
pixels, y down, the centre of the first pixel at (0.5, 0.5). A similarity is
[2, 3]: to (x, y, 1) it gives a point.

Finding and fitting run on the host; cutting and pasting are pure functions for
`jax.jit`, batched, every picture on its own.
"""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.faces import landmarks, mesh
from sadtalker_jax.ops.sampling import grid_sample

SIDE = 512
# Means over FFHQ, as in the facexlib package.
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
# The paste mask is the square without a rim, blurred; facexlib's sizes where it
# has no parsing network: a rim of a twentieth of the side.
_RIM = SIDE / 20
_BLUR = 0.3 * _RIM  # standard deviation


def five_points(points: np.ndarray) -> np.ndarray:
  """The five points of a face among its 478 landmarks.

  Eyes are taken between their corners, which neither gaze nor lids move.

  Args:
    points: [..., 478, 2 or more].

  Returns:
    [..., 5, 2] float64.
  """
  xy = np.asarray(points, np.float64)[..., :2]
  left, right = (xy[..., list(pair), :].mean(-2) for pair in mesh.EYE_CORNERS)
  rest = xy[..., landmarks.LANDMARKS_68[[30, 48, 54]], :]
  return np.concatenate([np.stack([left, right], -2), rest], -2)


def similarity(points: np.ndarray) -> np.ndarray:
  """The similarities that bring five points to the template, least squares.

  Args:
    points: [..., 5, 2] pixels of the picture; not all in one place.

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
  """The similarities [..., 2, 3] that undo these."""
  a = matrix[..., 0, 0] + 1j * matrix[..., 1, 0]
  b = matrix[..., 0, 2] + 1j * matrix[..., 1, 2]
  return _matrix(1 / a, -b / a)


def _matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  rows = [[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]]
  return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def cut(pictures: jax.Array, to_picture: jax.Array) -> jax.Array:
  """The squares, bilinear.

  Outside of the picture it is mirrored, as FFHQ was made. (facexlib has grey
  there, which bleeds into the last pixels and comes back with them.) Nothing is
  averaged where a picture has more pixels than the square; rendered faces have
  fewer.

  Args:
    pictures: [B, H, W, 3] uint8 or float32 in [0, 255].
    to_picture: [B, 2, 3] similarities from the square.

  Returns:
    [B, 512, 512, 3] float32 in [0, 255].
  """
  place = _moved(SIDE, SIDE, 1.0, to_picture)
  return _sampled(pictures, place)


def paste(
  pictures: jax.Array, faces: jax.Array, to_square: jax.Array, *, upscale: int
) -> jax.Array:
  """The pictures with the squares laid over them, their rims blended.

  Args:
    pictures: [B, H, W, 3] uint8.
    faces: [B, 512, 512, 3] float32 in [0, 255].
    to_square: [B, 2, 3] similarities from the picture.
    upscale: how many times larger the result is, 1 or more.

  Returns:
    [B, H * upscale, W * upscale, 3] uint8.
  """
  height, width = (side * upscale for side in pictures.shape[1:3])

  def one(inputs: tuple[jax.Array, ...]) -> jax.Array:
    picture, face, matrix = inputs
    place = _moved(height, width, 1 / upscale, matrix[None])[0]
    weight = _profile(place[..., :1]) * _profile(place[..., 1:])  # [H, W, 1]
    above = _sampled(face[None], place[None])[0]
    below = _enlarged(picture, upscale)
    return _to_bytes(below + weight * (above - below))

  # One after the other: a whole batch of large float pictures would be a lot.
  return lax.map(one, (pictures, faces, to_square))


def enlarge(pictures: jax.Array, *, upscale: int) -> jax.Array:
  """[B, H, W, 3] uint8 made larger: [B, H * upscale, W * upscale, 3]."""
  return lax.map(lambda p: _to_bytes(_enlarged(p, upscale)), pictures)


def _enlarged(picture: jax.Array, upscale: int) -> jax.Array:
  """[H, W, 3] to float32 [H * upscale, W * upscale, 3] in [0, 255]."""
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
  """Where `matrix` [B, 2, 3] puts pixels of this size: [B, H, W, 2]."""
  x = (jnp.arange(width, dtype=jnp.float32) + 0.5) * pixel
  y = (jnp.arange(height, dtype=jnp.float32) + 0.5) * pixel
  matrix = matrix[:, None, None]  # [B, 1, 1, 2, 3]
  along, down, shift = (matrix[..., i] for i in range(3))
  return x[None, None, :, None] * along + y[None, :, None, None] * down + shift


def _sampled(pictures: jax.Array, place: jax.Array) -> jax.Array:
  """Pictures [B, H, W, 3] at places [B, h, w, 2] in pixels, float32."""
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
  # A blur of limited reach: nothing is left at the edge.
  rest = lax.erf(jnp.float32(_RIM / (_BLUR * np.sqrt(2))))
  return jnp.clip(0.5 + 0.5 * lax.erf(deviations) / rest, 0, 1)
