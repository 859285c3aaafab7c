"""The SPADE decoder of the fused renderer; see `fused_render` and `spade`.

Layout: NHWC. The hidden maps of all SPADE layers of one resolution come from
one convolution, gamma and beta of a layer from another, whose output at once
modulates the normalized map. Where a block changes the number of channels, the
convolution of its shortcut has no activation before it, so it is applied to
beta in the weights: only gamma is computed in full width.
"""

from collections.abc import Callable, Sequence

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.models.facevid2vid import spade
from sadtalker_jax.models.fused import fused_layers
from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import PyTree

_EPSILON = 1e-5  # epsilon of instance norm


def decode(
  params: PyTree, condition: jax.Array, *, precision: lax.PrecisionLike
) -> jax.Array:
  """Float32 pictures [B, S, S, 3] in [0, 1] of features [B, S/4, S/4, K].

  Args:
    params: parameters of the decoder, see `folding`.
    condition: [B, S/4, S/4, K] warped features.
    precision: precision of the products.
  """
  x = fused_layers.conv(condition, params['first'], precision=precision)

  def hidden(
    shared: fused_layers.Layer, parts: int, factor: int
  ) -> list[jax.Array]:
    y = fused_layers.conv(
      condition, shared, jax.nn.relu, factor=factor, precision=precision
    )
    return jnp.split(y, parts, axis=-1)

  maps = hidden(params['shared'], 2 * len(params['middle']), 1)
  for i, block in enumerate(params['middle']):
    x = _block(block, x, maps[2 * i : 2 * i + 2], 1, precision)
  for i, block in enumerate(params['up']):
    maps = hidden(block['shared'], 3, 2 ** (i + 1))
    x = _block(block, x, maps, 2, precision)
  return fused_layers.conv(
    jax.nn.leaky_relu(x, spade.SLOPE),
    params['last'],
    lambda y: jax.nn.sigmoid(y.astype(jnp.float32)),
    precision=precision,
  )


def _block(
  params: PyTree,
  x: jax.Array,
  hidden: Sequence[jax.Array],
  factor: int,
  precision: lax.PrecisionLike,
) -> jax.Array:
  """A SPADE block of `x` with its pixels repeated `factor` times.

  Args:
    params: parameters of the block.
    x: [B, H, W, C].
    hidden: hidden maps of the block's SPADE layers.
    factor: number of repetitions of each pixel along both axes.
    precision: precision of the products.
  """
  y = x
  for i, repeats in enumerate((factor, 1)):
    y = fused_layers.conv(
      hidden[i],
      params[f'spade_{i}'],
      _modulation(y, repeats),
      (y,),
      precision=precision,
    )
    if i == 0:
      y = fused_layers.conv(y, params['conv_0'], precision=precision)
  if len(hidden) == 3:
    x = fused_layers.conv(
      hidden[2],
      params['spade_skip'],
      _shortcut(x, factor, params['skip'], precision),
      (x,),
      precision=precision,
    )
  return fused_layers.conv(
    y,
    params['conv_1'],
    lambda y, x: y + x,
    (x,),
    precision=precision,
  )


def _normal(x: jax.Array, repeats: int) -> Callable[[jax.Array], jax.Array]:
  """A function that normalizes rows by the statistics of `x`, in float32.

  The rows are those of `x`, and are repeated after it; repeated pixels have the
  same statistics.
  """
  wide = x.astype(jnp.float32)
  mean = wide.mean((1, 2), keepdims=True)
  variance = jnp.square(wide - mean).mean((1, 2), keepdims=True)
  scale = lax.rsqrt(variance + _EPSILON)

  def normal(rows: jax.Array) -> jax.Array:
    rows = (rows.astype(jnp.float32) - mean) * scale
    return basic.nearest(rows, (repeats, repeats))

  return normal


def _modulation(x: jax.Array, repeats: int) -> fused_layers.Finish:
  """A function of 1 + gamma and beta: SPADE of rows of `x`, leaky ReLU."""
  normal = _normal(x, repeats)

  def finish(y: jax.Array, rows: jax.Array) -> jax.Array:
    gain, shift = jnp.split(y.astype(jnp.float32), 2, axis=-1)
    modulated = normal(rows) * gain + shift
    return jax.nn.leaky_relu(modulated, spade.SLOPE).astype(y.dtype)

  return finish


def _shortcut(
  x: jax.Array, repeats: int, kernel: jax.Array, precision: lax.PrecisionLike
) -> fused_layers.Finish:
  """A function for the shortcut: SPADE of rows of `x`, and kernel [C, O]."""
  normal = _normal(x, repeats)
  width = x.shape[-1]

  def finish(y: jax.Array, rows: jax.Array) -> jax.Array:
    modulated = normal(rows) * y[..., :width].astype(jnp.float32)
    product = jnp.matmul(modulated.astype(y.dtype), kernel, precision=precision)
    return product + y[..., width:]

  return finish
