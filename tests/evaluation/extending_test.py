"""A metric from outside the package, as docs/extending.md adds one."""

import json

import numpy as np
import pytest

from sadtalker_jax.cli import evaluate
from sadtalker_jax.evaluation.measures import metric, registry
from sadtalker_jax.faces import landmarks
from tests.evaluation import stubs

T = 34


def brightness(clip, system, networks):
  """The metrics of a system's clip by name."""
  return {'brightness': float(clip.sides[system].frames.mean())}


BRIGHTNESS = metric.Measure(
  (
    metric.Metric(
      'brightness', 'light', 'real', 'mean of all pixels, 0 to 255', digits=1
    ),
  ),
  numbers=brightness,
  of_real=True,
)


@pytest.fixture
def registered(monkeypatch):
  """The metric, until the test ends."""
  monkeypatch.setattr(registry, 'MEASURES', [*registry.MEASURES])
  monkeypatch.setattr(registry, 'METRICS', {**registry.METRICS})
  registry.register(BRIGHTNESS)


@pytest.fixture
def report(registered, tmp_path, monkeypatch, capsys):
  """The folder of a report, and what the command printed."""
  monkeypatch.setattr(landmarks, 'FaceMesh', stubs.Landmarker)
  for name in ('a', 'b'):
    frames = list(stubs.frames(T, seed=ord(name)))
    stubs.write(tmp_path / f'real/{name}.mp4', frames, stubs.sound(T))
    dark = [frame // 2 for frame in frames]
    stubs.write(tmp_path / f'mine/{name}.mp4', dark, stubs.sound(T))
  flags = ['--real', 'real', '--generated', 'mine', '--output', 'out']
  flags += ['--metrics', 'brightness', '--resamples', '50']
  monkeypatch.chdir(tmp_path)
  assert evaluate.main(flags) == 0
  return tmp_path / 'out', capsys.readouterr().out


def test_registered_metric_is_measured_and_reported(report):
  folder, printed = report
  content = json.loads((folder / 'metrics.json').read_text())
  entry, real = content['metrics']['brightness'], content['real']['brightness']
  assert entry['n'] == 2 and entry['goal'] == 'real'
  assert entry['value'] == pytest.approx(real['value'] / 2, rel=0.05)
  assert all(np.isfinite(entry['ci']))
  assert [c['values']['mine'] for c in content['clips']] != [{}, {}]
  assert 'brightness' in printed
  for name in ('metrics.md', 'index.html'):
    text = (folder / name).read_text()
    assert 'light → real' in text and 'mean of all pixels' in text


def test_name_of_a_metric_is_given_once(registered):
  with pytest.raises(ValueError, match='found brightness again'):
    registry.register(BRIGHTNESS)
  assert [m.name for m in registry.MEASURES].count('brightness') == 1
