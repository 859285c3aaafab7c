"""Variables of the render's networks as the tree that `fused_render` takes.

Worked out on the host in float64, rounded once. Sizes follow from the arrays:
narrow networks fold as the published ones do. Source: design reference,
sections 5.5 and 5.6.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models import generator as generator_lib
from sadtalker_jax.models import keypoints
from sadtalker_jax.ops import phase_conv
from sadtalker_jax.typing import Dtype, PyTree, Variables

MASK_THRESHOLD = 1e-3  # smaller shares move nothing (quirk Q5)
_EPSILON = 1e-5  # of batch norms

Params = Mapping[str, Any]
Layer = dict[str, np.ndarray]


def fold(
  variables: Mapping[str, Variables], *, dtype: Dtype = jnp.float32
) -> PyTree:
  """The networks but for MappingNet.

  Args:
    variables: of 'keypoint_detector' and 'generator'.
    dtype: of the convolutions of a frame, float32 or bfloat16.

  Returns:
    Tree of numpy arrays; those for source-only work are as they were.
  """
  generator = variables['generator']
  params, stats = generator['params'], generator['batch_stats']
  motion = _motion(params['dense_motion'], stats['dense_motion'])
  merge, project = params['merge'], params['project']
  frame = {
    'motion': motion,
    'merge': _normed(merge, stats['merge']),
    'project': _layer(project),
    'decoder': _decoder(params['decoder'], stats['decoder']),
  }
  source = {
    'keypoint_detector': variables['keypoint_detector'],
    'generator': {
      'params': {'appearance': params['appearance']},
      'batch_stats': {'appearance': stats['appearance']},
    },
  }
  return {
    **jax.tree.map(lambda x: np.asarray(x).astype(dtype), frame),
    'source': source,
  }


def fold_mapping(variables: Variables) -> Variables:
  """MappingNet, which is small: as it is, in float32."""
  return variables


def encoder(variables: Variables, dtype: Dtype) -> generator_lib.Generator:
  """The plain module that `encode`s portraits with these variables."""
  params = variables['params']['appearance']
  width = params['block_0']['conv_0']['kernel'].shape[-1]
  return generator_lib.Generator(
    features=params['first']['conv']['kernel'].shape[-1],
    volume_features=width,
    depth=params['lift']['kernel'].shape[-1] // width,
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


def _motion(params: Params, stats: Params) -> dict[str, Any]:
  inner, inner_stats = params['hourglass'], stats['hourglass']

  def named(kind: str) -> list[str]:
    return [f'{kind}_{i}' for i in range(_count(inner, f'{kind}_'))]

  up = [_normed(inner[name], inner_stats[name]) for name in named('up')]
  return {
    'compress': _normed(params['compress'], stats['compress']),
    'down': [_normed(inner[name], inner_stats[name]) for name in named('down')],
    'up': [_upsampled(layer, 2) for layer in up],
    'last': _normed(inner['last'], inner_stats['last']),
    'mask': _layer(params['mask']),
    'occlusion': _layer(params['occlusion']),
  }


def _decoder(params: Params, stats: Params) -> dict[str, Any]:
  middle = [f'middle_{i}' for i in range(_count(params, 'middle_'))]
  up = [f'up_{i}' for i in range(_count(params, 'up_'))]
  both = ('spade_0', 'spade_1')
  shared = [params[m][s]['shared'] for m in middle for s in both]
  ups = [
    _beside([params[u][s]['shared'] for s in (*both, 'spade_skip')]) for u in up
  ]
  return {
    'first': _layer(params['first']),
    'middle_shared': _beside(shared),
    'middle': [_block(params[m], stats[m]) for m in middle],
    'up_shared': [_upsampled(x, 2 ** (i + 1)) for i, x in enumerate(ups)],
    'up': [_block(params[u], stats[u]) for u in up],
    'last': _layer(params['last']),
  }


def _block(params: Params, stats: Params) -> dict[str, Any]:
  result: dict[str, Any] = {}
  for name, layer in params.items():
    if name.startswith('spade'):
      both = _beside([layer['gamma'], layer['beta']])
      both['bias'][: both['bias'].size // 2] += 1  # 1 + gamma
      result[name] = both
    else:
      result[name] = _divided(layer, stats[name])
  return result


def _layer(params: Params) -> Layer:
  """A plain convolution."""
  return {key: np.asarray(params[key], np.float64) for key in params}


def _beside(params: list[Params]) -> Layer:
  """Convolutions of one map as one."""
  parts = [_layer(p) for p in params]
  return {
    key: np.concatenate([p[key] for p in parts], axis=-1)
    for key in ('kernel', 'bias')
  }


def _normed(params: Params, stats: Params) -> Layer:
  """A convolution and the batch norm after it."""
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


def _upsampled(layer: Layer, factor: int) -> dict[str, Any]:
  """A convolution after nearest upsampling."""
  return {
    'kernels': phase_conv.split(layer['kernel'], factor),
    'bias': layer['bias'],
  }


def _count(params: Params, prefix: str) -> int:
  return sum(name.startswith(prefix) for name in params)
