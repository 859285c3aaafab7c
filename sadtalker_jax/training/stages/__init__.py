"""The stages by name.

A stage is a module with `needs(config)`, the names of the frozen networks that
its losses use, and `recipe(config, frozen, statistics)`.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from sadtalker_jax import errors
from sadtalker_jax.training import networks
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training.stages import (
  expnet,
  mapping,
  posevae,
  recon,
  renderer,
  syncnet,
  wav2lip,
)


class Module(Protocol):
  """What a stage's module has."""

  def needs(self, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the frozen networks that the config's losses use."""

  def recipe(
    self,
    config: Mapping[str, Any],
    frozen: Mapping[str, networks.Frozen],
    statistics: Mapping[str, Any],
  ) -> stage_lib.Recipe:
    """The recipe of the stage."""


STAGES: Mapping[str, Module] = {
  'expnet': expnet,
  'mapping': mapping,
  'posevae': posevae,
  'recon': recon,
  'renderer': renderer,
  'syncnet': syncnet,
  'wav2lip': wav2lip,
}


def get(name: str) -> Module:
  """The module of a stage.

  Raises:
    InputError: there is no such stage.
  """
  if name not in STAGES:
    raise errors.InputError(
      f'stage: expected one of {sorted(STAGES)}, found {name!r}'
    )
  return STAGES[name]
