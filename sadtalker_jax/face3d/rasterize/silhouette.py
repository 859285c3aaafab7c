"""What moving contours do to a picture: gradients at changes of visibility.

`rasterizer.interpolate` differentiates what triangles show, not which triangle
is shown: pulling a face to the left does not make the background at its edge
any brighter. `edge_gradient` adds that, without changing the picture. The
method is the edge gradient estimator of DRTK (Pidhorskyi et al., "Rasterized
Edge Gradients: Handling Discontinuities Differentiably", ECCV 2024;
facebookresearch/DRTK, MIT licence); the code is our own.

For each pair of neighbouring pixels with different triangles, a change of the
border between them by one pixel exchanges their colours: it is worth the
difference of the two colours times the mean of the two cotangents. Who moves
the border follows from where the pixel centres lie. If the one centre lies in
the other's triangle, but not the other way round, its own triangle is in front
and owns the border; if both do, the triangles intersect and the border slides
along both; if neither does, they are neighbours on a surface and there is no
border to move. The background never moves. Motion of a border goes to the three
vertices of its owner by the fragment's weights.

Not to be used behind blurring, warping or masking of the picture, which break
the tie of pixels to fragments; after it, anything goes. The reference trains
without it, so nothing here does by default.

Conventions as in `rasterizer`; P = H x W pixels in row order.
"""

import functools

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d.rasterize import (
  backends,
  compaction,
  shading,
  varying,
  work_items,
)
from sadtalker_jax.typing import Array

_CHUNK = 512  # pixels at borders that are worked on together on CPU
_STEEPEST = 1e4  # bound of a fragment's motion per motion of an intersection


def edge_gradient(
  positions: Array,
  image: Array,
  triangles: Array,
  fragments: Array,
  *,
  backend: backends.Backend = 'auto',
) -> Array:
  """The same picture, whose contours move with the vertices.

  Args:
    positions: [V, 3] or [B, V, 3]; get the additional gradient.
    image: [H, W, C] or [B, H, W, C] float, made of these fragments pixel by
      pixel; its own gradient passes through.
    triangles: [T, 3] int.
    fragments: triangle ids of these positions, [H, W] or [B, H, W] int32
      (`Fragments.triangle_id`).
    backend: whose form of the computation to take.

  Returns:
    `image`, bit by bit.

  Raises:
    ValueError: shapes do not fit each other, or an unknown backend.
  """
  positions, image = jnp.asarray(positions), jnp.asarray(image)
  ids = jnp.asarray(fragments)
  if backend not in backends.BACKENDS:
    raise ValueError(
      f'expected a backend of {backends.BACKENDS}, found {backend!r}'
    )
  if image.shape[:-1] != ids.shape or positions.shape[:-2] != ids.shape[:-2]:
    raise ValueError(
      'expected positions [..., V, 3], an image [..., H, W, C] and fragments '
      f'[..., H, W], found {positions.shape}, {image.shape} and {ids.shape}'
    )
  if triangles.shape[0] == 0 or image.size == 0:
    return image
  *_, height, width, channels = image.shape
  inputs = varying.like((positions, image, ids), positions, image, ids)
  result = _identity(
    (height, width),
    backend,
    inputs[0].reshape(-1, *positions.shape[-2:]),
    inputs[1].reshape(-1, height * width, channels),
    inputs[2].reshape(-1, height * width),
    jnp.asarray(triangles, jnp.int32).T,
  )
  return result.reshape(image.shape)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _identity(
  size: tuple[int, int],
  backend: backends.Backend,
  positions: jax.Array,
  image: jax.Array,
  ids: jax.Array,
  triangles: jax.Array,
) -> jax.Array:
  return image


