"""Parameters of `fused_render` from the variables of the renderer's networks.

Batch norm and spectral norm are merged into kernels and biases, convolutions of
the same map become one, and each gets its form (`fused_layers`). That is
computed on the host in float64 and rounded once. Sizes are those of the arrays:
narrow networks fold as the published ones do. Source: method 5.5, method 5.6.
"""

from collections.abc import Mapping
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models.facevid2vid import generator as generator_lib
from sadtalker_jax.models.facevid2vid import keypoints
from sadtalker_jax.models.fused import fused_layers
from sadtalker_jax.typing import Dtype, PyTree, Variables

MASK_THRESHOLD = 1e-3  # smaller shares are set to 0 (quirk Q5)
_EPSILON = 1e-5  # epsilon of batch norms
_SPADES = ('spade_0', 'spade_1', 'spade_skip')

Params = Mapping[str, Any]
Layer = dict[str, np.ndarray]


def fold(
  variables: Mapping[str, Variables],
  *,
  platform: str,
  dtype: Dtype = jnp.float32,
) -> PyTree:
  """All networks except MappingNet, in the forms of `fused_layers`.

  Args:
    variables: variables of 'keypoint_detector' and 'generator'.
    platform: platform that will render: 'cpu', 'gpu', 'cuda', 'tpu', ...
    dtype: type of the convolutions of a frame, float32 or bfloat16.

  Returns:
    Tree of numpy arrays with its `fused_layers.Target`; arrays for source-only
    work are unchanged.
  """
  target = fused_layers.Target(platform, jnp.dtype(dtype))
  generator = variables['generator']
  params, stats = generator['params'], generator['batch_stats']
  encoder_params = params['appearance']
  depth = _depth(encoder_params)
  source = {
    'keypoint_detector': variables['keypoint_detector'],
    'generator': {
      'params': {'appearance': encoder_params},
      'batch_stats': {'appearance': stats['appearance']},
    },
  }
  return {
    'target': target,
    'motion': _motion(
      params['dense_motion'], stats['dense_motion'], depth, target
    ),
    'merge': _pack(
      _depth_first(_normed(params['merge'], stats['merge']), depth), target
    ),
    'project': _pack(_layer(params['project']), target),
    'decoder': _decoder(params['decoder'], stats['decoder'], target),
    'source': source,
  }


def fold_mapping(variables: Variables, *, zero_t_xz: bool = True) -> Variables:
  """MappingNet, which is small and stays in float32.

  Args:
    variables: variables of the network.
    zero_t_xz: field of its module; if true, t_x and t_z become always 0.
  """
  if not zero_t_xz:
    return variables
  params = variables['params']
  counts = np.array([0, 1, 0], np.float32)
  head = {name: x * counts for name, x in params['translation'].items()}
  return {**variables, 'params': {**params, 'translation': head}}


def encoder(variables: Variables, dtype: Dtype) -> generator_lib.Generator:
  """The plain module that encodes portraits with these variables."""
  params = variables['params']['appearance']
  return generator_lib.Generator(
    features=params['first']['conv']['kernel'].shape[-1],
    volume_features=params['block_0']['conv_0']['kernel'].shape[-1],
    depth=_depth(params),
    num_blocks=_count(params, 'block_'),
    dtype=dtype,
  )


def detector(variables: Variables) -> keypoints.KeypointDetector:
  """The plain module of the keypoint detector with these variables."""
  params = variables['params']
  steps = _count(params, 'down_')
  widths = [
    params[f'down_{i}']['conv']['kernel'].shape[-1] for i in range(steps)
  ]
  blur = variables['batch_stats'].get('blur')
  # Sizes of the blurs of `ops.filters.reduce`.
  reduction = 1 if blur is None else {5: 2, 13: 4, 29: 8}[blur.shape[0]]
  return keypoints.KeypointDetector(
    num_keypoints=params['keypoints']['kernel'].shape[-1],
    block_expansion=widths[0] // 2,
    max_features=max(widths),
    num_blocks=steps,
    depth=params['lift']['kernel'].shape[-1] // widths[-1],
    reduction=reduction,
  )


def _depth(encoder_params: Params) -> int:
  """Number of cells of the volume along its depth."""
  width = encoder_params['block_0']['conv_0']['kernel'].shape[-1]
  return encoder_params['lift']['kernel'].shape[-1] // width


