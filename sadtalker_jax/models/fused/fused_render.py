"""The renderer of frames with everything constant computed beforehand.

Pure functions over a plain tree of arrays, made once from the variables of the
networks (`folding`). The frames equal those of `models.facevid2vid.render` up
to rounding:

- batch norm and spectral norm are part of the kernels and biases;
- all SPADE layers of one resolution have one convolution for their hidden maps,
  and one for gamma and beta (`fused_decoder`);
- convolutions of nearest-upsampled maps run at the low resolution, and maps are
  normalized before their pixels are repeated;
- on CPU, convolutions take fewer products (`fused_layers`,
  `ops.convolution.winograd`);
- the 15 shifted volumes and the mixture of their motions are never stored as
  places to sample at (`ops.sampling.grids`);
- the portrait's volume, its compressed form and its keypoints are computed
  once, by the plain modules.

Frames are independent. On CPU they are computed one after the other, which is
quicker there and keeps the working set small; elsewhere as a batch, or as
several where one would have maps of 2^31 numbers. The weights
know the platform that they were packed for, so a program for another device can
be made anywhere. With bfloat16 the convolutions run in it; norms, softmax and
sampling in float32.

Conventions: pictures [B, S, S, 3], RGB in [0, 1]; windows [B, 27, C]; angles
[B, 3] degrees (yaw, pitch, roll), NaN where the predicted one is kept.
"""

import math
from typing import Any, NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.models.fused import folding, fused_decoder, fused_layers
from sadtalker_jax.models.sadtalker import mapping
from sadtalker_jax.ops import keypoints as keypoint_ops
from sadtalker_jax.ops.sampling import grid_sample, grids, shifting
from sadtalker_jax.typing import PyTree, Variables

# Numbers of one array; kernels of GPUs count them in 31 bits.
_MOST = 2**31 - 1

fold = folding.fold
fold_mapping = folding.fold_mapping


class PortraitFeatures(NamedTuple):
  """Results of source-only work on portraits."""

  volume: jax.Array  # [B, D, H, W, C] features
  compressed: jax.Array  # [B, D, H, W, c] features for dense motion
  canonical: jax.Array  # [B, K, 3] keypoints of the head at rest
  keypoints: jax.Array  # [B, K, 3] keypoints in the portrait


def prepare_source(
  params: PyTree, image: jax.Array, window: jax.Array
) -> PortraitFeatures:
  """Source-only work for portraits.

  Args:
    params: results of `fold` and `fold_mapping`.
    image: [B, S, S, 3] in [0, 1].
    window: [B, 27, C] coefficients of the portraits.
  """
  networks, mapped = params
  plain = networks['source']
  dtype = networks['target'].dtype
  with jax.default_matmul_precision('highest'):
    volume: Any = folding.encoder(plain['generator'], dtype).apply(
      plain['generator'], image, train=False, method='encode'
    )
    canonical: Any = folding.detector(plain['keypoint_detector']).apply(
      plain['keypoint_detector'], image, train=False
    )
  compressed = fused_layers.conv(
    volume,
    networks['motion']['compress'],
    jax.nn.relu,
    precision=lax.Precision.HIGHEST,
  )
  placed = _placed(mapped, canonical, window, None)
  return PortraitFeatures(volume, compressed, canonical, placed)


def render(
  params: PyTree,
  source: PortraitFeatures,
  windows: jax.Array,
  angles: jax.Array,
  *,
  precision: lax.PrecisionLike = lax.Precision.DEFAULT,
) -> jax.Array:
  """Frames, each of its own portrait, as bytes.

  Args:
    params: results of `fold` and `fold_mapping`.
    source: features of B portraits.
    windows: [B, 27, C] coefficients around every frame.
    angles: [B, 3] degrees that replace the predicted ones where not NaN.
    precision: precision of the products of float32 convolutions; those of the
      keypoints and of sampling have the highest.

  Returns:
    [B, S, S, 3] uint8, round(255 x).
  """
  frames = draw(params, source, windows, angles, precision=precision)
  return jnp.round(255 * frames).astype(jnp.uint8)


def draw(
  params: PyTree,
  source: PortraitFeatures,
  windows: jax.Array,
  angles: jax.Array,
  *,
  precision: lax.PrecisionLike = lax.Precision.DEFAULT,
) -> jax.Array:
  """Frames [B, S, S, 3], float32 in [0, 1]; arguments as in `render`."""
  networks, mapped = params
  driving = _placed(mapped, source.canonical, windows, angles)
  inputs = source, driving

  def some(inputs: tuple[PortraitFeatures, jax.Array]) -> jax.Array:
    return _draw(networks, *inputs, precision)

  count = len(windows)
  parts = math.ceil(count / _together(networks, source))
  if parts == 1:
    return some(inputs)
  size = math.ceil(count / parts)

  def cut(x: jax.Array) -> jax.Array:
    if missing := size * parts - count:
      pads = ((0, missing), *[(0, 0)] * (x.ndim - 1))
      x = jnp.pad(x, pads, mode='edge')
    return x.reshape(parts, size, *x.shape[1:])

  frames = lax.map(some, jax.tree.map(cut, inputs))
  return frames.reshape(-1, *frames.shape[2:])[:count]


