"""A bundle of small expert networks filled with noise."""

import functools
import pathlib
from typing import Any

from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import syncnet_v2
from tests.checkpoints import made


def _thin(stages):
  return tuple((4, *stage[1:]) for stage in stages)


CONFIGS: dict[str, dict[str, Any]] = {
  'arcface': {'blocks': (1, 1, 1, 1), 'features': 4, 'embedding': 16},
  'hopenet': {'blocks': (1, 1, 1, 1), 'features': 4},
  'syncnet_v2': {
    'lip_stages': _thin(syncnet_v2.LIP_STAGES),
    'audio_stages': _thin(syncnet_v2.AUDIO_STAGES),
  },
  'lpips': {'widths': (4, 4, 4, 4, 4)},
  'i3d': {'size': 32, 'narrow': 16},
  'recon': {'features': 4, 'blocks': (1, 1, 1, 1)},
}


@functools.cache
def variables(name: str):
  return zoo.noise(name, **CONFIGS[name])


def write(folder: pathlib.Path, names=tuple(CONFIGS), seed: int = 0) -> str:
  """The bundle; its path."""
  weights = {
    name: zoo.noise(name, seed, **CONFIGS[name]) if seed else variables(name)
    for name in names
  }
  return str(made.bundle(folder, weights, CONFIGS))