def _motion(
  params: Params, stats: Params, depth: int, target: fused_layers.Target
) -> dict[str, Any]:
  inner, inner_stats = params['hourglass'], stats['hourglass']

  def steps(kind: str, factor: int) -> list[fused_layers.Layer]:
    names = [f'{kind}_{i}' for i in range(_count(inner, f'{kind}_'))]
    layers = [_normed(inner[name], inner_stats[name]) for name in names]
    return [_pack(layer, target, factor) for layer in layers]

  last = _normed(inner['last'], inner_stats['last'])
  occlusion = _depth_first(_layer(params['occlusion']), depth)
  taps = occlusion['kernel'].shape[:2]
  # [Kh, Kw, D C, 1] as [D, C, Kh Kw]
  kernel = occlusion['kernel'].reshape(math.prod(taps), depth, -1)
  return {
    'compress': _pack(_normed(params['compress'], stats['compress']), target),
    'down': steps('down', 1),
    'up': steps('up', 2),
    'last': _pack(last, target),
    'mask': _pack(_layer(params['mask']), target),
    'occlusion': {
      'kernel': kernel.transpose(1, 2, 0).astype(target.dtype),
      'bias': occlusion['bias'].astype(target.dtype),
    },
  }


def _decoder(
  params: Params, stats: Params, target: fused_layers.Target
) -> dict[str, Any]:
  middle = [f'middle_{i}' for i in range(_count(params, 'middle_'))]
  up = [f'up_{i}' for i in range(_count(params, 'up_'))]
  shared = [params[m][s]['shared'] for m in middle for s in _SPADES[:2]]
  result: dict[str, Any] = {
    'first': _pack(_layer(params['first']), target),
    'shared': _pack(_beside(shared), target),
    'middle': [_block(params[m], stats[m], target) for m in middle],
    'up': [_block(params[u], stats[u], target) for u in up],
    'last': _pack(_layer(params['last']), target),
  }
  for i, name in enumerate(up):
    shared = [params[name][s]['shared'] for s in _SPADES]
    result['up'][i]['shared'] = _pack(_beside(shared), target, 2 ** (i + 1))
  return result


def _block(
  params: Params, stats: Params, target: fused_layers.Target
) -> dict[str, Any]:
  result: dict[str, Any] = {
    name: _pack(_divided(params[name], stats[name]), target)
    for name in ('conv_0', 'conv_1')
  }
  for name in _SPADES[:2]:
    both = _beside([_gain(params[name]['gamma']), params[name]['beta']])
    result[name] = _pack(both, target)
  if 'conv_skip' in params:
    skip = _divided(params['conv_skip'], stats['conv_skip'])['kernel'][0, 0]
    beta = _layer(params['spade_skip']['beta'])
    passed = {key: value @ skip for key, value in beta.items()}
    both = _beside([_gain(params['spade_skip']['gamma']), passed])
    result['spade_skip'] = _pack(both, target)
    result['skip'] = skip.astype(target.dtype)
  return result


def _pack(
  layer: Layer, target: fused_layers.Target, factor: int = 1
) -> fused_layers.Layer:
  return fused_layers.pack(
    layer['kernel'], layer['bias'], target, factor=factor
  )


def _gain(gamma: Params) -> Layer:
  """A convolution that computes 1 + gamma."""
  layer = _layer(gamma)
  return {**layer, 'bias': layer['bias'] + 1}


def _depth_first(layer: Layer, depth: int) -> Layer:
  """A convolution with input channels d C + c instead of c D + d.

  For volumes whose depth axis was moved next to the channels.
  """
  kernel = layer['kernel']
  *size, _, features = kernel.shape
  kernel = kernel.reshape(*size, -1, depth, features)
  kernel = np.swapaxes(kernel, -3, -2)
  return {**layer, 'kernel': kernel.reshape(layer['kernel'].shape)}


def _layer(params: Params) -> Layer:
  """The arrays of a layer in float64."""
  return {key: np.asarray(params[key], np.float64) for key in params}


def _beside(params: list[Params]) -> Layer:
  """Convolutions of the same map joined into one."""
  parts = [_layer(p) for p in params]
  return {
    key: np.concatenate([p[key] for p in parts], axis=-1)
    for key in ('kernel', 'bias')
  }


def _normed(params: Params, stats: Params) -> Layer:
  """A convolution merged with the batch norm after it."""
  conv, norm, seen = (
    _layer(x) for x in (params['conv'], params['norm'], stats['norm'])
  )
  gain = norm['scale'] / np.sqrt(seen['var'] + _EPSILON)
  return {
    'kernel': conv['kernel'] * gain,
    'bias': (conv['bias'] - seen['mean']) * gain + norm['bias'],
  }


def _divided(params: Params, stats: Params) -> Layer:
  """A convolution divided by its largest singular value."""
  layer, vectors = _layer(params), _layer(stats)
  kernel = layer['kernel']
  matrix = kernel.reshape(-1, kernel.shape[-1])
  sigma = vectors['v'] @ matrix @ vectors['u']
  bias = layer.get('bias', np.zeros(kernel.shape[-1]))
  return {'kernel': kernel / sigma, 'bias': bias}


def _count(params: Params, prefix: str) -> int:
  return sum(name.startswith(prefix) for name in params)
