"""The benchmarks run and say what they must."""

import json

import numpy as np
import pytest

from sadtalker_jax.benchmarks import rasterize_speed
from sadtalker_jax.cli import bench


def test_a_line_says_what_ran_and_how_fast(capsys):
  what = 'motion'
  assert bench.main([what, '--batch', '1', '2', '--repeats', '2']) == 0
  lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
  assert [line['batch'] for line in lines] == [1, 2]
  for line in lines:
    assert line['what'] == what
    assert line['platform'] == 'cpu'
    assert 0 < line['seconds_min'] <= line['seconds'] <= line['seconds_max']
    assert line['per_second'] == pytest.approx(line['batch'] / line['seconds'])
    assert line['matmul_gflop_per_second'] > 0
  # Two audio encoders of a window, by XLA's own count.
  assert lines[0]['gflop'] > 0.01


def test_rasterizing_is_timed_by_kind_of_work(capsys, monkeypatch):
  small = rasterize_speed.face(12, 15)
  monkeypatch.setattr(rasterize_speed, 'face', lambda: small)
  monkeypatch.setattr(rasterize_speed, 'head', lambda: small)
  monkeypatch.setattr(rasterize_speed, 'SIZE', 16)
  assert bench.main(['rasterize', '--batch', '2', '--repeats', '2']) == 0
  lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
  found = [(line['mesh'], line['work']) for line in lines]
  assert found == [
    (m, w) for m in ('face', 'head') for w in rasterize_speed.WHAT
  ]
  for line in lines:
    assert line['triangles'] == 2 * 11 * 14 and line['batch'] == 2
    assert 0 < line['seconds_min'] <= line['seconds'] <= line['seconds_max']


def test_the_face_is_as_dense_as_the_basel_model():
  positions, triangles = rasterize_speed.face()
  assert 70_000 < len(triangles) < 72_000
  corners = positions[triangles][..., :2]
  a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
  area = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
  assert 0.3 < area.mean() < 0.45
  assert positions[:, :2].min() > 0 and positions[:, :2].max() < 224
