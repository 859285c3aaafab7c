"""What all programs have in common, whatever they do."""

import argparse
import importlib
import inspect
import pathlib
import subprocess
import sys

import pytest

from sadtalker_jax import cli
from sadtalker_jax.cli import command

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(cli.__file__).parent
# `main` calls the others; `train` hands all flags to train.py of a checkout.
WITHOUT_PARSER = {'main', 'train'}
PROGRAMS = sorted(
  path.stem
  for path in FOLDER.glob('*.py')
  if path.stem not in ('__init__', 'command', 'stopping')
  and not path.stem.endswith('_flags')
)


def _module(name: str):
  return importlib.import_module(f'sadtalker_jax.cli.{name}')


@pytest.mark.parametrize('name', PROGRAMS)
def test_program_is_a_function_of_its_arguments(name):
  parameters = [*inspect.signature(_module(name).main).parameters.values()]
  assert parameters[0].name == 'argv'
  assert parameters[0].default is None
  # The front of a program may tell its own name.
  assert all(p.default is not p.empty for p in parameters)


@pytest.mark.parametrize('name', sorted({*PROGRAMS} - WITHOUT_PARSER))
def test_parser_stands_by_itself(name):
  assert isinstance(_module(name).parser(), argparse.ArgumentParser)


def test_help_needs_no_optional_package():
  names = sorted({*PROGRAMS} - WITHOUT_PARSER)
  code = (
    'import importlib, sys\n'
    f'for name in {sorted(command.EXTRAS)}: sys.modules[name] = None\n'
    f'for name in {names}:\n'
    '  importlib.import_module(f"sadtalker_jax.cli.{name}").parser()\n'
  )
  subprocess.run([sys.executable, '-c', code], check=True, timeout=120)


@pytest.mark.parametrize(
  ('name', 'package', 'flags'),
  [
    ('prepare', 'array_record', ['--verify', 'records']),
    ('prepare', 'array_record', ['--inspect', 'records']),
    ('prepare', 'array_record', ['--input', 'in', '--output', 'out']),
    ('prepare', 'array_record', ['--synthesise', '1', '--output', 'out']),
    (
      'prepare',
      'apache_beam',
      ['--input', 'in', '--output', 'out', '--runner', 'DirectRunner'],
    ),
    ('convert', 'torch', ['--input', 'in', '--output', 'out']),
    ('serve', 'uvicorn', ['--api', '--folder', 'out']),
  ],
)
def test_missing_package_is_one_line_that_names_the_extra(
  tmp_path, name, package, flags
):
  (tmp_path / 'in').mkdir()
  (tmp_path / 'in' / 'film.mp4').touch()
  (tmp_path / 'in' / 'wav2lip.pth').write_bytes(b'PK\x03\x04 and more')
  code = (
    'import sys\n'
    f'sys.modules[{package!r}] = None\n'
    f'from sadtalker_jax.cli import {name}\n'
    f'sys.exit({name}.main({flags}))\n'
  )
  found = subprocess.run(
    [sys.executable, '-c', code],
    cwd=tmp_path,
    env={'PYTHONPATH': str(ROOT), 'PATH': ''},
    capture_output=True,
    text=True,
    timeout=120,
    check=False,
  )
  extra = command.EXTRAS[package]
  assert found.returncode == 2, found.stderr
  assert found.stderr == (
    f'{name}: expected the package {package}, found none: '
    f"pip install 'sadtalker-jax[{extra}]'\n"
  )
  assert not (tmp_path / 'out').exists()
