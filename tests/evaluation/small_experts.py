"""A bundle of small expert networks filled with noise."""

import functools
import pathlib
from typing import Any

from sadtalker_jax.checkpoints import bundles, cards
from sadtalker_jax.models import syncnet_v2, zoo


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
  'recon': {'features': 4, 'blocks': (1, 1, 1, 1)},
}


@functools.cache
def variables(name: str):
  return zoo.noise(name, **CONFIGS[name])


def write(folder: pathlib.Path, names=tuple(CONFIGS), seed: int = 0) -> str:
  """The bundle; its path."""
  networks = {}
  with bundles.writing(folder) as place:
    for name in names:
      weights = variables(name)
      if seed:
        weights = zoo.noise(name, seed, **CONFIGS[name])
      bundles.add(place, name, weights)
      networks[name] = cards.Network(CONFIGS[name], 0, ('noise',))
    bundles.seal(
      place, size=None, networks=networks, sources=(), versions={}, licence=''
    )
  return str(folder)
