"""Trains a stage.

    python train.py --config configs/posevae.py --workdir runs/posevae \
      --config.data.folder=RECORDS

The same call again goes on where the last one was. Exit codes: 0, the run is
finished; 75, SIGTERM or Ctrl-C has stopped it, with a checkpoint, and it is to
be called again; 2, bad input. `--config FILE:test` is a trial of seconds on a
CPU. `--plan` prints what a step would cost, and writes nothing. Many hosts,
meshes, memory: docs/guides/scaling.md.
"""

from collections.abc import Sequence
import dataclasses
import functools
import logging as std_logging
import os
import pathlib
import sys
from typing import Any

from sadtalker_jax.cli import command

command.require('train.py', 'clu', 'grain', 'ml_collections', 'optax')

# ruff: noqa: E402
from absl import app, flags, logging
import jax
from ml_collections import config_flags
import numpy as np

import input_pipeline
from input_pipeline import batches as batches_lib
from input_pipeline import selection as selections
from input_pipeline import stages, synthetic
from sadtalker_jax import compile_cache, errors
from sadtalker_jax.checkpoints import damage
from sadtalker_jax.records import folders
from sadtalker_jax.stores import fetching, mirroring, ranges
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import (
  config_parts,
  config_reading,
  planning,
  runs,
  xla_presets,
)

STOPPED = 75  # exit code, EX_TEMPFAIL of sysexits.h: call again

# Purposes beside training: what they are, and how to do without or with less.
_WAYS = {
  'validation': 'validation (--config.validation.every=0 does without; '
  '--config.validation.split=train takes clips of training)',
  'clips': 'films of validation clips (--config.clips.every=0 does without; '
  '--config.clips.num_frames=N makes shorter ones)',
}

_CONFIG = config_flags.DEFINE_config_file(
  'config', None, 'File of a config, and its variant after a colon.'
)
_WORKDIR = flags.DEFINE_string(
  'workdir', None, 'Folder of the run, also of a store: s3://bucket/run.'
)
_PROFILE = flags.DEFINE_list(
  'profile_steps', None, 'First and last step of a profiler trace, as 10,15.'
)
_RESTART_DATA = flags.DEFINE_bool(
  'restart_data',
  False,
  'Whether the data begins anew where records, options, seed or batch size are '
  'not those of the checkpoint; weights, optimisers and step go on.',
)
_PLAN = flags.DEFINE_bool(
  'plan', False, 'Whether to print parameters, sharding and costs, and end.'
)
_COORDINATOR = flags.DEFINE_string(
  'coordinator', None, 'HOST:PORT of process 0, if there is no cluster manager.'
)
_PROCESSES = flags.DEFINE_integer(
  'num_processes', None, 'Number of processes of the run.'
)
_PROCESS = flags.DEFINE_integer(
  'process_id', None, 'Number of this process, from 0.'
)
_DISTRIBUTED = flags.DEFINE_bool(
  'distributed', False, 'Whether SLURM, GKE or a TPU pod started this process.'
)
_XLA_PRESET = flags.DEFINE_string(
  'xla_preset',
  'none',
  "Flags of XLA: 'gpu' for NVIDIA's devices, 'none' for its own defaults.",
)


