"""A wheel built from the checkout works elsewhere, without the checkout."""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import wave
import zipfile

import av
import numpy as np
import pytest

from tests.conversion import small

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> pathlib.Path:
  source = tmp_path_factory.mktemp('source')
  for name in ('pyproject.toml', 'README.md', 'LICENSE', 'NOTICE'):
    shutil.copy(ROOT / name, source)
  shutil.copytree(
    ROOT / 'sadtalker_jax',
    source / 'sadtalker_jax',
    ignore=shutil.ignore_patterns('__pycache__'),
  )
  target = tmp_path_factory.mktemp('wheels')
  code = (
    f'from setuptools import build_meta as b; b.build_wheel({str(target)!r})'
  )
  subprocess.run(
    [sys.executable, '-W', 'ignore', '-c', code],
    cwd=source,
    check=True,
    capture_output=True,
  )
  (path,) = target.iterdir()
  return path


@pytest.fixture(scope='module')
def environment(wheel, tmp_path_factory) -> pathlib.Path:
  """A new environment with the wheel; packages of others are this one's."""
  folder = tmp_path_factory.mktemp('environment') / 'venv'
  subprocess.run(
    [sys.executable, '-m', 'venv', '--without-pip', str(folder)], check=True
  )
  python = folder / 'bin' / 'python'
  command = [sys.executable, '-m', 'pip', '--python', str(python), 'install']
  subprocess.run(
    [*command, '--quiet', '--no-deps', '--no-index', str(wheel)], check=True
  )
  (site,) = (folder / 'lib').glob('python*/site-packages')
  # Only what lies in that folder: an editable install of ours is not seen.
  (site / 'others.pth').write_text(sysconfig.get_paths()['purelib'] + '\n')
  return folder


def _run(
  environment: pathlib.Path, folder: pathlib.Path, *command: str
) -> subprocess.CompletedProcess[str]:
  program, *flags = command
  variables = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
  return subprocess.run(
    [str(environment / 'bin' / program), *flags],
    cwd=folder,
    env=variables,
    capture_output=True,
    text=True,
    timeout=600,
  )


def test_holds_data_and_types_and_nothing_of_the_checkout(wheel):
  with zipfile.ZipFile(wheel) as file:
    names = file.namelist()
  tops = {name.split('/')[0] for name in names}
  assert {t for t in tops if not t.endswith('.dist-info')} == {'sadtalker_jax'}
  assert 'sadtalker_jax/py.typed' in names
  files = (ROOT / 'sadtalker_jax').glob('**/data/**/*')
  data = {p.relative_to(ROOT).as_posix() for p in files if p.is_file()}
  assert data == {name for name in names if '/data/' in name}


def test_animates_in_an_empty_folder(environment, tmp_path):
  with wave.open(str(tmp_path / 'short.wav'), 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(16000)
    file.writeframes(np.zeros(1280, '<i2').tobytes())
  flags = ['--driven_audio', 'short.wav', '--output', 'talk.mp4']
  done = _run(environment, tmp_path, 'sadtalker', 'animate', *flags)
  assert done.returncode == 0, done.stderr
  with av.open(str(tmp_path / 'talk.mp4')) as file:
    assert sum(1 for _ in file.decode(video=0)) == 2
  where = 'import sadtalker_jax; print(sadtalker_jax.__file__)'
  home = _run(environment, tmp_path, 'python', '-c', where).stdout
  assert home.startswith(str(environment))


def test_converts(environment, tmp_path):
  small.write(
    tmp_path / 'mapping_00229-model.safetensors', small.state('mapping')
  )
  flags = ['--input', '.', '--output', 'bundle']
  done = _run(environment, tmp_path, 'sadtalker', 'convert', *flags)
  assert done.returncode == 0, done.stderr
  assert (tmp_path / 'bundle' / 'card.json').exists()


def test_training_names_what_it_lacks(environment, tmp_path):
  done = _run(environment, tmp_path, 'sadtalker', 'train', '--config', 'x')
  assert done.returncode == 2 and done.stderr.count('\n') == 1
  assert 'expected a checkout' in done.stderr
