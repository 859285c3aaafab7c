"""Small convolutional networks stored as a list of operations, run in JAX.

A file `data/<name>.npz` holds the tensors of a TensorFlow-Lite network, as
float16, under their numbers, and under `meta` a JSON object: `inputs` and
`outputs` (tensor numbers), the input's `shape`, and `ops`, each `[kind, inputs,
outputs, attributes]`. `load` returns a `Graph` (static and hashable: what to
compute) and its weights (a flat dict of float32 arrays: an argument of the
jitted function, never a constant in it).

Conventions: NHWC; 'SAME' pads as in XLA, with the odd cell at the end; kernels
are stored as [out, h, w, in] and [1, h, w, channels] and transposed to HWIO and
[h, w, C].

Two operations have an unusual form:
* A shortcut that is padded with zero channels and then added is one operation
  here, an addition to the first channels. Padding plus addition next to a
  depthwise branch and a pool is miscompiled by XLA:CPU (jaxlib 0.10.2).
* A depthwise convolution is a sum of shifted products: XLA:CPU runs this form
  five to ten times faster than its grouped convolution, and the result is the
  same to rounding.
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import json
import pathlib
from typing import Any, TypeAlias

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.typing import Array

Weights: TypeAlias = dict[str, Array]

_DATA = pathlib.Path(__file__).resolve().parent / 'data'
_PADDING = {0: 'SAME', 1: 'VALID'}  # numbers of the TensorFlow-Lite schema
_ACTIVATIONS: dict[int, Callable[[jax.Array], jax.Array]] = {
  0: lambda x: x,
  1: jax.nn.relu,
  3: jax.nn.relu6,
}


@dataclasses.dataclass(frozen=True)
class Op:
  """One operation: tensors that it reads and writes, and its attributes."""

  kind: str
  inputs: tuple[str, ...]
  output: str
  stride: tuple[int, int] = (1, 1)
  window: tuple[int, int] = (1, 1)
  padding: str = 'VALID'
  activation: int = 0
  axis: int = 0
  shape: tuple[int, ...] = ()  # of the output, without the batch


@dataclasses.dataclass(frozen=True)
class Graph:
  """A network without its weights."""

  ops: tuple[Op, ...]
  input: str
  outputs: tuple[str, ...]
  input_shape: tuple[int, int, int]  # height, width, channels

  def apply(self, weights: Weights, x: Array) -> tuple[jax.Array, ...]:
    """Runs the network.

    Args:
      weights: the weights that `load` returned with this graph.
      x: float32 [B, H, W, C], with the sizes of `input_shape`.

    Returns:
      The outputs in the file's order, each with a leading batch axis.

    Raises:
      ValueError: `x` has another shape.
    """
    if x.ndim != 4 or x.shape[1:] != self.input_shape:
      raise ValueError(
        f'expected a batch of {self.input_shape}, found {x.shape}'
      )
    values: dict[str, Any] = {**weights, self.input: jnp.asarray(x)}
    for op in self.ops:
      read = [values[name] for name in op.inputs]
      y = _OPERATIONS[op.kind](op, *read)
      values[op.output] = _ACTIVATIONS[op.activation](y)
    return tuple(values[name] for name in self.outputs)


def _conv(op: Op, x: jax.Array, w: jax.Array, b: jax.Array) -> jax.Array:
  """Convolution with bias; [B, H, W, I] and HWIO."""
  if w.shape[:2] == (1, 1) and op.stride == (1, 1):
    y = jnp.einsum('bhwi,io->bhwo', x, w[0, 0], precision='highest')
  else:
    y = lax.conv_general_dilated(
      x,
      w,
      op.stride,
      op.padding,
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
      precision='highest',
    )
  return y + b


def _depthwise(op: Op, x: jax.Array, w: jax.Array, b: jax.Array) -> jax.Array:
  """Depthwise convolution with bias as a sum of shifts; w: [h, w, C]."""
  rows, columns = lax.padtype_to_pads(
    x.shape[1:3], w.shape[:2], op.stride, op.padding
  )
  x = jnp.pad(x, ((0, 0), rows, columns, (0, 0)))
  (kh, kw), (sh, sw) = w.shape[:2], op.stride
  h = x.shape[1] - kh + 1
  v = x.shape[2] - kw + 1
  y = b
  for i in range(kh):
    for j in range(kw):
      y = y + w[i, j] * x[:, i : i + h : sh, j : j + v : sw]
  return y


def _prelu(op: Op, x: jax.Array, slope: jax.Array) -> jax.Array:
  """Parametric ReLU: `slope` [1, 1, C] is the slope below zero."""
  del op
  return jnp.maximum(x, 0) + slope * jnp.minimum(x, 0)


def _max_pool(op: Op, x: jax.Array) -> jax.Array:
  """Largest value of each window."""
  return lax.reduce_window(
    x, -jnp.inf, lax.max, (1, *op.window, 1), (1, *op.stride, 1), op.padding
  )


def _add_leading(op: Op, x: jax.Array, shortcut: jax.Array) -> jax.Array:
  """Adds a shortcut of fewer channels to the first channels of x."""
  del op
  return x.at[..., : shortcut.shape[-1]].add(shortcut)


_OPERATIONS: Mapping[str, Callable[..., jax.Array]] = {
  'CONV_2D': _conv,
  'DEPTHWISE_CONV_2D': _depthwise,
  'PRELU': _prelu,
  'RELU': lambda op, x: jax.nn.relu(x),
  'ADD': lambda op, x, y: x + y,
  'ADD_LEADING': _add_leading,
  'MAX_POOL_2D': _max_pool,
  'RESHAPE': lambda op, x: x.reshape(x.shape[0], *op.shape),
  'CONCATENATION': lambda op, *xs: jnp.concatenate(xs, op.axis),
}


def _fuse_pads(ops: list[Op], arrays: Mapping[str, np.ndarray]) -> list[Op]:
  """Replaces 'pad channels, then add' by one operation; see the module."""
  padded: dict[str, str] = {}
  fused = []
  for op in ops:
    if op.kind == 'PAD':
      amounts = arrays[op.inputs[1]]
      if amounts[:3].any() or amounts[3, 0]:
        raise ValueError(f'only channels may be padded, at their end: {op}')
      padded[op.output] = op.inputs[0]
      continue
    short = [name for name in op.inputs if name in padded]
    if short:
      (wide,) = (name for name in op.inputs if name not in padded)
      if op.kind != 'ADD':
        raise ValueError(f'a padded shortcut may only be added, found {op}')
      op = dataclasses.replace(
        op, kind='ADD_LEADING', inputs=(wide, padded[short[0]])
      )
    fused.append(op)
  return fused


def _parse(kind: str, reads: list, writes: list, attributes: dict) -> Op:
  """One entry of the file's list as an `Op`."""
  if len(writes) != 1 or attributes.get('dilationHFactor', 1) != 1:
    raise ValueError(f'unsupported operation {kind} {attributes}')
  if attributes.get('depthMultiplier', 1) != 1:
    raise ValueError(f'unsupported depth multiplier in {kind}')
  get = attributes.get
  return Op(
    kind=kind,
    inputs=tuple(str(name) for name in reads),
    output=str(writes[0]),
    stride=(get('strideH', 1), get('strideW', 1)),
    window=(get('filterHeight', 1), get('filterWidth', 1)),
    padding=_PADDING[get('padding', 1)],
    activation=get('fusedActivationFunction', 0),
    axis=get('axis', 0),
    shape=tuple(get('shape', (1,))[1:]),
  )


