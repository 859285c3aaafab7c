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

import numpy as np
import pytest

from sadtalker_jax.conversion import rules
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SEED = int(os.environ.get('PARITY_SEED', '0'))


def folder() -> pathlib.Path:
  """The folder of the parity set; skips the test if there is none."""
  shared = os.environ.get('SADTALKER_SHARED', ROOT.parent / 'shared')
  path = pathlib.Path(os.environ.get('PARITY_DIR', f'{shared}/parity'))
  if not (path / 'weights.py').is_file():
    pytest.skip(f'no parity set at {path}')
  return path


@functools.cache
def _weights() -> ModuleType:
  spec = importlib.util.spec_from_file_location(
    'parity_weights', folder() / 'weights.py'
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
def _golden(name: str) -> dict[str, np.ndarray]:
  return dict(np.load(folder() / f'{name}_seed{SEED}.npz'))


def golden(key: str) -> np.ndarray:
  """An array of the set, such as 'mapping/in/semantics'."""
  for name in ('golden', 'golden_experts', 'geometry'):
    arrays = _golden(name)
    if key in arrays:
      return arrays[key]
  raise KeyError(key)


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
  want = golden(answer.key).astype(np.float64)
  got = np.asarray(answer.found).astype(np.float64)
  assert got.shape == want.shape, f'{answer.key}: {got.shape}, {want.shape}'
  error = np.abs(got - want)
  spread = float(want.std())
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
