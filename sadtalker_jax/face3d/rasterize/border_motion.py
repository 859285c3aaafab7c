"""Borders between the triangles of neighbouring pixels, and their motion.

The mathematics of `silhouette`, which describes the method. Conventions as in
`rasterizer` and `shading`; P = H x W pixels in row order.
"""

import jax
import jax.numpy as jnp

from sadtalker_jax.face3d.rasterize import shading, work_items

_STEEPEST = 1e4  # limit of a fragment's motion per motion of an intersection


def at_border(
  planes: shading.Planes,
  triangles: jax.Array,
  ids: jax.Array,
  size: tuple[int, int],
) -> jax.Array:
  """Whether pixels have a border to their right or lower neighbour, [P]."""
  height, width = size
  number = ids.shape[0]
  # One more row, so that neighbours are plain slices.
  longer = jnp.pad(ids, (0, width), constant_values=-1)
  all_of_them = jnp.arange(number + width, dtype=jnp.int32)
  pixels = shading.look(planes, triangles, longer, all_of_them, width)
  column = all_of_them[:number] % width
  result = jnp.zeros(number, bool)
  steps = ((1, 1, 0), (width, 0, 1))
  for step, dx, dy in steps:
    near = [p[:number] for p in (*pixels.x, *pixels.y)]
    far = [p[step : step + number] for p in (*pixels.x, *pixels.y)]
    here, there = ids, longer[step : step + number]
    surface = ~_inside(far[:3], far[3:], dx, dy)
    surface &= ~_inside(near[:3], near[3:], -dx, -dy)
    surface &= (here >= 0) & (there >= 0)
    exists = (
      (column < width - 1) if dx else all_of_them[:number] < (number - width)
    )
    result |= exists & (here != there) & ~surface
  return result


def motions(
  planes: shading.Planes,
  triangles: jax.Array,
  ids: jax.Array,
  image: shading.Planes,
  cotangent: shading.Planes,
  pixel: jax.Array,
  valid: jax.Array,
  size: tuple[int, int],
  shift: jax.Array | None = None,
) -> list[tuple[list[shading.Planes], shading.Planes]]:
  """Gradients of vertices from the borders on the right of and below pixels.

  Args:
    planes: result of `shading.vertex_planes`.
    triangles: [3, T] vertex ids.
    ids: [B x P] int32 triangle of every pixel, or -1.
    image: one plane [B x P] per channel.
    cotangent: one plane [B x P] per channel.
    pixel: [N] int32 indices within the batch.
    valid: [N] bool, whether to use the pixel.
    size: (H, W).
    shift: [N] int32 first vertex of the pixel's picture.

  Returns:
    For the pixels, their right and their lower neighbours: gradients for x, y
    and depth of the three corners, and the corners.
  """
  height, width = size
  local = pixel % (height * width)
  here = shading.look(
    planes,
    triangles,
    jnp.where(valid, work_items.take(ids, pixel), -1),
    local,
    width,
    shift,
  )
  motion: list[jax.Array] = [jnp.zeros_like(here.inverse)] * 3
  result = []
  steps = (
    (1, 0, local % width < width - 1),
    (0, 1, local < (height - 1) * width),
  )
  for dx, dy, exists in steps:
    other = pixel + dx + dy * width
    exists &= valid
    there = shading.look(
      planes,
      triangles,
      jnp.where(exists, work_items.take(ids, other), -1),
      local + dx + dy * width,
      width,
      shift,
    )
    # Without a difference of triangles nothing moves.
    worth = sum(
      (
        (work_items.take(i, other) - work_items.take(i, pixel))
        * (work_items.take(g, other) + work_items.take(g, pixel))
        for i, g in zip(image, cotangent, strict=True)
      ),
      jnp.zeros_like(here.inverse),
    )
    differ = exists & (here.ids != there.ids)
    worth = jnp.where(differ, -0.5 * worth, 0.0)
    near, far = _shares(here, there, dx, dy)
    axis = 0 if dx else 1
    motion[axis] = motion[axis] + worth * near[0]
    motion[2] = motion[2] + worth * near[1]
    moved = [jnp.zeros_like(worth), jnp.zeros_like(worth), worth * far[1]]
    moved[axis] = worth * far[0]
    result.append((_to_corners(there, moved), there.corners))
  return [(_to_corners(here, motion), here.corners), *result]


