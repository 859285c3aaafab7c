"""The fixed perspective camera of the face model (method 6.4).

Conventions: vertices are in decimetre, x right, y up, z towards the camera,
which is on the z axis at `DISTANCE` and looks at the origin. A projected
point (u, v) lies in the aligned frame of `SIZE` x `SIZE`, in pixels with **v
up**, (0, 0) the lower left corner of the picture area, pixel centres at
half-integers. Depth is the distance from the camera plane, positive in front.

Picture points are (x, y) in pixels, **y down**, pixel centres at half-integers.
The two frames differ by the similarity of `alignment.TransParams`.
"""

from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d import alignment
from sadtalker_jax.ops import rotation
from sadtalker_jax.typing import Array

FOCAL = 1015.0  # pixels of the aligned frame
CENTER = 112.0  # principal point, both axes, pixels
DISTANCE = 10.0  # camera position on the z axis, decimetre
SIZE = 224  # side of the aligned frame, pixels
NEAR = 5.0  # depth range of the published renderer, decimetre
FAR = 15.0


def rotate(vectors: Array, angles: Array) -> Array:
  """Vectors [..., V, 3] rotated by the head rotation of angles [..., 3]."""
  return jnp.einsum(
    '...vj,...ij->...vi',
    jnp.asarray(vectors),
    rotation.matrix(angles),
    precision=lax.Precision.HIGHEST,
  )


def transform(vertices: Array, angles: Array, translation: Array) -> Array:
  """Posed vertices: rotated about the origin, then moved.

  Args:
    vertices: [..., V, 3] decimetre.
    angles: [..., 3] radian.
    translation: [..., 3] decimetre.

  Returns:
    [..., V, 3] decimetre, leading axes broadcast.
  """
  moved = jnp.asarray(translation)[..., None, :]
  return rotate(vertices, angles) + moved


def depth(vertices: Array) -> Array:
  """Depths [...] of posed vertices [..., 3]: 10 - z, in decimetre."""
  return DISTANCE - jnp.asarray(vertices)[..., 2]


def project(vertices: Array) -> tuple[Array, Array]:
  """Perspective image of posed vertices in the aligned frame.

  Args:
    vertices: [..., 3] decimetre, posed; depths must be positive for a
      meaningful result.

  Returns:
    Points [..., 2] in pixels, y up, and depths [...] in decimetre.
  """
  vertices = jnp.asarray(vertices)
  z = depth(vertices)
  return vertices[..., :2] * (FOCAL / z)[..., None] + CENTER, z


def picture_to_aligned(points: Array, trans: alignment.TransParams) -> Array:
  """Points [..., 2] of the picture (y down) in the aligned frame (y up).

  This is the exact similarity, without the rounding to whole pixels in
  `alignment.crop`; it is what a fit should use.
  """
  points = jnp.asarray(points)
  x = (points[..., 0] - trans.tx) * trans.scale + CENTER
  y = (trans.height - points[..., 1] - trans.ty) * trans.scale + CENTER
  return jnp.stack([x, y], -1)


def aligned_to_picture(points: Array, trans: alignment.TransParams) -> Array:
  """Points [..., 2] of the aligned frame (y up) in the picture (y down)."""
  points = jnp.asarray(points)
  x = (points[..., 0] - CENTER) / trans.scale + trans.tx
  y = trans.height - ((points[..., 1] - CENTER) / trans.scale + trans.ty)
  return jnp.stack([x, y], -1)


def project_to_picture(vertices: Array, trans: alignment.TransParams) -> Array:
  """Posed vertices as `rasterizer` takes them.

  Args:
    vertices: [..., V, 3] decimetre, posed.
    trans: alignment of the picture.

  Returns:
    [..., V, 3] x and y in pixels of the picture, y down, and depth.
  """
  points, z = project(vertices)
  points = aligned_to_picture(points, trans)
  return jnp.concatenate([points, z[..., None]], -1)
