"""The benchmark of sampling runs, with and without a peer."""

import json

import pytest

from sadtalker_jax.benchmarks import grid_sample_speed
from sadtalker_jax.cli import bench


@pytest.fixture
def small(monkeypatch):
  monkeypatch.setattr(grid_sample_speed, 'SHAPE', (8, 8, 8))
  monkeypatch.setattr(grid_sample_speed, 'SIDE', 8)


def _lines(capsys):
  assert bench.main(['grid_sample', '--batch', '1', '--repeats', '2']) == 0
  return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_case_is_timed_both_ways(small, capsys, monkeypatch):
  monkeypatch.setattr(grid_sample_speed, '_torch', lambda: None)
  lines = _lines(capsys)
  assert [(line['case'], line['direction']) for line in lines] == [
    (case, direction)
    for case in ('deform', 'keypoints', 'image')
    for direction in ('forward', 'both')
  ]
  for line in lines:
    assert line['what'] == 'grid_sample' and line['batch'] == 1
    assert 0 < line['seconds_min'] <= line['seconds']
    assert 'peer_seconds' not in line


def test_the_peer_takes_turns(small, capsys):
  pytest.importorskip('torch')
  for line in _lines(capsys):
    assert line['ratio'] == pytest.approx(
      line['peer_seconds'] / line['seconds']
    )
    assert line['torch'] and line['threads'] > 0