def main(argv: Sequence[str]) -> None:
  """Runs what the flags say; exit code 2 and a line for bad input."""
  logging.set_verbosity(logging.INFO)
  logging.get_absl_handler().addFilter(_worth_reading)
  compile_cache.enable()
  try:
    # Before anything looks for devices: XLA reads its flags once.
    xla_presets.apply(_XLA_PRESET.value, os.environ)
    _check_processes()
  except errors.InputError as error:
    print(f'train.py: {error}', file=sys.stderr)
    sys.exit(2)
  if _COORDINATOR.value is not None:
    jax.distributed.initialize(
      _COORDINATOR.value, _PROCESSES.value, _PROCESS.value
    )
  elif _DISTRIBUTED.value:
    jax.distributed.initialize()
  try:
    if len(argv) > 1:
      raise errors.InputError(f'expected flags alone, found {argv[1:]}')
    if _PLAN.value:
      print(planning.forecast(_CONFIG.value, examples).text())
      return
    if not _WORKDIR.value:  # '' would be the current folder
      raise errors.InputError('expected --workdir or --plan, found neither')
    if fetching.is_remote(_WORKDIR.value) and jax.process_count() > 1:
      raise errors.InputError(
        '--workdir: expected a folder that all processes share (gcsfuse, '
        f'mountpoint-s3, NFS), found {_WORKDIR.value} for several processes'
      )
    with mirroring.mirrored(_WORKDIR.value) as folder:
      result = runs.run(
        _CONFIG.value,
        folder,
        open_data,
        profile=_profiled_steps(),
        restart_data=_RESTART_DATA.value,
      )
  except errors.InputError as error:
    print(f'train.py: {error}', file=sys.stderr)
    sys.exit(2)
  except OSError as error:  # of figures and pictures
    if not damage.is_full_disk(error):
      raise
    print(f'train.py: {_WORKDIR.value}: {error.strerror}', file=sys.stderr)
    sys.exit(2)
  logging.info(
    '%s after step %d',
    'finished' if result.finished else 'stopped',
    result.step,
  )
  if not result.finished:
    sys.exit(STOPPED)


def _check_processes() -> None:
  """Raises where there is no such process of a run of several."""
  count, number = _PROCESSES.value, _PROCESS.value
  if _COORDINATOR.value is None or count is None or number is None:
    return  # what is missing jax finds out, or says
  if not 0 <= number < count:
    raise errors.InputError(
      'expected a --process_id from 0, below --num_processes, found '
      f'{number} of {count}'
    )


def _profiled_steps() -> tuple[int, int] | None:
  """First and last step of a trace; None where none is wanted."""
  if not _PROFILE.value:
    return None
  try:
    first, last = (int(x) for x in _PROFILE.value)
  except ValueError:
    first, last = -1, -1
  if not 0 <= first <= last:
    raise errors.InputError(
      '--profile_steps: expected two whole numbers, as 10,15, found '
      f'{",".join(_PROFILE.value)}'
    )
  return first, last


def _worth_reading(record: std_logging.LogRecord) -> bool:
  """Leaves out what Orbax logs of each file, ten lines for one of ours.

  Of a full disk it and asyncio log hundreds of lines beside what is raised.
  """
  cause = record.exc_info[1] if record.exc_info else None
  said = RuntimeError(record.getMessage())
  if damage.is_full_disk(cause) or damage.is_full_disk(said):
    return False
  return record.levelno > std_logging.INFO or 'orbax' not in record.pathname


def open_data(
  config: config_lib.TrainConfig,
  purpose: runs.Purpose,
  sharding: jax.sharding.Sharding,
) -> runs.Opened:
  """The batches for a purpose.

  Args:
    config: Config of the run.
    purpose: 'train', 'validation', or 'clips': those that are watched.
    sharding: Sharding of the batch axis.

  Raises:
    InputError: The folder or an option does not fit.
  """
  data, validation = config.data, config.validation
  training = purpose == 'train'
  selection = data.selection
  if not training:
    selection = validation.selection.over(selection)
  stage, options = _kind(config, purpose)
  common = {
    'batch_size': 1 if purpose == 'clips' else config.batch_size,
    'seed': config.seed if training else 0,
    'sharding': sharding,
    'reading': batches_lib.ReadSettings(
      threads=data.threads, workers=data.workers if training else 0
    ),
  }
  if not data.folder:
    random = synthetic.create(stage, **common, **options)
    return runs.Opened(random, random.num_examples, None)
  folder = _records(data.folder, data.by_ranges)
  try:
    batches = input_pipeline.create(
      stage,
      folder,
      split='train' if training else validation.split,
      selection=selections.Selection(**dataclasses.asdict(selection)),
      sampling=data.sampling,
      shuffle=training,
      morphable=_face_model(config),
      **common,
      **options,
    )
  except errors.InputError as error:
    if training:
      raise
    # Which data it was is not to be seen in what is wrong with it.
    raise errors.InputError(f'{_WAYS[purpose]}: {error}') from error
  if stage in stages.SOURCES:  # speech has no statistics
    return runs.Opened(batches, batches.num_examples, None)
  manifest = folders.read_manifest(folder)
  statistics = manifest['splits']['train']['statistics']
  return runs.Opened(batches, batches.num_examples, statistics)


