"""Layers that the networks share, where they differ from Linen's own.

Layout: channels last, NHWC and NDHWC. Padding is explicit and symmetric as in
PyTorch, never 'SAME'. `dtype` is the type of computation; parameters, and the
arithmetic of norms, stay float32.
"""

from collections.abc import Sequence
import math
from typing import Any

from flax import linen as nn
import jax
from jax import ad_checkpoint, lax
import jax.numpy as jnp

from sadtalker_jax.ops.convolution import conv as conv_ops
from sadtalker_jax.ops.convolution import phases
from sadtalker_jax.typing import Dtype

# Name of the outputs of blocks, which training may store while it computes the
# insides of blocks again (`jax.checkpoint`).
BLOCK = 'block'
# U(-1/sqrt(fan_in), 1/sqrt(fan_in)), PyTorch's default.
KERNEL_INIT = nn.initializers.variance_scaling(1 / 3, 'fan_in', 'uniform')


def _padding(padding: int | Sequence[int], rank: int) -> list[tuple[int, int]]:
  sides = (padding,) * rank if isinstance(padding, int) else padding
  return [(p, p) for p in sides]


def conv(
  features: int,
  kernel: Sequence[int],
  *,
  stride: int | Sequence[int] = 1,
  padding: int | Sequence[int] = 0,
  dilation: int = 1,
  groups: int = 1,
  bias: bool = True,
  repeated: int = 1,
  dtype: Dtype | None = None,
  name: str | None = None,
) -> nn.Conv:
  """A convolution of `len(kernel)` dimensions with symmetric padding.

  Args:
    features: number of output channels.
    kernel: size of the kernel along each axis.
    stride: stride of all axes, or of each.
    padding: zeros on both sides of all axes, or of each.
    dilation: distance of the kernel's taps.
    groups: number of groups of channels.
    bias: whether to add a bias.
    repeated: number of repetitions of every pixel of the input in height and
      width, 1, 2 or 4. More than 1 for kernels of size 3 with padding 1 only.
    dtype: type of the computation.
    name: name of the parameters.
  """
  rank = len(kernel)
  form = conv_ops.conv_general_dilated
  return nn.Conv(
    features,
    tuple(kernel),
    strides=(stride,) * rank if isinstance(stride, int) else tuple(stride),
    padding=_padding(padding, rank),
    kernel_dilation=dilation,
    feature_group_count=groups,
    use_bias=bias,
    dtype=dtype,
    kernel_init=KERNEL_INIT,
    conv_general_dilated=form if repeated == 1 else phases.repeating(repeated),
    name=name,
  )


def dense(
  features: int,
  *,
  bias: bool = True,
  dtype: Dtype | None = None,
  name: str | None = None,
) -> nn.Dense:
  """A linear layer with `features` outputs; other arguments as in `conv`."""
  return nn.Dense(
    features, use_bias=bias, dtype=dtype, kernel_init=KERNEL_INIT, name=name
  )


def block(x: jax.Array) -> jax.Array:
  """`x`, marked as the output of a block for `jax.checkpoint`."""
  return ad_checkpoint.checkpoint_name(x, BLOCK)


class BatchNorm(nn.BatchNorm):
  """Linen's batch norm, computed in float32 for every type of its input."""

  def __call__(self, x: jax.Array, *args: Any, **flags: Any) -> jax.Array:
    """Maps [B, ..., C] to the same shape, of type `dtype` if it is given."""
    # Statistics are float32; Linen would mix the types.
    with jax.numpy_dtype_promotion('standard'):
      return super().__call__(x.astype(jnp.float32), *args, **flags)


def batch_norm(
  *,
  train: bool,
  epsilon: float = 1e-5,
  dtype: Dtype | None = None,
  name: str | None = None,
) -> BatchNorm:
  """Batch norm: batch statistics in training, running ones otherwise.

  Under jit over a mesh the statistics are those of the global batch.

  Args:
    train: whether to use the statistics of the batch.
    epsilon: number added to variances.
    dtype: type of the result.
    name: name of the parameters.
  """
  return BatchNorm(
    use_running_average=not train,
    momentum=0.9,
    epsilon=epsilon,
    dtype=dtype,
    name=name,
  )


def instance_norm(x: jax.Array, epsilon: float = 1e-5) -> jax.Array:
  """`x` [B, ..., C] with mean 0 and variance 1 per sample and channel.

  Computed in float32; the result has the type of `x`.
  """
  axes = tuple(range(1, x.ndim - 1))
  wide = x.astype(jnp.float32)
  mean = wide.mean(axes, keepdims=True)
  centred = wide - mean
  variance = jnp.square(centred).mean(axes, keepdims=True)
  return (centred * lax.rsqrt(variance + epsilon)).astype(x.dtype)


class InstanceNorm(nn.Module):
  """Instance norm with a scale and a bias per channel."""

  epsilon: float = 1e-5

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, ..., C] to the same shape."""
    width = x.shape[-1]
    scale = self.param('scale', nn.initializers.ones, (width,))
    bias = self.param('bias', nn.initializers.zeros, (width,))
    normal = instance_norm(x, self.epsilon)
    return normal * scale.astype(x.dtype) + bias.astype(x.dtype)


class PReLU(nn.Module):
  """`x` where positive, elsewhere `x` times a learned slope per channel."""

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [..., C] to the same shape."""
    slope = self.param(
      'negative_slope', nn.initializers.constant(0.25), (x.shape[-1],)
    )
    return jnp.where(x >= 0, x, x * slope.astype(x.dtype))


