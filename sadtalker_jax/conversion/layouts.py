"""Axes of tensors: PyTorch's order to ours, and back.

`rules` says which tensor an array comes from; this module moves the axes of one
such pair, as the table of `rules` lists them.
"""

import dataclasses
from typing import Literal

import numpy as np

Kind = Literal['plain', 'conv_transpose', 'raw']


@dataclasses.dataclass(frozen=True)
class Place:
  """One of our arrays, and the tensor that it comes from."""

  path: tuple[str, ...]  # collection, modules, leaf
  shape: tuple[int, ...]
  source: str  # name of the tensor
  # See `rules.Rule`.
  kind: Kind = 'plain'
  flatten: tuple[int, ...] = ()
  axes: tuple[int | None, ...] = ()
  kernel: tuple[int, ...] = ()  # shape of the kernel beside a `v`

  @property
  def source_shape(self) -> tuple[int, ...]:
    """Shape of the tensor."""
    leaf, shape = self.path[-1], self.shape
    if self.axes:
      return tuple(1 if a is None else shape[a] for a in self.axes)
    if self.kind == 'raw' or leaf != 'kernel':
      return shape
    if self.kind == 'conv_transpose':
      return (*shape[-2:], *shape[:-2])
    return (shape[-1], shape[-2], *shape[:-2])

  def from_torch(self, tensor: np.ndarray) -> np.ndarray:
    """The tensor in our layout."""
    leaf, rank = self.path[-1], tensor.ndim
    if self.axes:
      here = [a for a in self.axes if a is not None]
      kept = tensor.reshape([self.shape[a] for a in here])
      return kept.transpose(np.argsort(here))
    if self.kind == 'raw':
      return tensor
    if leaf == 'v':
      *size, inputs, _ = self.kernel
      return np.moveaxis(tensor.reshape(inputs, *size), 0, -1).reshape(-1)
    if leaf != 'kernel':
      return tensor
    if self.kind == 'conv_transpose':
      kernel = np.moveaxis(tensor, (0, 1), (-2, -1))  # [*K, I, O]
      return np.flip(kernel, tuple(range(rank - 2)))
    if self.flatten:
      tensor = tensor.reshape(-1, *self.flatten)  # [O, C, *N]
      return np.moveaxis(tensor, (0, 1), (-1, -2)).reshape(self.shape)
    return np.moveaxis(tensor, (0, 1), (-1, -2))

  def to_torch(self, array: np.ndarray) -> np.ndarray:
    """Undoes `from_torch`."""
    leaf, rank = self.path[-1], array.ndim
    if self.axes:
      here = [a for a in self.axes if a is not None]
      return array.transpose(here).reshape(self.source_shape)
    if self.kind == 'raw':
      return array
    if leaf == 'v':
      *size, inputs, _ = self.kernel
      return np.moveaxis(array.reshape(*size, inputs), -1, 0).reshape(-1)
    if leaf != 'kernel':
      return array
    if self.kind == 'conv_transpose':
      kernel = np.flip(array, tuple(range(rank - 2)))
      return np.moveaxis(kernel, (-2, -1), (0, 1))
    if self.flatten:
      channels, *size = self.flatten
      array = array.reshape(*size, channels, -1)
      return np.moveaxis(array, (-1, -2), (0, 1)).reshape(array.shape[-1], -1)
    return np.moveaxis(array, (-1, -2), (0, 1))
