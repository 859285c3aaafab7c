"""What all programs have in common, whatever they do."""

import argparse
import dataclasses
import importlib
import inspect
import math
import pathlib
import subprocess
import sys

import pytest

from sadtalker_jax import cli, errors
from sadtalker_jax.cli import command, range_flags
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.preparation import options as preparation_options

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(cli.__file__).parent
# `main` calls the others; `train` hands all flags to train.py of a checkout.
WITHOUT_PARSER = {'main', 'train'}
PARTS = {
  '__init__', 'animate_elsewhere', 'animate_manifest', 'command', 'stopping',
}  # fmt: skip
PROGRAMS = sorted(
  path.stem
  for path in FOLDER.glob('*.py')
  if path.stem not in PARTS and not path.stem.endswith('_flags')
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


def _actions(parser: argparse.ArgumentParser):
  for action in parser._actions:
    if isinstance(action, argparse._SubParsersAction):
      for below in action.choices.values():
        yield from _actions(below)
    else:
      yield action


@pytest.mark.parametrize('name', sorted({*PROGRAMS} - WITHOUT_PARSER))
def test_every_number_has_limits(name):
  for action in _actions(_module(name).parser()):
    assert action.type not in (int, float), action.option_strings
    values = action.default
    values = values if isinstance(values, (list, tuple)) else [values]
    is_number = any(type(value) in (int, float) for value in values)
    limits = action.type
    if not isinstance(limits, range_flags.Number):
      assert not is_number, action.option_strings
      continue
    for value in values:
      if value is not None:
        assert limits(str(value)) == value
    for text in ('nan', 'inf', '-inf', '1e400', '9' * 5000, '', '0x1', 'one'):
      with pytest.raises(argparse.ArgumentTypeError, match='expected a '):
        limits(text)


def test_every_option_of_a_clip_has_limits():
  forms = {
    'integer': lambda spec, x: x,
    'number': lambda spec, x: x,
    'angles': lambda spec, x: (x,),
    'pair': lambda spec, x: (x, x),
    'box': lambda spec, x: (x, x, x, x),
    'graded': lambda spec, x: (spec.choices[0], x),
  }
  for spec in options_lib.specs():
    for value in (math.nan, math.inf, -math.inf, 10**30):
      if spec.kind in forms:
        given = {spec.name: forms[spec.kind](spec, value)}
        with pytest.raises(errors.InputError, match=spec.name):
          options_lib.Options(**given)


@pytest.mark.parametrize(
  'field', dataclasses.fields(preparation_options.PreparationOptions)
)
def test_every_number_of_a_preparation_has_limits(field):
  if str(field.type).split()[0] not in ('int', 'float'):
    return
  for value in (math.nan, math.inf, -math.inf, 10**30):
    with pytest.raises(errors.InputError, match=field.name):
      preparation_options.PreparationOptions(**{field.name: value})


@pytest.mark.parametrize(
  ('name', 'flags'),
  [
    ('prepare', ['--timeout', 'nan']),
    ('prepare', ['--workers', '-3']),
    ('prepare', ['--max_yaw', 'nan']),
    ('serve', ['--keep_hours', 'nan']),
    ('evaluate', ['--seed', '-1']),
    ('evaluate', ['--resamples', '9' * 30]),
    ('bench', ['rasterize', '--repeats', '0']),
    ('bench', ['likeness', 'folder', '--seconds', '0']),
    ('animate', ['--num_processes', '0']),
  ],
)
def test_numbers_beyond_their_limits_are_one_line(capsys, name, flags):
  with pytest.raises(SystemExit) as caught:
    _module(name).parser().parse_args(flags)
  said = capsys.readouterr().err
  assert caught.value.code == 2
  assert said.count('\n') == 1
  assert 'expected a ' in said and repr(flags[-1]) in said
