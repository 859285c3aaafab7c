"""The image of the Dockerfile: nothing is built, all that it names is there."""

import pathlib
import re
import shlex
import shutil
import subprocess
import tomllib

from packaging import requirements, specifiers, version
import pytest

from sadtalker_jax.cli import main

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE = ROOT / 'Dockerfile'
PINS = ROOT / 'examples' / 'cluster' / 'constraints.txt'


def project():
  return tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']


def instructions():
  """Instructions of the Dockerfile, [(name, arguments)]."""
  lines = FILE.read_text().splitlines()
  text = '\n'.join(line for line in lines if not line.startswith('#'))
  rows = text.replace('\\\n', ' ').splitlines()
  return [tuple(row.split(maxsplit=1)) for row in rows if row.strip()]


def of(name):
  return [arguments for n, arguments in instructions() if n == name]


def pinned():
  lines = PINS.read_text().splitlines()
  rows = [line for line in lines if line and not line.startswith('#')]
  assert all(re.fullmatch(r'[a-z0-9-]+==[0-9][\w.]*', row) for row in rows)
  return {name: version.Version(v) for name, v in (r.split('==') for r in rows)}


def test_python_and_every_package_are_pinned_within_the_projects_limits():
  (base,) = of('FROM')
  python = re.fullmatch(r'python:(\d+\.\d+\.\d+)-slim-bookworm', base)[1]
  assert python in specifiers.SpecifierSet(project()['requires-python'])
  (arg,) = of('ARG')
  extras = project()['optional-dependencies']
  wanted = list(project()['dependencies'])
  for extra in arg.removeprefix('EXTRAS=').split(','):
    wanted += extras[extra]
  pins = pinned()
  for line in wanted:
    need = requirements.Requirement(line)
    name = need.name.lower().replace('_', '-')
    assert pins[name] in need.specifier, line
  # The plugin for CUDA belongs to one jax; CUDA and cuDNN are wheels.
  same = {name: pins[name] for name in pins if name.startswith('jax')}
  assert len(set(same.values())) == 1 and 'jax-cuda13-plugin' in same
  assert {
    'nvidia-cuda-runtime',
    'nvidia-cudnn-cu13',
    'nvidia-nccl-cu13',
  } <= set(pins)


def test_what_is_copied_is_there_and_reaches_the_build():
  ignored = (ROOT / '.dockerignore').read_text().splitlines()
  assert ignored[0] == '*'
  for arguments in of('COPY'):
    *sources, _ = arguments.split()
    for source in sources:
      assert (ROOT / source).exists(), source
      assert f'!{source.split("/")[0]}' in ignored, source


def test_the_image_is_the_command_and_guides_call_its_subcommands():
  assert of('ENTRYPOINT') == ['["sadtalker"]']  # a list: it gets SIGTERM itself
  assert 'sadtalker' in project()['scripts']
  guide = (ROOT / 'docs' / 'guides' / 'scaling.md').read_text()
  text = (guide + FILE.read_text().replace('# ', '')).replace('\\\n', ' ')
  calls = [x for x in text.splitlines() if x.strip().startswith('docker run')]
  assert len(calls) >= 3
  for call in calls:
    words = shlex.split(call)
    name = words[words.index('sadtalker') + 1]
    assert name in main.SUBCOMMANDS, call
    if name == 'train':
      file = words[words.index('--config') + 1].partition(':')[0]
      assert (ROOT / file).is_file(), call


@pytest.mark.skipif(shutil.which('hadolint') is None, reason='not installed')
def test_the_dockerfile_pleases_hadolint():
  subprocess.run(['hadolint', FILE], check=True)
