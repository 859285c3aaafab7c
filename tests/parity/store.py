"""Parity with the published PyTorch networks, through the converter.

`../shared/parity` holds stand-in weights and what the original networks answer
to given inputs under them. PARITY_DIR chooses another folder of that kind (one
with `weights.py`, `manifest.json`, `*_seedN.npz`), PARITY_SEED another N. Where
there is no such folder, the tests run on the reduced set in `tests/testdata`.
"""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import functools
import importlib.util
import os
import pathlib
from types import ModuleType
from typing import Any
import zlib

import numpy as np
import pytest

from sadtalker_jax.conversion import rules
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables
from tests.parity import standin

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SEED = int(os.environ.get('PARITY_SEED', '0'))
_KEPT = 256  # numbers of an answer in the reduced set


@functools.cache
def folder() -> pathlib.Path | None:
  """The folder of the whole set, None where there is only the reduced one."""
  if 'PARITY_DIR' in os.environ:
    path = pathlib.Path(os.environ['PARITY_DIR'])
    assert (path / 'weights.py').is_file(), f'PARITY_DIR: no set at {path}'
    return path
  shared = os.environ.get('SADTALKER_SHARED', ROOT.parent / 'shared')
  path = pathlib.Path(shared, 'parity')
  return path if (path / 'weights.py').is_file() else None


@functools.cache
def _weights() -> ModuleType:
  whole = folder()
  if whole is None:
    return standin
  spec = importlib.util.spec_from_file_location(
    'parity_weights', whole / 'weights.py'
  )
  assert spec is not None and spec.loader is not None
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@functools.lru_cache(maxsize=1)
def state_dict(group: str, prefix: str = '') -> dict[str, np.ndarray]:
  """Stand-in weights of a group, the prefix taken off."""
  state = _weights().state_dict(group, SEED, prefix)
  return {key.removeprefix(prefix): value for key, value in state.items()}


def variables(
  network: str, table: rules.Table, group: str, prefix: str = ''
) -> Variables:
  """Converted stand-in weights of a network of the zoo."""
  return rules.convert(
    state_dict(group, prefix), table, zoo.shapes(network), network
  )


@functools.cache
def _arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
  with np.load(path) as file:
    return dict(file)


def _files() -> list[pathlib.Path]:
  whole = folder()
  if whole is None:
    return sorted(standin.FOLDER.glob('reduced_*.npz'))
  names = ('golden', 'golden_experts', 'golden_restoration', 'geometry')
  return [whole / f'{name}_seed{SEED}.npz' for name in names]


def golden(key: str) -> np.ndarray:
  """An input of the set, such as 'mapping/in/semantics'."""
  for path in _files():
    if key in (arrays := _arrays(path)):
      return arrays[key]
  if folder() is None:
    pytest.skip(f'{key} is not in the reduced parity set')
  raise KeyError(key)


def answers() -> list[str]:
  """Keys of all answers of the set."""
  keys = [key.split('#')[0] for path in _files() for key in _arrays(path)]
  return sorted({key for key in keys if '/out/' in key})


def reduced(key: str, array: np.ndarray) -> dict[str, np.ndarray]:
  """What the reduced set keeps of an answer."""
  kept = array.reshape(-1)[_places(key, array.size)]
  return {
    f'{key}#values': kept,
    f'{key}#shape': np.array(array.shape, np.int64),
    f'{key}#deviation': np.array(array.astype(np.float64).std()),
  }


def _places(key: str, size: int) -> np.ndarray:
  """Which numbers of an answer are kept."""
  rng = np.random.default_rng(zlib.crc32(key.encode()))
  return np.sort(rng.permutation(size)[:_KEPT])


def _compared(
  key: str, found: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
  """Ours and the original's numbers, and the original's deviation."""
  if folder() is not None:
    want = golden(key).astype(np.float64)
    assert found.shape == want.shape, f'{key}: {found.shape}, {want.shape}'
    return found, want, float(want.std())
  shape = tuple(golden(f'{key}#shape'))
  assert found.shape == shape, f'{key}: {found.shape}, {shape}'
  found = found.reshape(-1)[_places(key, found.size)]
  want = golden(f'{key}#values').astype(np.float64)
  return found, want, float(golden(f'{key}#deviation'))


def channels_last(array: np.ndarray) -> np.ndarray:
  """[B, C, *N] as [B, *N, C]."""
  return np.moveaxis(array, 1, -1)


@dataclasses.dataclass(frozen=True)
class Answer:
  """What one of our networks said, to be held against the original.

  Attributes:
    key: of the original's answer, '<group>/out/<name>'.
    found: ours, in the layout of the original's.
    tolerance: relative, and absolute in units of max(1, std of the original's
      answer), by the rule of the set's README.
    limits: instead of that rule, limits of the absolute error: 'mean', 'p99'
      (99th percentile) and 'max'.
  """

  key: str
  found: Any
  tolerance: float = 1e-4
  limits: Mapping[str, float] = dataclasses.field(default_factory=dict)


Case = Callable[[], Iterable[Answer]]


def channels_first(array: Any) -> np.ndarray:
  """[B, *N, C] as [B, C, *N]."""
  return np.moveaxis(np.asarray(array), -1, 1)


@dataclasses.dataclass(frozen=True)
class Error:
  """How far an answer is from the original's."""

  key: str
  largest: float  # absolute
  relative: float  # the same over the original's standard deviation


def check(answer: Answer) -> Error:
  """Holds an answer against the original's; fails if it is too far."""
  found = np.asarray(answer.found).astype(np.float64)
  got, want, spread = _compared(answer.key, found)
  error = np.abs(got - want)
  if answer.limits:
    measures = {
      'mean': float(error.mean()),
      'p99': float(np.percentile(error, 99)),
      'max': float(error.max(initial=0)),
    }
    for name, limit in answer.limits.items():
      assert measures[name] <= limit, f'{answer.key}: {measures}'
  else:
    np.testing.assert_allclose(
      got,
      want,
      rtol=answer.tolerance,
      atol=answer.tolerance * max(1.0, spread),
      err_msg=answer.key,
    )
  largest = float(error.max(initial=0))
  return Error(answer.key, largest, largest / max(spread, 1e-12))