def _shares(
  here: shading.Pixels, there: shading.Pixels, dx: int, dy: int
) -> tuple[shading.Planes, shading.Planes]:
  """Motion of both fragments with the border: along the step, and in depth."""
  both = (here.ids >= 0) & (there.ids >= 0)
  near_inside = both & _inside(there.x, there.y, dx, dy)
  far_inside = both & _inside(here.x, here.y, -dx, -dy)
  cross = near_inside & far_inside
  surface = both & ~near_inside & ~far_inside
  near_owns = (here.ids >= 0) & ~surface & ~far_inside
  far_owns = (there.ids >= 0) & ~surface & ~near_inside
  axis = 0 if dx else 1
  normals = [_normal(pixels) for pixels in (here, there)]
  flat = [(n[axis], n[2]) for n in normals]

  def share(
    owns: jax.Array, mine: tuple[jax.Array, ...], its: tuple[jax.Array, ...]
  ) -> shading.Planes:
    along, deep = _slide(mine, its)
    alone = owns.astype(along.dtype)
    return [jnp.where(cross, along, alone), jnp.where(cross, deep, 0.0)]

  return share(near_owns, *flat), share(far_owns, *flat[::-1])


def _slide(
  mine: tuple[jax.Array, ...], its: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
  """Motion of a plane that moves its intersection with another by one.

  Args:
    mine: normal of the plane in the coordinates along the step and in depth,
      two planes [N].
    its: the same for the other triangle.

  Returns:
    Motion along the step and in depth; equation 14 of the paper, with the limit
    of its length from the authors' implementation.
  """
  mine, its = _unit(mine), _unit(its)
  facing = its[0] * mine[1] - its[1] * mine[0]
  least = jnp.maximum(jnp.abs(its[1]) / _STEEPEST, 1e-8)
  facing = jnp.where(facing < 0, -1.0, 1.0) * jnp.maximum(
    jnp.abs(facing), least
  )
  length = -its[1] / facing
  return length * mine[0], length * mine[1]


def _unit(vector: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
  length = jnp.sqrt(sum(a * a for a in vector))
  return tuple(a / jnp.maximum(length, 1e-20) for a in vector)


def _normal(pixels: shading.Pixels) -> list[jax.Array]:
  """Normals of the triangles in (x, y, depth), of any length."""
  axes = pixels.x, pixels.y, pixels.z
  a = [p[0] - p[2] for p in axes]
  b = [p[1] - p[0] for p in axes]
  cyclic = ((1, 2), (2, 0), (0, 1))
  return [a[i] * b[j] - a[j] * b[i] for i, j in cyclic]


def _inside(
  x: shading.Planes, y: shading.Planes, dx: float, dy: float
) -> jax.Array:
  """Whether the origin lies within triangles that are moved by (dx, dy)."""
  x, y = [a + dx for a in x], [a + dy for a in y]
  e = [x[i] * y[j] - y[i] * x[j] for i, j in ((1, 2), (2, 0), (0, 1))]
  least = jnp.minimum(jnp.minimum(e[0], e[1]), e[2])
  largest = jnp.maximum(jnp.maximum(e[0], e[1]), e[2])
  return (least > 0) | (largest < 0)


def _to_corners(
  pixels: shading.Pixels, motion: list[jax.Array]
) -> list[shading.Planes]:
  """Gradients of x, y and depth divided among the corners by their weights."""
  weights = [b * pixels.inverse for b in pixels.b]
  return [[part * w for w in weights] for part in motion]
