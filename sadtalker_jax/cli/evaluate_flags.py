"""The flags of `cli.evaluate`."""

import argparse

from sadtalker_jax.cli import command, range_flags


def parser(description: str | None) -> argparse.ArgumentParser:
  """The command line of `cli.evaluate`.

  Args:
    description: Text above the flags.
  """
  result = command.parser('evaluate', description)
  add = result.add_argument
  for name, required, text in (
    ('--real', True, 'real videos'),
    ('--generated', False, 'generated videos, of the same names'),
    ('--output', True, 'where the report is written'),
  ):
    add(name, type=command.path, required=required, help=text, metavar='DIR')
  add(
    '--compare',
    nargs='+',
    default=[],
    metavar='[NAME=]DIR',
    help='generated videos of several systems',
  )
  add('--pairs', metavar='FILE', help='list of pairs, JSON lines')
  add('--overwrite', action='store_true', help='replace an earlier report')
  add(
    '--bundle',
    type=command.named,
    help='expert networks: a folder, or hf://owner/repo',
  )
  add(
    '--protocol',
    metavar='FILE[:VARIANT]',
    help='rules of the test, configs/evaluation.py; default: all of each clip',
  )
  add(
    '--metrics',
    nargs='+',
    default=[],
    help='metrics to compute; all by default',
    metavar='NAME',
  )
  add(
    '--max_failures',
    type=range_flags.whole(),
    default=0,
    help='clips that may be left out before the exit code is 1 (default 0)',
  )
  add(
    '--resample',
    action='store_true',
    help='take videos of different frame rates, too, each at 25 a second',
  )
  add(
    '--resamples',
    type=range_flags.whole(1, 1_000_000),
    default=2000,
    help='resamples of the bootstrap',
  )
  add(
    '--seed',
    type=range_flags.whole(),
    default=0,
    help='random seed of the bootstrap',
  )
  add('--no_players', action='store_true', help='write no films of the crops')
  add('--cpu', action='store_true', help='do not use an accelerator')
  _add_generation(result)
  return result


def _add_generation(result: argparse.ArgumentParser) -> None:
  add = result.add_argument_group('generation').add_argument
  add(
    '--generate',
    type=command.path,
    metavar='DIR',
    help='first make the test there: clips, manifest, generated videos',
  )
  add('--render_bundle', default='default', help='networks of the renderer')
  add(
    '--render_options',
    default='{}',
    metavar='JSON',
    help='options of every job, as in a manifest of infer.py',
  )
  add(
    '--batch_size',
    type=range_flags.whole(1, 4096),
    default=8,
    help='frames rendered together',
  )
  add(
    '--manifest_only',
    action='store_true',
    help='write clips and manifest; render with infer.py --manifest',
  )
