"""Schemes of `ops.convolution.winograd`: short convolutions with few products.

A scheme is three matrices that act along one axis: they turn a patch of the
input, and the kernel, into n numbers each, and the n products into m outputs.
Those of Toom and Cook evaluate polynomials at n - 1 points and at infinity. The
points were searched for small rounding errors (with 0, 1, -1, 2, -2 the largest
error is three times that of `THREE`). Kernels are transformed in float64.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from sadtalker_jax.typing import Array

# The transformed kernel: one array for each of the n numbers along the width.
Kernel = tuple[Array, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Scheme:
  """Transforms of patches, kernels and products along one axis.

  Attributes:
    inputs: [n, k] matrix that takes a patch of k cells to n numbers.
    kernel: [n, r] matrix that takes r taps to n numbers.
    outputs: [m, n] matrix that takes n products to m cells of the output.
    step: number of cells from one patch to the next.
    blocks: number of blocks of r taps in a kernel.
    low: number of cells of padding in front.
  """

  inputs: np.ndarray
  kernel: np.ndarray
  outputs: np.ndarray
  step: int
  blocks: int = 1
  low: int = 1


def _toom_cook(
  points: Sequence[float], count: int, taps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """The three matrices for `count` outputs; infinity is the last point."""
  size = count + taps - 1
  powers = np.vander(np.array(points, np.float64), size, increasing=True)
  last = np.eye(1, size, size - 1)
  inputs = np.linalg.inv(np.concatenate([powers, last])).T
  inputs[np.abs(inputs) < 1e-12] = 0

  def values(length: int) -> np.ndarray:
    return np.concatenate([powers[:, :length], last[:, size - length :]])

  scale = np.abs(inputs).max(axis=1, keepdims=True)
  return inputs / scale, values(taps) * scale, values(count).T


THREE = Scheme(*_toom_cook((0, 0.75, -0.75, 1.5, -1.5), 4, 3), step=4)
SEVEN = Scheme(
  *_toom_cook((0.25, -0.25, 0.75, -0.75, 2, -2), 4, 4), step=4, blocks=2, low=3
)
# Differences of a pixel to the one before and after, and the pixel itself.
_DIFFERENCES = np.array([[1, -1, 0], [0, 1, 0], [0, -1, 1]], np.float64)
_SUMS = np.array([[1, 0, 0], [1, 1, 1], [0, 0, 1]], np.float64)
NEAREST_2 = Scheme(
  _DIFFERENCES, _SUMS, np.array([[1, 1, 0], [0, 1, 1]], np.float64), step=1
)
NEAREST_4 = Scheme(
  _DIFFERENCES,
  _SUMS,
  np.array([[1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 1]], np.float64),
  step=1,
)


def transform(kernel: np.ndarray, scheme: Scheme) -> Kernel:
  """The transformed kernel that `winograd.conv` takes.

  Args:
    kernel: [Kh, Kw, I, O] or [Kd, Kh, Kw, I, O].
    scheme: scheme for kernels of this size.

  Returns:
    n arrays float32 [n, K, P], or [n, 2, 2, K, P] with two blocks. With depth,
    the inputs of all taps along it lie side by side (K = Kd I, P = O), or their
    outputs where those are fewer (K = I, P = Kd O).
  """
  taps = kernel if kernel.ndim == 5 else kernel[None]
  taps = taps.astype(np.float64)
  deep, *size, width, features = taps.shape
  count, block = scheme.kernel.shape
  far = [(0, scheme.blocks * block - k) for k in size]
  taps = np.pad(taps, [(0, 0), *far, (0, 0), (0, 0)])
  taps = taps.reshape(
    deep, scheme.blocks, block, scheme.blocks, block, width, features
  )
  taps = np.tensordot(scheme.kernel, taps, (1, 4))
  taps = np.tensordot(scheme.kernel, taps, (1, 3))
  # [n high, n wide, Kd, blocks, blocks, I, O]
  if _side_by_side(deep, width, features):
    taps = np.moveaxis(taps, 2, 4)
    shape = (deep * width, features)
  else:
    taps = np.moveaxis(taps, 2, 5)
    shape = (width, deep * features)
  blocks = () if scheme.blocks == 1 else (scheme.blocks,) * 2
  return tuple(
    taps[:, i].astype(np.float32).reshape(count, *blocks, *shape)
    for i in range(count)
  )


def _side_by_side(deep: int, width: int, features: int) -> bool:
  """Whether the inputs of taps along depth lie side by side, not outputs."""
  return deep == 1 or width <= features
