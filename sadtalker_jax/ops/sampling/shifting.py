"""Whole volumes shifted, once for every keypoint.

Layout: volumes [B, D, H, W, C]; shifts [B, K, 3], (x, y, z) in units of
`grids.coordinate_grid`; results [B, D, H, W, K, C].

A shift moves all cells alike, so that interpolation separates along the axes.
In general those are three products with a matrix per axis. On CPU (`banded`)
only the two cells that have weight are read.

Gradients are custom rules: forward-mode differentiation raises an error.
"""

import functools

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.ops import backends
from sadtalker_jax.ops.sampling import banded, grid_sample, grids


def shifted(
  volume: jax.Array, shift: jax.Array, *, align_corners: bool = False
) -> jax.Array:
  """Values of volumes at every cell's place plus a shift, zero outside.

  Equal to `grid_sample_3d` at `coordinate_grid` + shift. Without
  `align_corners` that blurs and dims the rim even at shift 0, because the
  coordinates are made for `align_corners` (quirk Q4); the released weights were
  trained with it.

  Args:
    volume: [B, D, H, W, C], of a floating type.
    shift: [B, K, 3].
    align_corners: whether -1 and 1 are the middles of cells, or their edges.

  Returns:
    [B, D, H, W, K, C], type of `volume`; computed in float32 or wider.
  """
  wide = np.promote_types(np.float32, volume.dtype)
  found = _shifted(volume.astype(wide), shift.astype(wide), align_corners)
  return found.astype(volume.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _shifted(
  volume: jax.Array, shift: jax.Array, align_corners: bool
) -> jax.Array:
  return backends.by_device(
    functools.partial(banded.shifted, align_corners=align_corners),
    functools.partial(_products, align_corners=align_corners),
  )(volume, shift)


def _forward(
  volume: jax.Array, shift: jax.Array, align_corners: bool
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
  return _shifted(volume, shift, align_corners), (volume, shift)


def _backward(
  align_corners: bool,
  saved: tuple[jax.Array, jax.Array],
  cotangent: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  def products(
    volume: jax.Array, shift: jax.Array, cotangent: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    form = functools.partial(_products, align_corners=align_corners)
    return jax.vjp(form, volume, shift)[1](cotangent)

  return backends.by_device(
    functools.partial(banded.pull, align_corners=align_corners), products
  )(*saved, cotangent)


_shifted.defvjp(_forward, _backward)


def _products(
  volume: jax.Array, shift: jax.Array, *, align_corners: bool
) -> jax.Array:
  """`shifted` as products with matrices."""

  def matrices(axis: int, length: int) -> jax.Array:
    place = grids.axis_coordinates(length).astype(shift.dtype)
    place = place + shift[..., axis, None]  # [B, K, N]
    return grid_sample.interpolation(
      place, length, align_corners=align_corners
    )  # [B, K, N, N]

  depth, height, width = volume.shape[1:4]
  product = functools.partial(jnp.einsum, precision=lax.Precision.HIGHEST)
  x = product('bkpd,bdhwc->bkphwc', matrices(2, depth), volume)
  x = product('bkqh,bkphwc->bkpqwc', matrices(1, height), x)
  return product('bkrw,bkpqwc->bpqrkc', matrices(0, width), x)