def _together(networks: PyTree, source: PortraitFeatures) -> int:
  """Number of frames that are drawn together at most."""
  if networks['target'].is_cpu:
    return 1
  depth, height, width, channels = source.volume.shape[1:]
  # The last block of the decoder, whose pictures are four times as large.
  block = networks['decoder']['up'][-1]
  widest = max(len(block[name]['bias']) for name in ('shared', 'spade_0'))
  # On GPUs, taps of a 3-D convolution beside each other.
  *taps, inner, _ = networks['motion']['last']['kernel'].shape
  cells = depth * max(taps[0] * inner, channels)
  return max(_MOST // (height * width * max(16 * widest, cells)), 1)


def _draw(
  networks: PyTree,
  source: PortraitFeatures,
  driving: jax.Array,
  precision: lax.PrecisionLike,
) -> jax.Array:
  """Frames with the driving keypoints [B, K, 3]."""
  deformation, occlusion = _motion(
    networks['motion'], source, driving, precision
  )
  moved = grid_sample.grid_sample_3d(
    source.volume, deformation, padding='zeros', align_corners=False
  )
  moved = moved.transpose(0, 2, 3, 1, 4)
  x = fused_layers.conv(
    moved.reshape(*moved.shape[:3], -1),
    networks['merge'],
    lambda y: jax.nn.leaky_relu(y, 0.01),
    precision=precision,
  )
  x = fused_layers.conv(
    x,
    networks['project'],
    lambda y, occlusion: y * occlusion.astype(y.dtype),
    (occlusion,),
    precision=precision,
  )
  return fused_decoder.decode(networks['decoder'], x, precision=precision)


def _placed(
  mapped: Variables,
  canonical: jax.Array,
  windows: jax.Array,
  angles: jax.Array | None,
) -> jax.Array:
  """Keypoints [B, K, 3] posed by coefficients.

  The unused parts of t are already zero after `fold_mapping`.
  """
  count = canonical.shape[1]
  features = mapped['params']['first']['kernel'].shape[-1]
  module = mapping.MappingNet(features=features, num_keypoints=count)
  with jax.default_matmul_precision('highest'):
    motion: Any = module.apply(mapped, windows)
  return keypoint_ops.transform(
    canonical.astype(jnp.float32), *motion, angles=angles, zero_t_xz=False
  )


def _motion(
  params: PyTree,
  source: PortraitFeatures,
  driving: jax.Array,
  precision: lax.PrecisionLike,
) -> tuple[jax.Array, jax.Array]:
  """Places [B, D, H, W, 3] in the source, and visibility [B, H, W, 1]."""
  shape = source.volume.shape[1:4]
  shift = jnp.pad(source.keypoints - driving, ((0, 0), (1, 0), (0, 0)))
  heat = grids.heat_maps(driving, shape) - grids.heat_maps(
    source.keypoints, shape
  )
  heat = jnp.pad(heat, [(0, 0)] * 4 + [(1, 0)])[..., None]
  moved = shifting.shifted(source.compressed, shift, align_corners=False)
  x = jnp.concatenate([heat.astype(moved.dtype), moved], axis=-1)
  x = x.reshape(*x.shape[:4], -1)
  seen = []
  for layer in params['down']:
    seen.append(x)
    x = fused_layers.conv(
      x,
      layer,
      lambda y: fused_layers.halved(jax.nn.relu(y)),
      precision=precision,
    )
  for layer in params['up']:
    x = fused_layers.conv(x, layer, jax.nn.relu, factor=2, precision=precision)
    x = jnp.concatenate([x, seen.pop()], axis=-1)
  x = fused_layers.conv(x, params['last'], jax.nn.relu, precision=precision)
  shares = fused_layers.conv(
    x,
    params['mask'],
    lambda y: jax.nn.softmax(y.astype(jnp.float32)),
    precision=precision,
  )
  kept = jnp.where(shares < folding.MASK_THRESHOLD, 0, shares)
  visible = fused_layers.flat_conv(x, params['occlusion'], precision)
  return grids.mixed_motion(kept, shift), jax.nn.sigmoid(visible)
