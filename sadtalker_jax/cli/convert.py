"""Converts released PyTorch weights to a bundle, once.

    python -m sadtalker_jax.cli.convert --input checkpoints/ --output BUNDLE
    python -m sadtalker_jax.cli.convert --input checkpoints/ --check BUNDLE
    python -m sadtalker_jax.cli.convert --input BUNDLE --network N --export FILE

The first makes a bundle of all released files that it finds; the second
compares a bundle with its files, bit for bit; the third turns networks back
into a safetensors file with the released names. docs/guides/weights.md lists
the files.
"""

import argparse
from collections.abc import Sequence
import pathlib
import sys

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import cards
from sadtalker_jax.cli import command, range_flags


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = command.parser('convert', __doc__)
  result.add_argument(
    '--input',
    nargs='+',
    type=command.path,
    default=[],
    metavar='PATH',
    help='released files, or folders of them; a bundle with --export',
  )
  does = result.add_mutually_exclusive_group(required=True)
  does.add_argument(
    '--output', type=command.path, metavar='BUNDLE', help='folder to make'
  )
  does.add_argument(
    '--check',
    type=command.path,
    metavar='BUNDLE',
    help='compare this bundle with its files',
  )
  does.add_argument(
    '--export',
    type=command.path,
    metavar='FILE.safetensors',
    help='write networks of the bundle to this file',
  )
  does.add_argument(
    '--noise',
    type=command.path,
    metavar='DIR',
    help='make a folder of files like the released ones, filled with noise',
  )
  _add_choices(result)
  return result


def _add_choices(result: argparse.ArgumentParser) -> None:
  """Flags that choose networks and files."""
  from sadtalker_jax.conversion import released

  result.add_argument(
    '--size',
    type=range_flags.whole(),
    choices=[256, 512],
    help="side of the renderer's pictures, where there are files for both",
  )
  result.add_argument(
    '--only',
    nargs='+',
    default=[],
    metavar='NETWORK',
    help='convert these alone, or make noise for these: '
    + ', '.join(released.TABLES),
  )
  result.add_argument(
    '--as',
    dest='chosen',
    nargs='+',
    default=[],
    metavar='NETWORK=FILE',
    help='take this network from this file, whatever its name',
  )
  result.add_argument(
    '--network', nargs='+', default=[], help='networks to export'
  )


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  options = parser()
  flags = options.parse_args(argv)
  if flags.export and (len(flags.input) != 1 or not flags.network):
    options.error('--export needs one bundle as --input, and --network')
  return command.run(lambda: _work(flags), 'convert')


def _work(flags: argparse.Namespace) -> int:
  """Runs the part of the program that the flags choose."""
  from sadtalker_jax.conversion import bundling, noise

  if flags.export:
    count = bundling.export(flags.input[0], flags.network, flags.export)
    print(f'{flags.export}: {count} tensors')
  elif flags.noise:
    paths = noise.write(flags.noise, size=flags.size or 256, only=flags.only)
    for path in paths:
      print(path)
  elif flags.check:
    card = bundling.check(flags.check, flags.input, _chosen(flags))
    print(f'{flags.check}: the same as its files, {_summary(card)}')
  else:
    _convert(flags)
  return 0


def _convert(flags: argparse.Namespace) -> None:
  """Makes a bundle, and prints what became of every file."""
  from sadtalker_jax.conversion import bundling, sources, unrecognised

  plan = sources.plan(
    flags.input, size=flags.size, only=flags.only, chosen=_chosen(flags)
  )
  for path in plan.unused:
    print(unrecognised.line(path) or f'not used: {path}')
  card = bundling.convert(plan, flags.output)
  for name, network in card.networks.items():
    print(f'{name}: {network.parameters:,} from {" + ".join(network.sources)}')
  for source in card.sources:
    for reason, names in source.ignored.items():
      print(f'{source.file}: {len(names)} ignored: {reason}')
  print(f'{flags.output}: {_summary(card)}')


def _summary(card: cards.Card) -> str:
  """Size and number of the networks of a bundle."""
  size = sum(file.bytes for file in card.files.values())
  made = f'for {card.size}-pixel pictures, ' if card.size else ''
  return f'{made}networks: {len(card.networks)}, {size / 1e6:.0f} MB'


def _chosen(flags: argparse.Namespace) -> dict[str, pathlib.Path]:
  """The files that `--as` names.

  Raises:
    InputError: An item is not of the form NETWORK=FILE, or a network is named
      twice.
  """
  chosen: dict[str, pathlib.Path] = {}
  for item in flags.chosen:
    network, sign, file = item.partition('=')
    if not sign or not file or network in chosen:
      raise errors.InputError(
        f'--as: expected NETWORK=FILE, each network once, found {item!r}'
      )
    chosen[network] = pathlib.Path(file)
  return chosen


if __name__ == '__main__':
  sys.exit(main())
