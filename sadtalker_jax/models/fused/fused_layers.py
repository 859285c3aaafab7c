"""Convolutions of the fused renderer, in the form that suits their target.

A layer is a dict of arrays. The key besides its `bias` [O] names its form:

- `kernel` [*K, I, O]: the convolution itself;
- `phases`: for maps with repeated pixels, see `ops.convolution.phases`;
- `patches`: with fewer products, see `ops.convolution.winograd`; for float32 on
  CPU, where it takes a third to two thirds of the time.

The arrays of `kernel` and `phases` are stored in the order of axes in which
their target reads them (`Turned`).

All forms keep the size of the map, or repeat every pixel `factor` times before.
Operations that follow at once, such as an activation, are passed as `finish`:
some forms compute the output in strips, which are then still in the cache.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import math
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.ops.convolution import conv as conv_ops
from sadtalker_jax.ops.convolution import phases, winograd
from sadtalker_jax.typing import Array, Dtype

Layer = dict[str, Any]
Finish = Callable[..., jax.Array]

# Least sum of channels in and out, by rank, for which fewer products pay off.
_LEAST = {2: 256, 3: 128}
_REPEATED = {2: winograd.NEAREST_2, 4: winograd.NEAREST_4}
_SCHEMES = {3: winograd.THREE, 7: winograd.SEVEN}


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Target:
  """What weights are packed for; part of their tree, and no array.

  Attributes:
    platform: Platform that computes with them: 'cpu', 'cuda', 'tpu', ...
    dtype: Type of the convolutions.
  """

  platform: str
  dtype: Dtype

  @property
  def is_cpu(self) -> bool:
    """Whether a CPU computes with the weights."""
    return self.platform == 'cpu'

  @property
  def is_gpu(self) -> bool:
    """Whether a GPU computes with the weights."""
    return self.platform in ('gpu', 'cuda', 'rocm')


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Turned:
  """A kernel whose axes are stored in another order.

  Attributes:
    stored: The array.
    axes: Which axis of `stored` each axis of the kernel [*K, I, O] is.
  """

  stored: Array
  axes: tuple[int, ...] = dataclasses.field(metadata={'static': True})

  @property
  def shape(self) -> tuple[int, ...]:
    """Shape [*K, I, O]."""
    return tuple(self.stored.shape[axis] for axis in self.axes)

  def kernel(self) -> jax.Array:
    """The kernel [*K, I, O], for a compiler to see through."""
    return jnp.transpose(self.stored, self.axes)


def pack(
  kernel: np.ndarray, bias: np.ndarray, target: Target, *, factor: int = 1
) -> Layer:
  """A layer in the form that suits a target.

  Args:
    kernel: [*K, I, O], float64.
    bias: [O].
    target: platform and type of the convolution.
    factor: number of repetitions of each pixel in height and in width.
  """
  dtype = target.dtype
  layer: Layer = {'bias': bias.astype(dtype)}
  sparing = target.is_cpu and dtype == jnp.float32
  if factor > 1:
    if sparing:
      layer['patches'] = winograd.transform(kernel, _REPEATED[factor])
    else:
      layer['phases'] = tuple(
        _turned(k, target) for k in phases.split(kernel, factor)
      )
    return layer
  *size, inputs, outputs = kernel.shape
  wide = inputs + outputs >= _LEAST[len(size)]
  if sparing and wide and size[-1] in _SCHEMES:
    layer['patches'] = winograd.transform(kernel, _SCHEMES[size[-1]])
  else:
    layer['kernel'] = _turned(kernel, target)
  return layer


def _turned(kernel: np.ndarray, target: Target) -> Turned:
  """A kernel in the order of its target."""
  order = tuple(range(kernel.ndim))
  if target.is_gpu:
    order = conv_ops.gpu_order(kernel.shape)
  stored = np.ascontiguousarray(kernel.transpose(order)).astype(target.dtype)
  return Turned(stored, tuple(order.index(axis) for axis in range(kernel.ndim)))


def conv(
  x: jax.Array,
  layer: Mapping[str, Any],
  finish: Finish = lambda y: y,
  beside: Sequence[jax.Array] = (),
  *,
  factor: int = 1,
  precision: lax.PrecisionLike,
) -> jax.Array:
  """A convolution, followed by a function of its output.

  Args:
    x: [B, (D,) H, W, I].
    layer: result of `pack`.
    finish: function of rows of the output and of the maps in `beside` that
      returns one map.
    beside: maps whose height is that of the output, or a whole fraction of it.
    factor: number of repetitions of each pixel of `x` in height and in width.
    precision: precision of the products.

  Returns:
    Result of `finish` for the output [B, (D,) H factor, W factor, O].
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
    kernels = [turned.kernel() for turned in layer['phases']]
    y = phases.conv(x, kernels, factor, precision=precision)
  else:
    kernel = layer['kernel'].kernel()
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


def flat_conv(
  x: jax.Array, layer: Mapping[str, jax.Array], precision: lax.PrecisionLike
) -> jax.Array:
  """One output of a 2-D convolution over depth and channels of a volume.

  The products of all taps are computed at once, then shifted and added.

  Args:
    x: [B, D, H, W, C].
    layer: kernel [D, C, K K], bias [1].
    precision: precision of the products.

  Returns:
    [B, H, W, 1] float32.
  """
  products = jnp.einsum(
    'bdhwc,dck->bhwk',
    x,
    layer['kernel'],
    precision=precision,
    preferred_element_type=jnp.float32,
  )
  size = math.isqrt(products.shape[-1])
  height, width = products.shape[1:3]
  pad = (size // 2,) * 2
  padded = jnp.pad(products, ((0, 0), pad, pad, (0, 0)))
  total = jnp.zeros((*products.shape[:3],), jnp.float32)
  for i in range(size):
    for j in range(size):
      total += padded[:, i : i + height, j : j + width, i * size + j]
  return total[..., None] + layer['bias'].astype(jnp.float32)


def halved(x: jax.Array) -> jax.Array:
  """Means of 2 x 2 pixels of [..., H, W, C]."""
  high = (x[..., ::2, :, :] + x[..., 1::2, :, :]) * 0.5
  return (high[..., ::2, :] + high[..., 1::2, :]) * 0.5
