"""Scores generated videos against real ones.

    python -m sadtalker_jax.cli.evaluate --real REAL/ --generated MINE/ \
      --bundle EXPERTS/ --output scores/
    python -m sadtalker_jax.cli.evaluate --real REAL/ --compare A/ B/ C/ \
      --output scores/
    python -m sadtalker_jax.cli.evaluate --real REAL/ --generate RUN/ \
      --protocol configs/evaluation.py:hdtf --output scores/

Videos of one name are a pair. Exit codes: 0, 1 if more clips than
--max_failures were left out, 2 for bad flags. Everything is described in
docs/guides/evaluation.md.
"""

import argparse
from collections.abc import Sequence
import dataclasses
import os
import pathlib
import sys
from typing import Any

from absl import logging

from sadtalker_jax import compile_cache, errors, json_text
from sadtalker_jax.cli import command, evaluate_flags


def parser() -> argparse.ArgumentParser:
  """The command line."""
  return evaluate_flags.parser(__doc__)


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(
    lambda: _evaluate(flags),
    'evaluate',
    stopped='stopped, no report was written',
  )


def _evaluate(flags: argparse.Namespace) -> int:
  """Generates if asked to, then measures."""
  if flags.cpu:
    os.environ['JAX_PLATFORMS'] = 'cpu'  # before jax starts
  compile_cache.enable()
  logging.set_verbosity(logging.WARNING)
  from sadtalker_jax.evaluation import pairing, scoring
  from sadtalker_jax.evaluation.measures import experts
  from sadtalker_jax.evaluation.report import output

  systems = _systems(flags)
  protocol = _protocol(flags)
  options = scoring.ScoringOptions(
    flags.metrics, not flags.no_players, flags.resamples, flags.seed
  )
  output.check(flags.output, overwrite=flags.overwrite)
  networks = experts.MetricNetworks(flags.bundle)
  real: pathlib.Path = flags.real
  left_out: list[Any] = []
  if flags.generate is not None:
    left_out = _generate(flags, protocol)
    if flags.manifest_only:
      return 1 if len(left_out) > flags.max_failures else 0
    real = flags.generate / 'real'
    protocol = dataclasses.replace(
      protocol,
      crop='whole',
      source=f'{protocol.source}; crops made by --generate, {protocol.rule}',
    )
  if flags.pairs is None:
    pairs, unpaired = pairing.by_name(real, systems)
  else:
    pairs, unpaired = pairing.by_list(flags.pairs, real, systems)
  content = scoring.score(
    pairs,
    list(systems),
    protocol,
    networks,
    flags.output,
    options,
    overwrite=flags.overwrite,
    left_out=[*left_out, *unpaired],
    report=_say,
  )
  for fault in [*left_out, *unpaired]:
    _say(fault.name, f'left out: {fault.reason}: {fault.detail}')
  _summary(content, flags.output)
  return 1 if len(content['left_out']) > flags.max_failures else 0


def _summary(content: dict[str, Any], folder: pathlib.Path) -> None:
  """Prints the table, and the number of clips it rests on."""
  from sadtalker_jax.evaluation.report import page, tables

  for row in tables.main_rows(content):
    print('  '.join(f'{cell:24}' for cell in row[1:-2]).rstrip())
  missing = [row[0] for row in tables.missing_rows(content)[1:]]
  if missing:
    print(f'not computed: {", ".join(missing)}')
  print(
    f'{folder / page.PAGE}: {len(content["clips"])} clips, '
    f'{len(content["left_out"])} left out'
  )


def _say(name: str, note: str) -> None:
  print(f'{name}: {note}', flush=True)


def _systems(flags: argparse.Namespace) -> dict[str, pathlib.Path]:
  """Folders of generated videos by the names that the tables use."""
  named: list[tuple[str, pathlib.Path]] = []
  if flags.generate is not None:
    named.append(('generated', flags.generate / 'generated'))
  if flags.generated is not None:
    named.append((flags.generated.resolve().name, flags.generated))
  for text in flags.compare:
    name, equals, folder = text.partition('=')
    if equals and not folder:
      raise errors.InputError(f'--compare: expected NAME=DIR, found {text!r}')
    path = pathlib.Path(folder if equals else text)
    named.append((name if equals else path.resolve().name, path))
  systems = dict(named)
  if not systems:
    raise errors.InputError(
      'expected --generated, --compare or --generate, found none of them'
    )
  if len(systems) < len(named) or {'real', ''} & set(systems):
    raise errors.InputError(
      'expected systems with names of their own, not "real" (NAME=DIR gives '
      f'one), found {", ".join(name for name, _ in named)}'
    )
  return systems


def _protocol(flags: argparse.Namespace) -> Any:
  """The rules of the test."""
  from sadtalker_jax.evaluation import protocol as protocol_lib

  protocol = protocol_lib.Protocol()
  if flags.protocol is not None:
    protocol = protocol_lib.read(flags.protocol)
  return dataclasses.replace(
    protocol, resample=protocol.resample or flags.resample
  )


def _generate(flags: argparse.Namespace, protocol: Any) -> list[Any]:
  """Makes the test and renders it; the clips that are left out of it."""
  from sadtalker_jax.evaluation import generation
  from sadtalker_jax.inference import options as options_lib

  try:
    options = json_text.parse(flags.render_options)
    if not isinstance(options, dict):
      raise errors.InputError('expected a JSON object')
    options_lib.changed(None, options)  # before clips are made
  except errors.InputError as error:
    raise errors.InputError(f'--render_options: {error}') from error
  animator = None if flags.manifest_only else _animator(flags)
  jobs, left_out = generation.from_folder(
    flags.real, protocol, flags.generate, options=options, report=_say
  )
  manifest = flags.generate / generation.MANIFEST
  if not jobs:
    raise errors.InputError(
      f'{flags.real}: expected clips that the protocol takes, found none'
    )
  print(f'{manifest}: {jobs} jobs')
  if animator is not None:
    _render(flags, animator, manifest)
  return left_out


def _animator(flags: argparse.Namespace) -> Any:
  """What renders, checked before clips are made."""
  import sadtalker_jax
  from sadtalker_jax.inference import options as options_lib

  options_lib.changed(None, {'batch_size': flags.batch_size})
  return sadtalker_jax.Animator(sadtalker_jax.load(flags.render_bundle))


def _render(
  flags: argparse.Namespace, animator: Any, manifest: pathlib.Path
) -> None:
  """Makes the videos of a manifest, as `infer.py --manifest` does."""
  from sadtalker_jax.inference.batch import jobs
  from sadtalker_jax.inference.batch import manifest as manifest_lib

  jobs.run_jobs(
    animator,
    manifest_lib.read(manifest),
    batch_size=flags.batch_size,
    report=lambda r: _say(pathlib.Path(r.output).stem, r.error or r.status),
  )


if __name__ == '__main__':
  sys.exit(main())