class SpectralConv(nn.Module):
  """A convolution whose kernel is divided by its largest singular value.

  The value is estimated with the stored vectors u [O] and v [*K I], which are
  improved by one step of power iteration in each training call and kept in
  `batch_stats`. As in PyTorch, no gradient flows through u and v.
  """

  features: int  # output channels
  kernel: tuple[int, ...]  # size
  padding: int = 0  # zeros on every side
  bias: bool = True
  epsilon: float = 1e-12  # least length of a vector
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, ..., I] to [B, ..., O]."""
    shape = (*self.kernel, x.shape[-1], self.features)
    kernel = self.param('kernel', KERNEL_INIT, shape)
    matrix = kernel.reshape(-1, self.features)  # [*K I, O]

    def start(length: int) -> jax.Array:
      vector = jax.random.normal(self.make_rng('params'), (length,))
      return self._unit(vector)

    u = self.variable('batch_stats', 'u', start, self.features)
    v = self.variable('batch_stats', 'v', start, matrix.shape[0])
    left, right = u.value, v.value
    if train and not self.is_initializing():
      fixed = lax.stop_gradient(matrix)
      right = self._unit(jnp.matmul(fixed, left, precision='highest'))
      left = self._unit(jnp.matmul(right, fixed, precision='highest'))
      u.value, v.value = left, right
    sigma = jnp.matmul(
      jnp.matmul(right, matrix, precision='highest'), left, precision='highest'
    )
    dtype = self.dtype or x.dtype
    y = conv_ops.conv_general_dilated(
      x.astype(dtype),
      (kernel / sigma).astype(dtype),
      (1,) * len(self.kernel),
      _padding(self.padding, len(self.kernel)),
      dimension_numbers=conv_ops.channels_last(len(self.kernel)),
    )
    if self.bias:
      bias = self.param('bias', nn.initializers.zeros, (self.features,))
      y = y + bias.astype(dtype)
    return y

  def _unit(self, vector: jax.Array) -> jax.Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), self.epsilon)


class ConvTranspose(nn.Module):
  """PyTorch's transposed convolution.

  The kernel [*K, I, O] is that of a plain convolution over the input with
  stride - 1 zeros between its pixels: spatially flipped compared to PyTorch's.
  """

  features: int  # output channels
  kernel: tuple[int, ...]  # size
  stride: tuple[int, ...]
  padding: int = 0  # cut from every side of the result
  output_padding: int = 0  # added at the far sides of the result
  bias: bool = True
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [B, *N, I] to [B, *M, O].

    M = (N - 1) stride - 2 padding + K + output_padding.
    """
    shape = (*self.kernel, x.shape[-1], self.features)
    dtype = self.dtype or x.dtype
    pads = [
      (k - 1 - self.padding, k - 1 - self.padding + self.output_padding)
      for k in self.kernel
    ]
    y = lax.conv_general_dilated(
      x.astype(dtype),
      self.param('kernel', KERNEL_INIT, shape).astype(dtype),
      (1,) * len(self.kernel),
      pads,
      lhs_dilation=self.stride,
      dimension_numbers=conv_ops.channels_last(len(self.kernel)),
    )
    if self.bias:
      bias = self.param('bias', nn.initializers.zeros, (self.features,))
      y = y + bias.astype(dtype)
    return y


def nearest(x: jax.Array, factors: Sequence[int]) -> jax.Array:
  """Maps [B, *N, C] with every pixel repeated `factors` times per axis."""
  for axis, factor in enumerate(factors, 1):
    if factor != 1:
      x = jnp.repeat(x, factor, axis=axis)
  return x


def max_pool(
  x: jax.Array,
  window: Sequence[int],
  *,
  stride: Sequence[int],
  padding: int | Sequence[int] = 0,
) -> jax.Array:
  """Largest values of windows of maps [B, *N, C]; padding is never largest.

  Args:
    x: [B, *N, C].
    window: size of the windows along each axis.
    stride: distance of the windows along each axis.
    padding: cells on both sides of all axes, or of each.
  """
  pads = _padding(padding, len(window))
  if tuple(window) == tuple(stride) == (2, 2) and pads == [(0, 0)] * 2:
    return _halved_by_max(x)
  return nn.max_pool(x, tuple(window), strides=tuple(stride), padding=pads)


def _halved_by_max(x: jax.Array) -> jax.Array:
  """`max_pool` of 2 x 2 pixels of [B, H, W, C], from its halves.

  The gradient goes to the first of equal values, row by row, as in PyTorch and
  `nn.max_pool`. The latter's is slow on every device.
  """
  for axis in (2, 1):
    x = lax.slice_in_dim(x, 0, x.shape[axis] // 2 * 2, axis=axis)
    x = x.reshape(*x.shape[:axis], -1, 2, *x.shape[axis + 1 :])
    first, second = (
      lax.index_in_dim(x, i, axis + 1, keepdims=False) for i in range(2)
    )
    # Not jnp.maximum, whose gradient is shared by equal values.
    x = jnp.where((second > first) | jnp.isnan(second), second, first)
  return x


def avg_pool(x: jax.Array, window: Sequence[int]) -> jax.Array:
  """Means of adjacent windows of maps [B, *N, C]; a partial one is dropped."""
  # nn.avg_pool divides by an integer, an error in strict promotion.
  size = tuple(window)
  total = nn.pooling.pool(x, 0.0, lax.add, size, size, 'VALID')
  return total * (1 / math.prod(window))