@functools.cache
def load(name: str) -> tuple[Graph, Weights]:
  """The graph and the weights of a packaged network.

  Args:
    name: 'blazeface_short', 'face_mesh' or 'iris' (files of `faces/data`).

  Returns:
    The graph, and its weights as float32 arrays.

  Raises:
    ValueError: the file has an operation that is not supported.
  """
  with np.load(_DATA / f'{name}.npz') as file:
    arrays = {key: file[key] for key in file.files if key != 'meta'}
    meta = json.loads(str(file['meta']))
  ops = _fuse_pads([_parse(*entry) for entry in meta['ops']], arrays)
  unknown = {op.kind for op in ops} - set(_OPERATIONS)
  if unknown:
    raise ValueError(f'{name}: operations {sorted(unknown)} are not known')
  weights: Weights = {}
  for key, value in arrays.items():
    if value.dtype == np.float16:  # the integers are amounts of padding
      weights[key] = value.astype(np.float32)
  for op in ops:
    if op.kind == 'CONV_2D':
      kernel = weights[op.inputs[1]]
      weights[op.inputs[1]] = np.asarray(kernel).transpose(1, 2, 3, 0)
    elif op.kind == 'DEPTHWISE_CONV_2D':
      weights[op.inputs[1]] = weights[op.inputs[1]][0]
  height, width, channels = meta['shape'][1:]
  graph = Graph(
    ops=tuple(ops),
    input=str(meta['inputs'][0]),
    outputs=tuple(str(k) for k in meta['outputs']),
    input_shape=(height, width, channels),
  )
  return graph, weights


@functools.cache
def compiled(name: str) -> Callable[[np.ndarray], tuple[np.ndarray, ...]]:
  """A packaged network as a jitted function of arrays [B, H, W, C]."""
  net, weights = load(name)
  apply = jax.jit(net.apply)
  on_device = jax.device_put(weights)

  def run(x: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(y) for y in apply(on_device, x))

  return run