@functools.cache
def _records(folder: str, by_ranges: bool) -> pathlib.Path:
  """A folder of records; of a store, a copy, which is looked at once a run."""
  if not fetching.is_remote(folder):
    return pathlib.Path(folder)
  if by_ranges:
    return ranges.fetch(folder, folders.is_shard)
  return fetching.fetch(folder)


def _kind(
  config: config_lib.TrainConfig, purpose: runs.Purpose
) -> tuple[str, dict[str, Any]]:
  """Kind of the examples for a purpose, and their options."""
  if purpose == 'clips':
    frames, size = config.clips.num_frames, config.size or 256
    return 'clips', {'num_frames': frames, 'size': size}
  options = dict(config.data.options)
  if purpose == 'validation':
    options = config.validation.options_over(options)
  _check_options(config.stage, options)
  return config.stage, options


def examples(config: config_lib.TrainConfig) -> planning.Shapes:
  """Shapes of one example of a training batch, by name; no data is read.

  Raises:
    InputError: An option does not fit.
  """
  options = config.data.options
  _check_options(config.stage, options)
  entries = stages.make(config.stage, **options).entries()
  return {
    name: jax.ShapeDtypeStruct(entry.shape, np.dtype(entry.dtype))
    for name, entry in entries.items()
  }


def _check_options(stage: str, options: config_parts.Options) -> None:
  """Raises `InputError` unless a stage's examples have these options."""
  if stage in stages.EXAMPLES:
    config_reading.read(options, stages.EXAMPLES[stage], 'data.options')


def _face_model(config: config_lib.TrainConfig) -> str | None:
  """Face model that the coefficients of records must belong to."""
  # The reconstruction uses none of them, whatever its face model.
  if config.stage == 'recon' or config.morphable is None:
    return None
  return config.morphable.kind


def parse(argv: Sequence[str]) -> list[str]:
  """The arguments that are no flags; exit code 2 and a line for a bad flag."""
  try:
    others = flags.FLAGS(argv)
    # Where the file could not be read, what stands for it raises when used.
    getattr(_CONFIG.value, 'stage', None)
    return others
  except OSError as error:
    found = ' '.join(str(error).rpartition('failure to load: ')[2].split())
    message = f'--config: expected a Python file, found: {found or error}'
  except flags.Error as error:
    # Of an error in the config file only its own message, the last line.
    lines = [line for line in str(error).splitlines() if line.strip()]
    message = lines[-1] if 'Traceback' in str(error) else ' '.join(lines)
  except (AttributeError, KeyError) as error:
    message = _of_unknown_key(error, argv)
  except Exception as error:  # whatever people wrote into the file
    message = _of_file(error)
  print(f'train.py: {message}', file=sys.stderr)
  sys.exit(2)


def _of_unknown_key(
  error: AttributeError | KeyError, argv: Sequence[str]
) -> str:
  """The line for a key that the config does not have."""
  # From ml_collections: "'kye'", and perhaps what was meant in a second line.
  inner = error.args[0] if isinstance(error, AttributeError) else error
  text = inner.args[0] if isinstance(inner, KeyError) else str(error)
  if text.startswith('module '):  # without get_config
    return _of_file(error)
  name = text.split("'")[1] if "'" in text else text
  flag = next((a for a in argv if f'.{name}' in a), name)
  return f'{flag}: expected a known key; {" ".join(text.split())}'


def _of_file(error: Exception) -> str:
  """The line for a file that is no config."""
  found = ' '.join(f'{type(error).__name__}: {error}'.split())
  return f'--config: expected a Python file with get_config, found {found}'


if __name__ == '__main__':
  flags.mark_flags_as_required(['config'])
  app.run(main, flags_parser=parse)
