"""The console script: `sadtalker SUBCOMMAND ...`.

A subcommand is a module of `sadtalker_jax.cli`, which is imported when it is
called; `python -m sadtalker_jax.cli.NAME` does the same.
"""

from collections.abc import Sequence
import importlib
import importlib.metadata
import os
import sys

# What each subcommand is for; its module has its name, with _ for -.
SUBCOMMANDS = {
  'animate': 'a portrait and a recording become a talking video',
  'serve': 'a web page and an HTTP API make videos for others',
  'detect': 'the invisible mark of pictures and videos is looked for',
  'convert': 'released PyTorch weights become a bundle',
  'prepare': 'a folder of videos becomes records that training reads',
  'train': 'a stage is trained (from a checkout)',
  'bundle': 'finished stages become a bundle',
  'evaluate': 'generated videos are scored against real ones',
  'export': 'the neural renderer becomes files that run without this package',
  'bench': 'times of the heavy parts on this machine',
  'fit-photo': 'the packaged head is fitted to photos',
  'lips': 'the weights of the phonetic lips are made anew, and scored',
  'fit-baseline': 'the weights of the baseline lips are fitted anew',
}


def usage() -> str:
  """The help of the whole program."""
  width = max(map(len, SUBCOMMANDS))
  lines = [f'  {name:{width}}  {text}' for name, text in SUBCOMMANDS.items()]
  return '\n'.join(
    [
      'usage: sadtalker SUBCOMMAND [FLAG ...]',
      '',
      *lines,
      '',
      '`sadtalker SUBCOMMAND --help` lists the flags of one.',
    ]
  )


def main(argv: Sequence[str] | None = None) -> int:
  """Runs a subcommand; returns its exit code."""
  name, *rest = sys.argv[1:] if argv is None else argv or ['--help']
  if name in ('-h', '--help', 'help'):
    print(usage())
    return 0
  if name == '--version':
    print(f'sadtalker {importlib.metadata.version("sadtalker-jax")}')
    return 0
  if name not in SUBCOMMANDS:
    known = ' '.join(SUBCOMMANDS)
    print(
      f'sadtalker: expected one of {known}, found {name!r}', file=sys.stderr
    )
    return 2
  module = importlib.import_module(
    f'sadtalker_jax.cli.{name.replace("-", "_")}'
  )
  try:
    return module.main(rest)
  except BrokenPipeError:  # `sadtalker ... | head`
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


if __name__ == '__main__':
  sys.exit(main())
