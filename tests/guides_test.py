"""The commands of docs/guides/finetuning.md and your_own_film.md, small.

Commands of fine-tuning are typed, and given data and a bundle: all that is
looked at before the first step. With `GUIDES=1` in the environment every
command of both pages runs, one step each, to the video: some minutes.
"""

import importlib
import os
import pathlib
import re
import shlex
import subprocess
import sys

from ml_collections import config_dict
import numpy as np
import pytest
from scipy.io import wavfile

import input_pipeline
from input_pipeline import random_records
from sadtalker_jax.models import zoo
from sadtalker_jax.training import loop, runs
from tests.checkpoints import made
import train

ROOT = pathlib.Path(__file__).resolve().parent.parent
_NETWORKS = {
  'renderer': ('keypoint_detector', 'head_pose_estimator', 'generator')
  + ('discriminator',),
  'mapping': ('mapping',),
  'expnet': ('expnet',),
  'posevae': ('posevae', 'pose_discriminator'),
}


def commands(page: str) -> list[list[str]]:
  text = (ROOT / 'docs' / 'guides' / page).read_text()
  blocks = re.findall(r'^```sh\n(.*?)^```$', text, re.M | re.S)
  lines = ''.join(blocks).replace('\\\n', ' ').splitlines()
  return [w for w in (shlex.split(x, comments=True) for x in lines) if w]


def small(file: str) -> str:
  """A config file with `test` among its variants."""
  name, _, variants = file.partition(':')
  parts = [v for v in variants.split('+') if v]
  at = len(parts) - (parts[-1:] == ['finetune'])
  return f'{name}:{"+".join([*parts[:at], "test", *parts[at:]])}'


TRAININGS = [
  words for words in commands('finetuning.md') if words[1] == 'train'
]


@pytest.fixture(scope='module')
def place(tmp_path_factory):
  """A folder with all that the commands name."""
  folder = tmp_path_factory.mktemp('guide')
  random_records.write(
    folder / 'records', {'train': {'me': 3}}, frames=(97, 97), teacher=False
  )
  networks, fields = {}, {}
  for stage, names in _NETWORKS.items():
    config = importlib.import_module(f'configs.{stage}').get_config('test')
    for name in names:
      model = config.model.to_dict()
      several = stage in ('renderer', 'mapping')
      fields[name] = model.get(name, {}) if several else model
      if name == 'pose_discriminator':
        fields[name] = {}
      networks[name] = zoo.noise(name, **fields[name])
  made.bundle(
    folder / 'released', networks, fields, size=64, morphable='makehuman'
  )
  return folder


def _config(words: list[str]) -> config_dict.ConfigDict:
  """The config of a command, small, with its overrides."""
  file = words[words.index('--config') + 1]
  name, _, variant = small(file).partition(':')
  module = importlib.import_module(name.removesuffix('.py').replace('/', '.'))
  config = module.get_config(variant)
  for word in words:
    if word.startswith('--config.'):
      key, _, value = word.removeprefix('--config.').partition('=')
      *groups, last = key.split('.')
      part = config
      for group in groups:
        part = part[group]
      before = part.get_type(last)
      kinds = {tuple: lambda x: eval(x), bool: lambda x: x == 'True'}
      part[last] = kinds.get(before, before)(value)
  config.batch_size = 8  # of all of conftest's devices
  return config


@pytest.mark.parametrize(
  'words', TRAININGS, ids=lambda words: words[words.index('--config') + 1]
)
def test_what_a_guide_trains_can_be_trained(words, place, monkeypatch):
  monkeypatch.chdir(place)
  # The records are of no face model.
  monkeypatch.setattr(input_pipeline, '_check_morphable', lambda *_: None)
  seen = []

  def noted(stage, plan, folder, feeds, mesh, record, **options):
    feeds.close()
    seen.append((plan, options['warm']))

  monkeypatch.setattr(loop, 'run', noted)
  config = _config(words)
  if 'morphable' in config and config.morphable.kind == 'bfm':
    config.morphable.kind = 'makehuman'  # that of the records here
  runs.run(config, pathlib.Path('run'), train.open_data)
  ((plan, warm),) = seen
  assert plan.eval_first and set(warm) == set(config.warm_start.networks)


# What a try does without.
_LITTLE = """--config.steps=1 --config.batch_size=2 --config.validation.every=0
  --config.summarise_every=0 --config.clips.every=0 --config.tensorboard=False
  --config.data.threads=1""".split()


def _run(words: list[str], folder: pathlib.Path, flags: str) -> None:
  """Runs a command of a page in a folder, small."""
  words = list(words)
  if words[1] == 'train':
    at = words.index('--config') + 1
    words[at] = str(ROOT / small(words[at]))
    words += _LITTLE
    if '--config.morphable.kind=bfm' in words:
      words += ['--config.morphable.kind=makehuman']
  elif words[1] == 'prepare':
    words = 'sadtalker prepare --synthesise 3 --output records/'.split()
    words += ['--validation', '0', '--test', '0', '--workers', '0']
  elif words[1] == 'animate':
    words = [w for w in words if w not in ('me.jpg', 'speech.wav')]
    words = [w for w in words if w not in ('--source_image', '--driven_audio')]
    words += ['--output', 'film.mp4', '--renderer', 'puppet']
    words += ['--driven_audio', 'short.wav']
  found = subprocess.run(
    [sys.executable, '-m', 'sadtalker_jax.cli.main', *words[1:]],
    cwd=folder,
    env={**os.environ, 'PYTHONPATH': str(ROOT), 'XLA_FLAGS': flags},
    capture_output=True,
    text=True,
    check=False,
  )
  assert found.returncode == 0, f'{words}:\n{found.stderr[-3000:]}'


@pytest.mark.skipif('GUIDES' not in os.environ, reason='takes minutes')
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize('page', ['finetuning.md', 'your_own_film.md'])
def test_every_command_of_a_guide_runs(page, place, tmp_path, quick_flags):
  (tmp_path / 'released').symlink_to(place / 'released')
  wave = np.sin(np.linspace(0, 3000, 16_000))
  wavfile.write(tmp_path / 'short.wav', 16_000, wave.astype(np.float32) / 2)
  drawn = place / 'drawn'  # by the first page that prepares
  for words in commands(page):
    if words[1] == 'prepare' and drawn.exists():
      (tmp_path / 'records').symlink_to(drawn)
      continue
    _run(words, tmp_path, quick_flags)
    if words[1] == 'prepare':
      drawn.symlink_to(tmp_path / 'records')
  assert (tmp_path / 'film.mp4').exists()
