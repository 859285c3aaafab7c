"""The stages by name.

A stage is a subclass of `training.stage.Stage`. One of your own, outside the
package, is put into `STAGES`:

    stages.STAGES['toy'] = ToyStage
"""

from collections.abc import Mapping
import typing
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import config_reading
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training.stages import (
  expnet,
  lipnet,
  mapping,
  posevae,
  recon,
  renderer,
  syncnet,
  wav2lip,
)

# In the order of `conventions.StageName`.
STAGES: dict[str, type[stage_lib.Stage[Any]]] = {
  'syncnet': syncnet.SyncNetStage,
  'wav2lip': wav2lip.Wav2LipStage,
  'recon': recon.ReconStage,
  'expnet': expnet.ExpNetStage,
  'posevae': posevae.PoseVAEStage,
  'renderer': renderer.RendererStage,
  'mapping': mapping.MappingStage,
  'lipnet': lipnet.LipNetStage,
}


def get(name: Any) -> type[stage_lib.Stage[Any]]:
  """The class of a stage.

  Raises:
    InputError: There is no such stage.
  """
  if not isinstance(name, str) or name not in STAGES:
    raise errors.InputError(
      f'stage: expected one of {", ".join(STAGES)}, found {name!r}'
    )
  return STAGES[name]


def config_type(
  stage: type[stage_lib.Stage[Any]],
) -> type[config_lib.TrainConfig]:
  """What the config of a stage is: the parameter of its `Stage[...]`."""
  for parent in stage.__mro__:
    for base in vars(parent).get('__orig_bases__', ()):
      if typing.get_origin(base) is stage_lib.Stage:
        return typing.get_args(base)[0]
  return config_lib.TrainConfig


def read(config: Any) -> config_lib.TrainConfig:
  """The typed config of plain values.

  Args:
    config: An `ml_collections.ConfigDict` of `configs/`, or nested dicts, such
      as the `config.json` of a run.

  Raises:
    InputError: The stage is unknown; or a key is unknown or missing, or has a
      value of a wrong type. One line that names the key.
  """
  to_dict = getattr(config, 'to_dict', None)
  given: Mapping[str, Any] = to_dict() if to_dict is not None else config
  if not isinstance(given, Mapping):
    raise errors.InputError(
      f'config: expected keys with values, found {type(given).__name__}'
    )
  # A run adds to its config what it exports.
  given = {k: v for k, v in given.items() if k != 'exported'}
  kind = config_type(get(given.get('stage')))
  return config_reading.read(given, kind)
