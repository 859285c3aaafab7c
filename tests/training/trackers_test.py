"""Figures that go to Weights & Biases; the package is a stand-in here."""

import pathlib
import sys
import types

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.training import trackers
from tests.training import fakes

PICTURE = np.zeros((16, 16, 3), np.uint8)


@pytest.fixture
def wandb(monkeypatch):
  """A package that keeps what it is given."""
  found = types.ModuleType('wandb')
  found.Error = type('Error', (Exception,), {})
  found.Image, found.logged, found.begun = np.shape, [], []
  found.Video = lambda path, format: (pathlib.Path(path).read_bytes(), format)
  run = types.SimpleNamespace(
    log=lambda values, step: found.logged.append((step, values)),
    finish=lambda: found.logged.append('finished'),
  )
  found.init = lambda **options: found.begun.append(options) or run
  monkeypatch.setitem(sys.modules, 'wandb', found)
  return found


def _open(folder, project='heads'):
  plan = fakes.plan(wandb=project)
  return trackers.open_writers(folder, plan, {'stage': 'fake'})


def test_figures_pictures_and_films_go_there(wandb, tmp_path):
  for writer in _open(tmp_path):
    writer.write_scalars(3, {'total/model': np.float32(0.5)})
    writer.write_images(3, {'pictures': PICTURE})
    sound = np.zeros(1280, np.float32), 16000
    writer.write_film(3, 'film', np.stack([PICTURE, PICTURE]), sound)
    writer.close()
  film = (tmp_path / 'summaries' / 'film_00000003.mp4').read_bytes()
  assert wandb.logged == [
    (3, {'total/model': 0.5}),
    (3, {'pictures': (16, 16, 3)}),
    (3, {'film': (film, 'mp4')}),
    'finished',
  ]


def test_a_run_that_goes_on_is_the_same_run_there(wandb, tmp_path):
  for name in ('a', 'a', 'b'):
    for writer in _open(tmp_path / name):
      writer.close()
  first, again, other = wandb.begun
  assert first['id'] == again['id'] != other['id']
  assert first['resume'] == 'allow' and first['config'] == {'stage': 'fake'}


def test_refusals_are_one_line(wandb, tmp_path, monkeypatch):
  def refused(**_):
    raise wandb.Error('no API key\nmore')

  wandb.init = refused
  with pytest.raises(errors.InputError, match='offline.*found no API key$'):
    _open(tmp_path)
  monkeypatch.setitem(sys.modules, 'wandb', None)
  with pytest.raises(errors.InputError, match='expected the package wandb'):
    _open(tmp_path)
