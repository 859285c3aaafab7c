"""Convolutions of the fused render, in the form that is quick where they run.

A layer is a dict of arrays. What it holds besides its `bias` [O] is its form:

- `kernel` [*K, I, O]: the convolution itself;
- `phases`: of a map with repeated pixels, see `ops.convolution.phases`;
- `patches`: with fewer products, see `ops.convolution.winograd`; for float32 on
  CPU, where
  it takes a third to two thirds of the time.

All of them keep the size, or repeat every pixel `factor` times before. What
becomes of the output at once, an activation, say, goes in as `finish`: some
forms make the output in strips that are still in cache then.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.ops.convolution import conv as conv_ops
from sadtalker_jax.ops.convolution import phases, winograd
from sadtalker_jax.typing import Dtype

Layer = dict[str, Any]
Finish = Callable[..., jax.Array]

# Channels in and out, by rank, below which fewer products do not pay.
_LEAST = {2: 256, 3: 128}
_REPEATED = {2: winograd.NEAREST_2, 4: winograd.NEAREST_4}
_SCHEMES = {3: winograd.THREE, 7: winograd.SEVEN}


def pack(
  kernel: np.ndarray, bias: np.ndarray, dtype: Dtype, *, factor: int = 1
) -> Layer:
  """A layer in the form that suits the backend that runs here.

  Args:
    kernel: [*K, I, O], float64.
    bias: [O].
    dtype: of the convolution.
    factor: how often each pixel stands in height and in width.
  """
  layer: Layer = {'bias': bias.astype(dtype)}
  sparing = jax.default_backend() == 'cpu' and dtype == jnp.float32
  if factor > 1:
    if sparing:
      layer['patches'] = winograd.transform(kernel, _REPEATED[factor])
    else:
      layer['phases'] = jax.tree.map(
        lambda k: k.astype(dtype), phases.split(kernel, factor)
      )
    return layer
  *size, inputs, outputs = kernel.shape
  wide = inputs + outputs >= _LEAST[len(size)]
  if sparing and wide and size[-1] in _SCHEMES:
    layer['patches'] = winograd.transform(kernel, _SCHEMES[size[-1]])
  else:
    layer['kernel'] = kernel.astype(dtype)
  return layer


def dtype(layer: Layer) -> Dtype:
  """Type of a layer's computation."""
  return layer['bias'].dtype


def conv(
  x: jax.Array,
  layer: Mapping[str, Any],
  finish: Finish = lambda y: y,
  beside: Sequence[jax.Array] = (),
  *,
  factor: int = 1,
  precision: lax.PrecisionLike,
) -> jax.Array:
  """A convolution, and what becomes of its output.

  Args:
    x: [B, (D,) H, W, I].
    layer: of `pack`.
    finish: takes rows of the output and of `beside`; gives one map.
    beside: maps whose height is the output's, or a whole part of it.
    factor: how often each pixel of `x` stands in height and in width.
    precision: of the products.

  Returns:
    What `finish` makes of [B, (D,) H factor, W factor, O].
  """
  bias = layer['bias']
  x = x.astype(bias.dtype)
  if 'patches' in layer:
    patches = layer['patches']
    size = 7 if len(patches) == len(winograd.SEVEN.inputs) else 3
    return winograd.conv(
      x,
      patches,
      _SCHEMES[size] if factor == 1 else _REPEATED[factor],
      deep=size if x.ndim == 5 else 1,
      finish=lambda y, *rows: finish(y + bias, *rows),
      beside=beside,
    )
  if 'phases' in layer:
    y = phases.conv(x, layer['phases'], factor, precision=precision)
  else:
    kernel = layer['kernel']
    size = kernel.shape[:-2]
    y = conv_ops.conv_general_dilated(
      x,
      kernel,
      (1,) * len(size),
      [(k // 2, k // 2) for k in size],
      dimension_numbers=conv_ops.channels_last(len(size)),
      precision=precision,
    )
  return finish(y + bias, *beside)


def halved(x: jax.Array) -> jax.Array:
  """Means of 2 x 2 pixels of [..., H, W, C]."""
  high = (x[..., ::2, :, :] + x[..., 1::2, :, :]) * 0.5
  return (high[..., ::2, :] + high[..., 1::2, :]) * 0.5
