"""The benchmarks run and say what they must."""

import json

import pytest

from sadtalker_jax.cli import bench


@pytest.mark.parametrize('what', ['motion', 'rasterize'])
def test_a_line_says_what_ran_and_how_fast(capsys, what):
  assert bench.main([what, '--batch', '1', '2', '--repeats', '2']) == 0
  lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
  assert [line['batch'] for line in lines] == [1, 2]
  for line in lines:
    assert line['what'] == what
    assert line['platform'] == 'cpu'
    assert 0 < line['seconds_min'] <= line['seconds'] <= line['seconds_max']
    assert line['per_second'] == pytest.approx(line['batch'] / line['seconds'])
    assert line['matmul_gflop_per_second'] > 0
  if what == 'motion':
    # Two audio encoders of a window, by XLA's own count.
    assert lines[0]['gflop'] > 0.01


def test_no_repeats_is_refused(capsys):
  assert bench.main(['rasterize', '--repeats', '0']) == 2
  assert 'at least one repeat' in capsys.readouterr().err
