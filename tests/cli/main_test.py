"""The console script: subcommands by name, and how it ends."""

import importlib
import pathlib

import pytest

from sadtalker_jax import cli
from sadtalker_jax.cli import main, train

# Modules of the folder that are no programs of their own.
PARTS = {
  '__init__', 'main', 'animate_elsewhere', 'animate_manifest', 'command',
  'stopping',
}  # fmt: skip
# Programs that run once, for the data in the package.
ONCE = {'build_head'}


def test_every_program_is_a_subcommand():
  folder = pathlib.Path(cli.__file__).parent
  programs = {
    p.stem
    for p in folder.glob('*.py')
    if p.stem not in PARTS and not p.stem.endswith('_flags')
  }
  subcommands = {name.replace('-', '_') for name in main.SUBCOMMANDS}
  assert programs - ONCE == subcommands


@pytest.mark.parametrize('name', main.SUBCOMMANDS)
def test_subcommands_have_help(name, capsys):
  if name == 'train':
    pytest.skip('absl prints the help of train.py; tests/train_test.py runs it')
  module = importlib.import_module(
    f'sadtalker_jax.cli.{name.replace("-", "_")}'
  )
  with pytest.raises(SystemExit) as end:
    module.main(['--help'])
  assert end.value.code == 0
  assert 'usage: ' in capsys.readouterr().out


@pytest.mark.parametrize('flags', [[], ['--help'], ['help']])
def test_help_lists_subcommands(flags, capsys):
  assert main.main(flags) == 0
  printed = capsys.readouterr().out
  assert all(name in printed for name in main.SUBCOMMANDS)


def test_version_is_that_of_the_package(capsys):
  assert main.main(['--version']) == 0
  assert capsys.readouterr().out.startswith('sadtalker ')


def test_unknown_subcommands_end_with_one_line(capsys):
  assert main.main(['animte', '--help']) == 2
  error = capsys.readouterr().err
  assert error.count('\n') == 1 and "found 'animte'" in error


def test_training_without_a_checkout_ends_with_one_line(
  tmp_path, monkeypatch, capsys
):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(train, '_ROOT', tmp_path)
  assert train.main(['--config', 'x']) == 2
  error = capsys.readouterr().err
  assert error.count('\n') == 1 and 'expected a checkout' in error
