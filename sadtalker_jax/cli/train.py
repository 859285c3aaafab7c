"""Trains a stage; `train.py` of a checkout.

    sadtalker train --config configs/posevae.py --workdir runs/posevae

Configs and the input pipeline are no part of the installed package, so training
runs from a checkout: the one that the package was installed from with
`pip install -e`, or the current folder.
"""

from collections.abc import Sequence
import pathlib
import runpy
import sys

from sadtalker_jax import errors
from sadtalker_jax.cli import command

_ROOT = pathlib.Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> int:
  """Runs `train.py` with these flags; returns its exit code."""
  flags = sys.argv[1:] if argv is None else list(argv)
  return command.run(lambda: _work(flags), 'sadtalker train')


def _work(flags: Sequence[str]) -> int:
  program = checkout() / 'train.py'
  sys.path.insert(0, str(program.parent))
  before, sys.argv = sys.argv, [str(program), *flags]
  try:
    runpy.run_path(str(program), run_name='__main__')
  except SystemExit as end:
    if isinstance(end.code, str):
      raise
    return int(end.code or 0)
  finally:
    sys.argv = before
    sys.path.remove(str(program.parent))
  return 0


def checkout() -> pathlib.Path:
  """The folder that has `train.py`, `configs` and `input_pipeline`.

  Raises:
    InputError: there is none.
  """
  for folder in (_ROOT, pathlib.Path.cwd()):
    if all((folder / n).exists() for n in ('train.py', 'input_pipeline')):
      return folder
  raise errors.InputError(
    'expected a checkout (train.py, configs, input_pipeline) in the current '
    f'folder, found none in {pathlib.Path.cwd()}: training runs from a checkout'
  )


if __name__ == '__main__':
  sys.exit(main())