def _identity_fwd(
  size: tuple[int, int], backend: backends.Backend, *inputs: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
  return inputs[1], inputs


def _identity_bwd(
  size: tuple[int, int],
  backend: backends.Backend,
  inputs: tuple[jax.Array, ...],
  cotangent: jax.Array,
) -> tuple[jax.Array, jax.Array, None, None]:
  positions, image, ids, triangles = inputs
  change = _backward(
    positions, image, cotangent, ids, triangles, size=size, backend=backend
  )
  return change, cotangent, None, None


_identity.defvjp(_identity_fwd, _identity_bwd)


@functools.partial(jax.jit, static_argnames=('size', 'backend'))
def _backward(
  *inputs: jax.Array, size: tuple[int, int], backend: backends.Backend
) -> jax.Array:
  flat = functools.partial(_batch, size=size)
  return backends.choose(
    backend,
    cpu=backends.one_by_one(functools.partial(_picture, size=size)),
    gpu=functools.partial(flat, sort=False),
    tpu=functools.partial(flat, sort=True),
  )(*inputs)


def _picture(
  positions: jax.Array,
  image: jax.Array,
  cotangent: jax.Array,
  ids: jax.Array,
  triangles: jax.Array,
  *,
  size: tuple[int, int],
) -> jax.Array:
  """[V, 3] of one picture: only the pixels at borders are worked on."""
  number = ids.shape[0]
  planes = shading.vertex_planes(positions)
  listed, count = compaction.indices(_at_border(planes, triangles, ids, size))
  listed = jnp.pad(listed, (0, -number % _CHUNK), constant_values=number)
  colours = list(image.T), list(cotangent.T)

  def body(
    carry: tuple[jax.Array, shading.Planes],
  ) -> tuple[jax.Array, shading.Planes]:
    first, totals = carry
    pixel = lax.dynamic_slice(listed, (first,), (_CHUNK,))
    for motion, corners in _motions(
      planes, triangles, ids, *colours, pixel, pixel < number, size
    ):
      totals = [
        shading.add(total, part, corners)
        for total, part in zip(totals, motion, strict=True)
      ]
    return first + _CHUNK, totals

  zeros = jnp.zeros(positions.shape[0], positions.dtype)
  start = varying.like((jnp.int32(0), [zeros] * 3), ids, positions, cotangent)
  _, totals = lax.while_loop(lambda carry: carry[0] < count, body, start)
  return jnp.stack(totals, -1)


def _batch(
  positions: jax.Array,
  image: jax.Array,
  cotangent: jax.Array,
  ids: jax.Array,
  triangles: jax.Array,
  *,
  size: tuple[int, int],
  sort: bool,
) -> jax.Array:
  """[B, V, 3] of all pictures at once, every pixel alike."""
  batch, vertices, _ = positions.shape
  pixels = size[0] * size[1]
  shift = jnp.arange(batch, dtype=jnp.int32) * vertices
  motions = _motions(
    shading.vertex_planes(positions.reshape(-1, 3)),
    triangles,
    ids.reshape(-1),
    list(image.reshape(batch * pixels, -1).T),
    list(cotangent.reshape(batch * pixels, -1).T),
    jnp.arange(batch * pixels, dtype=jnp.int32),
    jnp.ones(batch * pixels, bool),
    size,
    jnp.repeat(shift, pixels),
  )
  # The three fragments of a pixel one after the other, for fewer sums.
  corners = [jnp.concatenate([m[1][i] for m in motions]) for i in range(3)]
  parts = [
    [jnp.concatenate([m[0][k][i] for m in motions]) for i in range(3)]
    for k in range(3)
  ]
  number = batch * vertices
  if sort:
    totals = shading.sorted_sums(parts, corners, number)
  else:
    totals = [shading.scatter(part, corners, number) for part in parts]
  return jnp.stack(totals, -1).reshape(positions.shape)


def _at_border(
  planes: shading.Planes,
  triangles: jax.Array,
  ids: jax.Array,
  size: tuple[int, int],
) -> jax.Array:
  """[P] bool, whether a pixel and its right or lower one share a border."""
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


def _motions(
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
  """What the borders right of and below pixels do to vertices.

  Args:
    planes: of `shading.vertex_planes`.
    triangles: [3, T].
    ids: [B x P] int32.
    image: one plane [B x P] per channel.
    cotangent: one plane [B x P] per channel.
    pixel: [N] int32, numbers within the batch.
    valid: [N] bool, which of them to regard.
    size: (H, W).
    shift: [N] int32, first vertex of the pixel's picture.

  Returns:
    For the pixel, its right and its lower neighbour: parts for x, y and depth
    of the three corners, and the corners.
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
    # Where nothing is to be exchanged, nothing moves.
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
  """Motion of my plane that moves its intersection with the other's by one.

  Args:
    mine: normal in the plane of the step and the depth, two planes [N].
    its: of the other triangle.

  Returns:
    Motion along the step and in depth; equation 14 of the paper, with the
    bound on its length that the implementation puts.
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
  """Whether the origin is within triangles that are moved by (dx, dy)."""
  x, y = [a + dx for a in x], [a + dy for a in y]
  e = [x[i] * y[j] - y[i] * x[j] for i, j in ((1, 2), (2, 0), (0, 1))]
  least = jnp.minimum(jnp.minimum(e[0], e[1]), e[2])
  largest = jnp.maximum(jnp.maximum(e[0], e[1]), e[2])
  return (least > 0) | (largest < 0)


def _to_corners(
  pixels: shading.Pixels, motion: list[jax.Array]
) -> list[shading.Planes]:
  """Parts of x, y and depth for the three corners, by the weights."""
  weights = [b * pixels.inverse for b in pixels.b]
  return [[part * w for w in weights] for part in motion]
