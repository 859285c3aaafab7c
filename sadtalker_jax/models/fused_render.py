"""The render of a frame with all that is constant worked out beforehand.

Pure functions over a plain tree of arrays, made once from the variables of the
networks. The frames are those of `models.render`, up to rounding:

- batch norm and spectral norm are part of the kernels and biases;
- all SPADE layers of one resolution have one convolution for their hidden maps,
  and one for gamma and beta;
- convolutions of nearest-upsampled maps run at the low resolution
  (`ops.phase_conv`), and what is normalized is normalized before it is copied;
- the 15 shifted volumes and the mixture of their motions are never stored as
  places to sample at (`ops.grids`);
- the portrait's volume, its compressed form, its keypoints and heat maps are
  made once, by the plain modules.

Frames are independent. On CPU they are computed one after the other, which is
quicker there and keeps the working set in cache; elsewhere as a batch. With
bfloat16 the convolutions run in it; norms, softmax and sampling in float32.

Conventions: pictures [B, S, S, 3], RGB in [0, 1]; windows [B, 27, C]; angles
[B, 3] degrees (yaw, pitch, roll), NaN where the predicted one is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.models import appearance, folding, layers, mapping, spade
from sadtalker_jax.ops import conv as conv_ops
from sadtalker_jax.ops import grid_sample, grids, phase_conv
from sadtalker_jax.ops import keypoints as keypoint_ops
from sadtalker_jax.typing import PyTree, Variables

fold = folding.fold
fold_mapping = folding.fold_mapping


class Source(NamedTuple):
  """What is known of portraits before any frame."""

  volume: jax.Array  # [B, D, H, W, C] features
  compressed: jax.Array  # [B, D, H, W, c] what dense motion sees of them
  canonical: jax.Array  # [B, K, 3] keypoints of the head at rest
  keypoints: jax.Array  # [B, K, 3] keypoints in the portrait
  heat: jax.Array  # [B, D, H, W, K] Gaussians around these


def prepare_source(
  params: PyTree, image: jax.Array, window: jax.Array
) -> Source:
  """Source-only work for portraits.

  Args:
    params: pair of `fold` and `fold_mapping`.
    image: [B, S, S, 3] in [0, 1].
    window: [B, 27, C] coefficients of the portraits.
  """
  networks, mapped = params
  plain = networks['source']
  dtype = networks['motion']['mask']['kernel'].dtype
  volume: Any = folding.encoder(plain['generator'], dtype).apply(
    plain['generator'], image, train=False, method='encode'
  )
  canonical: Any = folding.detector(plain['keypoint_detector']).apply(
    plain['keypoint_detector'], image, train=False
  )
  placed = _placed(mapped, canonical, window, None)
  compressed = jax.nn.relu(_conv(volume, networks['motion']['compress']))
  heat = grids.heat_maps(placed, volume.shape[1:4])
  return Source(volume, compressed, canonical, placed, heat)


def render(
  params: PyTree, source: Source, windows: jax.Array, angles: jax.Array
) -> jax.Array:
  """Frames, each of its own portrait.

  Args:
    params: pair of `fold` and `fold_mapping`.
    source: B portraits.
    windows: [B, 27, C].
    angles: [B, 3].

  Returns:
    [B, S, S, 3] uint8, round(255 x).
  """
  frames = draw(params, source, windows, angles)
  return jnp.round(255 * frames).astype(jnp.uint8)


def draw(
  params: PyTree, source: Source, windows: jax.Array, angles: jax.Array
) -> jax.Array:
  """As `render`, [B, S, S, 3] float32 in [0, 1]."""
  if jax.default_backend() != 'cpu' or len(windows) == 1:
    return _draw(params, source, windows, angles)

  def one(inputs: tuple[Source, jax.Array, jax.Array]) -> jax.Array:
    return _draw(params, *jax.tree.map(lambda x: x[None], inputs))[0]

  return lax.map(one, (source, windows, angles))


def _draw(
  params: PyTree, source: Source, windows: jax.Array, angles: jax.Array
) -> jax.Array:
  networks, mapped = params
  driving = _placed(mapped, source.canonical, windows, angles)
  deformation, occlusion = _motion(networks['motion'], source, driving)
  moved = grid_sample.grid_sample_3d(
    source.volume,
    deformation,
    padding='zeros',
    align_corners=False,
  )
  x = _conv(appearance.from_volume(moved), networks['merge'])
  x = _conv(jax.nn.leaky_relu(x, 0.01), networks['project'])
  return _decode(networks['decoder'], x * occlusion.astype(x.dtype))


def _placed(
  mapped: Variables,
  canonical: jax.Array,
  windows: jax.Array,
  angles: jax.Array | None,
) -> jax.Array:
  """Keypoints [B, K, 3] under coefficients."""
  count = canonical.shape[1]
  features = mapped['params']['first']['kernel'].shape[-1]
  module = mapping.MappingNet(features=features, num_keypoints=count)
  return keypoint_ops.transform(
    canonical.astype(jnp.float32),
    *module.apply(mapped, windows),
    angles=angles,
  )


def _motion(
  params: PyTree, source: Source, driving: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Places [B, D, H, W, 3] in the source, and what is visible [B, H, W, 1]."""
  shift = jnp.pad(source.keypoints - driving, ((0, 0), (1, 0), (0, 0)))
  heat = grids.heat_maps(driving, source.volume.shape[1:4]) - source.heat
  heat = jnp.pad(heat, [(0, 0)] * 4 + [(1, 0)])[..., None]
  moved = grids.shifted(source.compressed, shift, align_corners=False)
  x = jnp.concatenate([heat.astype(moved.dtype), moved], axis=-1)
  x = x.reshape(*x.shape[:4], -1)
  seen = []
  for layer in params['down']:
    seen.append(x)
    x = layers.avg_pool(jax.nn.relu(_conv(x, layer)), (1, 2, 2))
  for layer in params['up']:
    x = jax.nn.relu(_phases(x, layer))
    x = jnp.concatenate([x, seen.pop()], axis=-1)
  x = jax.nn.relu(_conv(x, params['last']))
  shares = jax.nn.softmax(_conv(x, params['mask']).astype(jnp.float32))
  kept = jnp.where(shares < folding.MASK_THRESHOLD, 0, shares)
  visible = _conv(appearance.from_volume(x), params['occlusion'])
  return (
    grids.mixed_motion(kept, shift),
    jax.nn.sigmoid(visible.astype(jnp.float32)),
  )


