"""Trains a stage.

    python train.py --config configs/posevae.py --workdir runs/posevae \
      --config.data.folder=RECORDS

The same call again goes on where the last one was. `--config FILE:test` is a
try of seconds on a CPU. `--plan` prints what a step would cost, and writes
nothing. Many hosts, meshes, memory: docs/guides/scaling.md.
"""

from collections.abc import Mapping, Sequence
import logging as std_logging
import pathlib
import sys
from typing import Any

from absl import app, flags, logging
import jax
from ml_collections import config_flags
import numpy as np

import input_pipeline
from input_pipeline import batches as batches_lib
from input_pipeline import selection as selections
from input_pipeline import stages, synthetic
from sadtalker_jax import compile_cache, errors
from sadtalker_jax.records import folders
from sadtalker_jax.training import planning, runs

_CONFIG = config_flags.DEFINE_config_file(
  'config', None, 'File of a config, and its variant after a colon.'
)
_WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of the run.')
_PROFILE = flags.DEFINE_list(
  'profile_steps', None, 'First and last step of a profiler trace, as 10,15.'
)
_PLAN = flags.DEFINE_bool(
  'plan', False, 'Whether to print parameters, sharding and costs, and end.'
)
_COORDINATOR = flags.DEFINE_string(
  'coordinator', None, 'HOST:PORT of process 0, if there is no cluster manager.'
)
_PROCESSES = flags.DEFINE_integer('num_processes', None, 'Of the run.')
_PROCESS = flags.DEFINE_integer('process_id', None, 'Of this one.')
_DISTRIBUTED = flags.DEFINE_bool(
  'distributed', False, 'Whether SLURM, GKE or a TPU pod started this process.'
)


def main(argv: Sequence[str]) -> None:
  """Runs what the flags say."""
  if len(argv) > 1:
    raise app.UsageError(f'expected flags alone, found {argv[1:]}')
  logging.set_verbosity(logging.INFO)
  logging.get_absl_handler().addFilter(_worth_reading)
  compile_cache.enable()
  if _COORDINATOR.value is not None:
    jax.distributed.initialize(
      _COORDINATOR.value, _PROCESSES.value, _PROCESS.value
    )
  elif _DISTRIBUTED.value:
    jax.distributed.initialize()
  profile = None
  try:
    if _PLAN.value:
      found = planning.forecast(_CONFIG.value, examples(_CONFIG.value))
      print(found.text())
      return
    if _WORKDIR.value is None:
      raise app.UsageError('expected --workdir or --plan, found neither')
    if _PROFILE.value:
      first, last = (int(x) for x in _PROFILE.value)
      profile = (first, last)
    result = runs.run(
      _CONFIG.value, pathlib.Path(_WORKDIR.value), open_data, profile=profile
    )
  except errors.InputError as error:
    print(f'train.py: {error}', file=sys.stderr)
    sys.exit(2)
  logging.info(
    '%s after step %d',
    'finished' if result.finished else 'stopped',
    result.step,
  )


def _worth_reading(record: std_logging.LogRecord) -> bool:
  """Orbax tells of all that it does, ten lines for one of ours."""
  return record.levelno > std_logging.INFO or 'orbax' not in record.pathname


def open_data(
  config: runs.Config, purpose: runs.Purpose, sharding: jax.sharding.Sharding
) -> runs.Opened:
  """The batches for a purpose.

  Args:
    config: of the run.
    purpose: 'train', 'validation', or 'clips': those that are watched.
    sharding: of the batch axis.

  Raises:
    InputError: the folder or an option does not fit.
  """
  data, training = config['data'], purpose == 'train'
  changes = {} if training else config['validation']
  options = {**data['options'], **_said(changes.get('options', {}))}
  stage, batch_size = config['stage'], config['batch_size']
  if purpose == 'clips':
    stage, batch_size = 'clips', 1
    options = {
      'num_frames': config['clips']['num_frames'],
      'size': config.get('size', 256),
    }
  common = {
    'batch_size': batch_size,
    'seed': config['seed'] if training else 0,
    'sharding': sharding,
    'reading': batches_lib.ReadSettings(
      threads=data['threads'], workers=data['workers'] if training else 0
    ),
  }
  if not data['folder']:
    random = synthetic.create(stage, **common, **options)
    return runs.Opened(random, random.num_examples, None)
  chosen = {**data['selection'], **_said(changes.get('selection', {}))}
  batches = input_pipeline.create(
    stage,
    data['folder'],
    split='train' if training else changes['split'],
    selection=selections.Selection(**chosen),
    sampling=data['sampling'],
    shuffle=training,
    # Whatever a reconstruction is trained on, it has a face model of its own.
    morphable=None
    if config['stage'] == 'recon'
    else config.get('morphable', {}).get('kind'),
    **common,
    **options,
  )
  manifest = folders.read_manifest(pathlib.Path(data['folder']))
  statistics = manifest['splits']['train']['statistics']
  return runs.Opened(batches, batches.num_examples, statistics)


def examples(config: runs.Config) -> planning.Shapes:
  """Shapes of one example of a training batch, by name; no data is read.

  Raises:
    InputError: an option does not fit.
  """
  stage = stages.make(config['stage'], **config['data']['options'])
  return {
    name: jax.ShapeDtypeStruct(entry.shape, np.dtype(entry.dtype))
    for name, entry in stage.entries().items()
  }


def _said(changes: Mapping[str, Any]) -> dict[str, Any]:
  """Those that are not left open."""
  return {name: value for name, value in changes.items() if value is not None}


if __name__ == '__main__':
  flags.mark_flags_as_required(['config'])
  app.run(main)
