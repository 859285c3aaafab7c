"""Tensors of PyTorch and safetensors files, read one by one when asked for.

No code in a file is ever run: PyTorch files are read by its restricted reader
alone (`weights_only`). Nested dicts become flat names, joined with dots, so
that {'state_dict': {'fc.bias': ...}} has the name `state_dict.fc.bias`. Reading
safetensors needs no torch; this is the only module that imports either.
"""

from collections.abc import Callable, Iterator, Mapping
import os
import pathlib
import pickle
import re
from typing import Any
import warnings

import numpy as np
import safetensors
import safetensors.numpy

from sadtalker_jax import errors

_ZIP = b'PK\x03\x04'  # how PyTorch files start since version 1.6
_PICKLE = b'\x80'  # how older ones start


class Tensors(Mapping[str, np.ndarray]):
  """Arrays by name; an array is read when it is looked up.

  Attributes:
    path: Path of the file.
    others: Names of values that are no tensors, with their types.
  """

  def __init__(
    self,
    path: pathlib.Path,
    readers: Mapping[str, Callable[[], np.ndarray]],
    others: Mapping[str, str],
  ):
    """Stores functions that read the arrays, by name."""
    self.path = path
    self.others = others
    self._readers = readers

  def __getitem__(self, name: str) -> np.ndarray:
    """Reads an array."""
    read = self._readers[name]
    try:
      return read()
    except (TypeError, RuntimeError, safetensors.SafetensorError) as error:
      raise errors.InputError(
        f'{self.path}: {name} cannot be read: {error}'
      ) from error

  def __iter__(self) -> Iterator[str]:
    return iter(self._readers)

  def __len__(self) -> int:
    return len(self._readers)


def read(path: pathlib.Path) -> Tensors:
  """The tensors of a file, whatever its ending.

  Raises:
    InputError: The file is missing, truncated or of another kind, it is a
      PyTorch file that holds code, or torch is not installed.
  """
  if path.exists() and not path.is_file():  # reading a pipe would wait
    raise errors.InputError(
      f'{path}: expected a file that can be read, found none that is regular'
    )
  try:
    with path.open('rb') as file:
      start = file.read(16)
  except OSError as error:
    raise errors.InputError(
      f'{path}: expected a file that can be read: {error.strerror}'
    ) from error
  if start.startswith(_ZIP) or start.startswith(_PICKLE):
    return _read_torch(path, is_zip=start.startswith(_ZIP))
  if start[8:9] == b'{':
    return _read_safetensors(path)
  raise errors.InputError(
    f'{path}: expected a PyTorch or safetensors file, found one that starts '
    f'with {start[:8]!r}'
  )


def write_safetensors(
  path: pathlib.Path, state: Mapping[str, np.ndarray]
) -> None:
  """Writes a state dict as a safetensors file.

  Raises:
    InputError: The file cannot be written.
  """
  beside = path.with_name(f'.{path.name}.{os.getpid()}')
  try:
    safetensors.numpy.save_file(dict(state), str(beside))
    os.replace(beside, path)
  except (OSError, safetensors.SafetensorError) as error:
    raise errors.InputError(
      f'{path}: expected a path that can be written: {error}'
    ) from error
  finally:
    beside.unlink(missing_ok=True)


def _read_safetensors(path: pathlib.Path) -> Tensors:
  try:
    file = safetensors.safe_open(str(path), framework='numpy')
  except safetensors.SafetensorError as error:
    raise errors.InputError(
      f'{path}: truncated, or no safetensors file: {error}'
    ) from error

  def reader(name: str) -> Callable[[], np.ndarray]:
    return lambda: file.get_tensor(name)

  return Tensors(path, {name: reader(name) for name in file.keys()}, {})


def _read_torch(path: pathlib.Path, *, is_zip: bool) -> Tensors:
  try:
    import torch  # heavy, and only these files need it
  except ImportError as error:
    raise errors.InputError(
      'expected the package torch, found none: '
      "pip install 'sadtalker-jax[convert]'"
    ) from error
  # Scores beside the weights are often numpy numbers; making one runs nothing.
  make_number: Any = np.float64(0).__reduce__()[0]
  numbers: list[Any] = [
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64)),
    (make_number, 'numpy.core.multiarray.scalar'),  # the name until numpy 2
    (make_number, 'numpy._core.multiarray.scalar'),
  ]
  try:
    with torch.serialization.safe_globals(numbers), warnings.catch_warnings():
      # Of pickles that PyTorch did not write; those are refused anyway.
      warnings.filterwarnings('ignore', 'Detected pickle protocol')
      content = torch.load(
        path, map_location='cpu', weights_only=True, mmap=is_zip
      )
  except pickle.UnpicklingError as error:
    raise errors.InputError(f'{path}: {_refusal(str(error))}') from error
  # A damaged file makes the reader raise nearly anything.
  except Exception as error:
    raise errors.InputError(
      f'{path}: truncated, or no PyTorch file: {_first_line(error)}'
    ) from error
  if not isinstance(content, Mapping):
    raise errors.InputError(
      f'{path}: expected named tensors, found a {type(content).__name__}'
    )
  readers: dict[str, Callable[[], np.ndarray]] = {}
  others: dict[str, str] = {}
  for name, value in _flat(content):
    if name in readers or name in others:
      raise errors.InputError(f'{path}: two tensors with the name {name}')
    if isinstance(value, torch.Tensor):
      readers[name] = value.detach().numpy
    else:
      others[name] = type(value).__name__
  return Tensors(path, readers, others)


def _flat(content: Mapping[Any, Any], start: str = '') -> Iterator[Any]:
  """(name, value) of everything in nested dicts.

  Dicts with other keys than names, such as the state of an optimiser, count as
  values.
  """
  for key, value in content.items():
    name = f'{start}{key}'
    if (
      isinstance(value, Mapping)
      and value
      and all(isinstance(inner, str) for inner in value)
    ):
      yield from _flat(value, f'{name}.')
    else:
      yield name, value


def _refusal(message: str) -> str:
  """What the restricted reader of PyTorch refuses, in few words."""
  found = re.search(r'GLOBAL:? (\S+)', message)
  if found:
    return (
      f'expected tensors alone, found code: {found[1]}; a pickle can run '
      'anything when it is read, so this file is not'
    )
  reason = re.search(r'(Unsupported \w+ \S+)', message)
  return 'no PyTorch file of tensors alone: ' + (
    reason[1] if reason else message.partition('\n')[0]
  )


def _first_line(error: Exception) -> str:
  return str(error).partition('\n')[0].partition('. ')[0] or repr(error)
