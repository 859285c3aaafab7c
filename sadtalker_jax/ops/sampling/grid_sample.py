"""Sampling of pictures and volumes at given places, like PyTorch's grid_sample.

Layout: channels last. A place is (x, y) or (x, y, z) in [-1, 1], x along width,
y along height (down), z along depth. With `align_corners` -1 and 1 are the
middles of the first and the last cell, otherwise their outer edges. Between
cells values are interpolated linearly.

Outside, values are zero ('zeros'), those of the nearest cell ('border'), or
those of the picture mirrored at its edges ('reflection'). A NaN coordinate
lies outside with 'zeros', at the first cell with 'border' and 'reflection'; it
gets no gradient and leaves the gradients of the cells finite. (PyTorch's result
for such coordinates depends on the device.)

Gradients are PyTorch's: at the middle of a cell they are those of the upper
side; with 'border' places at the rim or outside get none. They are custom rules
(`cell_gradients`, `place_gradients`), so `jit`, `vmap` and reverse mode work,
and forward mode (`jvp`, `jacfwd`, `linearize`) raises an error.

Rows of channels are gathered, one gather for each of the 4 or 8 cells around a
place, so XLA can fuse the weighted sum; sums are float32 or wider.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.ops import backends
from sadtalker_jax.ops.sampling import (
  cell_gradients,
  neighbours,
  place_gradients,
)
from sadtalker_jax.ops.sampling import cells as cells_lib
from sadtalker_jax.typing import Array

Padding = cells_lib.Padding


def grid_sample_2d(
  image: jax.Array, grid: jax.Array, *, padding: Padding, align_corners: bool
) -> jax.Array:
  """Values of pictures at given places.

  Args:
    image: [B, H, W, C], of a floating type.
    grid: [B, H', W', 2] places (x, y).
    padding: values outside; see the module.
    align_corners: whether -1 and 1 are the middles of cells, or their edges.

  Returns:
    [B, H', W', C], type of `image`.

  Raises:
    ValueError: shapes or types are others, or `padding` is unknown.
  """
  return _checked(image, grid, padding, align_corners, 2)


def grid_sample_3d(
  volume: jax.Array, grid: jax.Array, *, padding: Padding, align_corners: bool
) -> jax.Array:
  """Values of volumes at given places.

  Args:
    volume: [B, D, H, W, C], of a floating type.
    grid: [B, D', H', W', 3] places (x, y, z).
    padding: values outside; see the module.
    align_corners: whether -1 and 1 are the middles of cells, or their edges.

  Returns:
    [B, D', H', W', C], type of `volume`.

  Raises:
    ValueError: shapes or types are others, or `padding` is unknown.
  """
  return _checked(volume, grid, padding, align_corners, 3)


def interpolation(
  place: Array, length: int, *, align_corners: bool
) -> jax.Array:
  """Weights of the cells along one axis, with zeros outside.

  Where the coordinates of each axis do not depend on the others, sampling is a
  product with one such matrix per axis.

  Args:
    place: [..., M] coordinates in [-1, 1].
    length: number N of cells of the axis.
    align_corners: whether -1 and 1 are the middles of cells, or their edges.

  Returns:
    [..., M, N]; in each row at most two neighbours are not 0.
  """
  axis = cells_lib.between(
    jnp.asarray(place), length, 'zeros', align_corners=align_corners
  )
  cell = jnp.arange(length, dtype=jnp.int32)

  def side(which: int) -> jax.Array:
    index, inside, share = axis.tap(which, length)
    hit = inside[..., None] & (index[..., None] == cell)
    return jnp.where(hit, share[..., None], 0)

  return side(0) + side(1)


def _checked(
  cells: Array,
  grid: Array,
  padding: Padding,
  align_corners: bool,
  rank: int,
) -> jax.Array:
  """[B, *M, C]: `cells` [B, *N, C] at `grid` [B, *M, rank]."""
  cells, grid = jnp.asarray(cells), jnp.asarray(grid)
  if (
    cells.ndim != rank + 2
    or grid.ndim != rank + 2
    or grid.shape[-1] != rank
    or grid.shape[0] != cells.shape[0]
  ):
    raise ValueError(
      f'expected cells [B{", N" * rank}, C] and a grid [B{", M" * rank}, '
      f'{rank}], found {cells.shape} and {grid.shape}'
    )
  if not jnp.issubdtype(cells.dtype, jnp.floating):
    raise ValueError(f'expected cells of a floating type, found {cells.dtype}')
  grid = grid.astype(np.promote_types(np.float32, grid.dtype))
  return _sample(cells, grid, padding, align_corners)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _sample(
  cells: jax.Array, grid: jax.Array, padding: Padding, align_corners: bool
) -> jax.Array:
  """[B, *M, C]: `cells` [B, *N, C] at `grid` [B, *M, rank]."""

  def form(flat: bool, cells: jax.Array, grid: jax.Array) -> jax.Array:
    return _gathered(cells, grid, padding, align_corners, flat)

  return backends.by_device(
    functools.partial(form, True), functools.partial(form, False)
  )(cells, grid)


def _sample_forward(
  cells: jax.Array, grid: jax.Array, padding: Padding, align_corners: bool
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
  return _sample(cells, grid, padding, align_corners), (cells, grid)


def _sample_backward(
  padding: Padding,
  align_corners: bool,
  saved: tuple[jax.Array, jax.Array],
  cotangent: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  def form(
    on_cpu: bool, cells: jax.Array, grid: jax.Array, cotangent: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    wide = np.promote_types(grid.dtype, cells.dtype)
    batch, *lengths, channels = cells.shape
    axes = cells_lib.of_grid(grid, lengths, padding, align_corners)
    axes = jax.tree.map(lambda a: a.reshape(batch, -1), axes)
    g = cotangent.reshape(batch, -1, channels).astype(wide)
    rows = cells.reshape(batch, -1, channels)
    if on_cpu and neighbours.exist(lengths, channels):
      near = neighbours.around(grid, lengths, padding, align_corners)
      of_cells = cell_gradients.windows(near, lengths, g)
      if len(lengths) == 2:
        of_grid = place_gradients.plane(rows, near, lengths, g)
      else:
        of_grid = place_gradients.dots(rows, axes, lengths, g, flat=True)
    elif on_cpu:
      of_cells = cell_gradients.paired(axes, lengths, g)
      of_grid = place_gradients.chunked(rows, axes, lengths, g)
    else:
      of_cells = cell_gradients.scattered(axes, lengths, g)
      of_grid = place_gradients.dots(rows, axes, lengths, g)
    return (
      of_cells.reshape(cells.shape).astype(cells.dtype),
      of_grid.reshape(grid.shape).astype(grid.dtype),
    )

  return backends.by_device(
    functools.partial(form, True), functools.partial(form, False)
  )(*saved, cotangent)


_sample.defvjp(_sample_forward, _sample_backward)


def _gathered(
  cells: jax.Array,
  grid: jax.Array,
  padding: Padding,
  align_corners: bool,
  flat: bool,
) -> jax.Array:
  """`_sample`; with `flat` the gather runs over the batch as one list of rows.

  See `cells.take`.
  """
  batch, *lengths, channels = cells.shape
  wide = np.promote_types(grid.dtype, cells.dtype)
  if flat and neighbours.exist(lengths, channels):
    near = neighbours.around(grid, lengths, padding, align_corners)
    found = neighbours.values(cells, near, lengths, wide)
    return found.reshape(*grid.shape[:-1], channels).astype(cells.dtype)
  axes = cells_lib.of_grid(grid, lengths, padding, align_corners)
  total = jnp.zeros((*grid.shape[:-1], channels), wide)
  rows = cells.reshape(batch, -1, channels)
  for corner in itertools.product((0, 1), repeat=len(lengths)):
    index, weight = cells_lib.corner(axes, lengths, corner)
    row = cells_lib.take(rows, index, flat=flat)
    # The weight of cells that exist is PyTorch's; that of others is zero.
    total = total + weight.astype(wide)[..., None] * row.astype(wide)
  return total.astype(cells.dtype)