def _decode(params: PyTree, condition: jax.Array) -> jax.Array:
  """The SPADE decoder on [B, H, W, K]."""
  x = _conv(condition, params['first'])
  hidden = jax.nn.relu(_conv(condition, params['middle_shared']))
  parts = jnp.split(hidden, 2 * len(params['middle']), axis=-1)
  for i, block in enumerate(params['middle']):
    x = _block(block, x, parts[2 * i : 2 * i + 2], factor=1)
  for block, shared in zip(params['up'], params['up_shared'], strict=True):
    hidden = jax.nn.relu(_phases(condition, shared))
    x = _block(block, x, jnp.split(hidden, 3, axis=-1), factor=2)
  x = _conv(jax.nn.leaky_relu(x, spade.SLOPE), params['last'])
  return jax.nn.sigmoid(x.astype(jnp.float32))


def _block(
  params: PyTree, x: jax.Array, hidden: Sequence[jax.Array], *, factor: int
) -> jax.Array:
  """A SPADE block on `x` upsampled by the factor."""
  same = (factor, factor)
  normal = layers.nearest(layers.instance_norm(x), same)
  y = _modulated(params['spade_0'], normal, hidden[0])
  y = _conv(jax.nn.leaky_relu(y, spade.SLOPE), params['conv_0'])
  y = _modulated(params['spade_1'], layers.instance_norm(y), hidden[1])
  y = _conv(jax.nn.leaky_relu(y, spade.SLOPE), params['conv_1'])
  if 'conv_skip' not in params:
    return layers.nearest(x, same) + y
  skip = _modulated(params['spade_skip'], normal, hidden[2])
  return _conv(skip, params['conv_skip']) + y


def _modulated(
  params: PyTree, normal: jax.Array, hidden: jax.Array
) -> jax.Array:
  """SPADE: 1 + gamma and beta from one convolution."""
  gain, shift = jnp.split(_conv(hidden, params), 2, axis=-1)
  return normal * gain + shift


def _conv(x: jax.Array, layer: Mapping[str, jax.Array]) -> jax.Array:
  """A convolution that keeps the size, in the type of its kernel."""
  kernel = layer['kernel']
  size = kernel.shape[:-2]
  y = conv_ops.conv_general_dilated(
    x.astype(kernel.dtype),
    kernel,
    (1,) * len(size),
    [(k // 2, k // 2) for k in size],
    dimension_numbers=conv_ops.channels_last(len(size)),
  )
  return y + layer['bias']


def _phases(x: jax.Array, layer: Mapping[str, Any]) -> jax.Array:
  """A convolution of the upsampled map."""
  kernels = layer['kernels']
  # 2 x 2 phases that differ are those of a factor of 2, 3 x 3 of 4.
  factor = {2: 2, 3: 4}[len(kernels)]
  x = x.astype(kernels[0][0].dtype)
  return phase_conv.conv(x, kernels, factor) + layer['bias']
