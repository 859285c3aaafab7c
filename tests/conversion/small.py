"""Small networks under released names, drawn from noise."""

from collections.abc import Mapping
import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from sadtalker_jax.conversion import released, released_files, rules
from sadtalker_jax.models import zoo

# Fields that make the big ones small; the others are small enough.
CONFIGS: dict[str, dict[str, Any]] = {
  'mapping': {'features': 8},
  'mapping_full': {'features': 8},
  'keypoint_detector': {'block_expansion': 2, 'max_features': 8, 'depth': 2},
  'generator': {
    'features': 4,
    'volume_features': 4,
    'depth': 4,
    'num_blocks': 6,
    'motion_features': 2,
    'motion_max_features': 8,
  },
  'recon': {'features': 2},
  'lpips': {'widths': (4, 4, 4, 4, 4)},
  'restoreformer': {'widths': (4,) * 6, 'features': 4, 'heads': 2},
  'realesrgan_x2': {'scale': 2, 'blocks': 1, 'features': 4, 'growth': 2},
  'realesrgan_x4': {'blocks': 1, 'features': 4, 'growth': 2},
  'parsenet': {'width': 2, 'most': 4},
}


_shapes = functools.cache(zoo.shapes)  # tracing takes most of the time


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
  """Makes the networks of the zoo small."""
  for name, config in CONFIGS.items():
    network = zoo.get(name)
    monkeypatch.setitem(
      zoo.NETWORKS,
      name,
      dataclasses.replace(network, config={**network.config, **config}),
    )
  monkeypatch.setattr(zoo, 'shapes', _shapes)


@functools.cache
def _noise(name: str, seed: int, fields: str) -> dict[str, np.ndarray]:
  del fields  # small and large networks are kept apart
  return rules.export(zoo.noise(name, seed), released.TABLES[name])


def state(name: str, *, seed: int = 0, prefix: str = '') -> dict[str, Any]:
  """A state dict of a network, as PyTorch would have it."""
  exported = _noise(name, seed, repr(zoo.get(name).config))
  counters = {
    key.replace('running_mean', 'num_batches_tracked'): np.array(7)
    for key in exported
    if key.endswith('running_mean')
  }
  return {prefix + k: v for k, v in {**exported, **counters}.items()}


def sadtalker(*, seed: int = 0) -> dict[str, np.ndarray]:
  """What SadTalker_V0.0.2_*.safetensors holds."""
  result: dict[str, np.ndarray] = {}
  for part in released_files.FILES[0].parts:
    result |= state(part.network, seed=seed, prefix=part.prefixes[0])
  return result


def write(
  path: pathlib.Path, tensors: Mapping[str, np.ndarray]
) -> pathlib.Path:
  """A safetensors file."""
  safetensors.numpy.save_file(dict(tensors), path)
  return path
