"""Stops, damage, later starts: what a run on a cluster meets."""

import dataclasses
import json
import logging
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from input_pipeline import synthetic
from sadtalker_jax import errors
from sadtalker_jax.checkpoints import manager as manager_lib
from sadtalker_jax.training import guards, reporting, sharding
from tests.training import fakes, loop_test
import train

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Signalling(fakes.Counted):
  """Sends itself signals before the fourth batch."""

  def __init__(self, sharding, *signals):
    super().__init__(sharding)
    self.signals = signals

  def __next__(self):
    if self.at == 3:
      for number in self.signals:
        os.kill(os.getpid(), number)
    return super().__next__()


def rows():
  return sharding.of_batch(sharding.make_mesh({'data': 4, 'fsdp': 2}))


@pytest.fixture(autouse=True)
def _as_from_a_terminal():
  """Python's own handler, where a shell's background job has none."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


def lines(folder):
  text = (folder / 'metrics.jsonl').read_text()
  return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
  'signals', [(signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM)]
)
def test_a_signal_makes_a_checkpoint_and_the_run_goes_on(tmp_path, signals):
  data = Signalling(rows(), *signals)
  result = loop_test.run(tmp_path / 'a', data=data)
  assert not result.finished and result.step == 4
  assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
  rest = loop_test.run(tmp_path / 'a')
  whole = loop_test.run(tmp_path / 'b')
  np.testing.assert_array_equal(loop_test.weight(rest), loop_test.weight(whole))


def test_a_second_ctrl_c_ends_at_once():
  code = (
    'import os, signal\n'
    'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
    'from sadtalker_jax.training import guards\n'
    'with guards.stop_signals() as stop:\n'
    '  os.kill(os.getpid(), signal.SIGINT)\n'
    '  assert stop.agreed(0)\n'
    '  print("asked", flush=True)\n'
    '  os.kill(os.getpid(), signal.SIGINT)\n'
    '  print("still here", flush=True)\n'
  )
  found = subprocess.run(
    [sys.executable, '-c', code],
    cwd=ROOT,
    env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
    capture_output=True,
    text=True,
    check=False,
  )
  assert found.returncode == -signal.SIGINT
  assert found.stdout == 'asked\n' and 'a checkpoint is made' in found.stderr


def test_ctrl_c_of_a_shells_background_job_is_left_alone():
  before = signal.signal(signal.SIGINT, signal.SIG_IGN)
  try:
    with guards.stop_signals() as stop:
      os.kill(os.getpid(), signal.SIGINT)
      assert not stop.agreed(0)
  finally:
    signal.signal(signal.SIGINT, before)


def test_workers_that_the_signal_reached_first_do_not_lose_the_run(tmp_path):
  class Dying(Signalling):
    def __next__(self):
      batch = super().__next__()
      if self.at == 4:
        raise RuntimeError('worker 0 was terminated')
      return batch

  result = loop_test.run(tmp_path, data=Dying(rows(), signal.SIGTERM))
  assert not result.finished and result.step == 3
  with pytest.raises(RuntimeError, match='worker 0'):
    loop_test.run(tmp_path / 'other', data=Dying(rows()))


def test_a_start_that_fails_leaves_config_and_figures(tmp_path, monkeypatch):
  loop_test.run(tmp_path, steps=4)
  before = (tmp_path / 'config.json').read_bytes(), lines(tmp_path)
  (tmp_path / 'config.json').write_text('{"mine": 1}')
  monkeypatch.setattr(fakes, 'SIZE', 5)
  with pytest.raises(errors.InputError, match='expected \\[5\\]'):
    loop_test.run(tmp_path)
  assert json.loads((tmp_path / 'config.json').read_text()) == {'mine': 1}
  monkeypatch.undo()
  loop_test.run(tmp_path, steps=6)
  assert (tmp_path / 'config.json').read_bytes() == before[0]
  assert lines(tmp_path)[: len(before[1])] == before[1]


def test_figures_of_steps_that_are_taken_again_are_dropped(tmp_path):
  loop_test.run(tmp_path, steps=4)
  with open(tmp_path / 'metrics.jsonl', 'a', encoding='utf-8') as file:
    file.write('{"step": 5, "eval/square": 9}\n{"step": 6, "eval/squ')
  loop_test.run(tmp_path, steps=6)
  found = [x['step'] for x in lines(tmp_path) if 'total/model' in x]
  assert found == [2, 4, 6]
  assert not any(x.get('eval/square') == 9 for x in lines(tmp_path))


def damage(folder, what):
  path = folder / 'checkpoints' / '6' / what
  if path.is_dir():
    shutil.rmtree(path)
  else:
    path.write_bytes(path.read_bytes()[:40])


# TensorStore's threads may answer when Orbax has closed its event loop.
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
@pytest.mark.parametrize('what', ['state', 'state/manifest.ocdbt', 'data'])
def test_a_damaged_checkpoint_is_put_aside_for_the_one_before(tmp_path, what):
  whole = loop_test.run(tmp_path, save_every=2)
  damage(tmp_path, what)
  data = fakes.Counted(rows())
  again = loop_test.run(tmp_path, data=data)
  assert data.handed == [4, 5]
  np.testing.assert_array_equal(
    loop_test.weight(again), loop_test.weight(whole)
  )
  assert (tmp_path / 'damaged_checkpoint_6').is_dir()
  manager = manager_lib.Manager(tmp_path / 'checkpoints', keep_last=9)
  assert manager.config(6) == {'stage': 'fake'}
  manager.close()


# TensorStore's threads may answer when Orbax has closed its event loop.
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
def test_damaged_checkpoints_alone_are_one_line_and_stay(tmp_path):
  loop_test.run(tmp_path, save_every=0)
  damage(tmp_path, 'state')
  with pytest.raises(errors.InputError, match=r'can be read, found \[6\], all'):
    loop_test.run(tmp_path)
  assert (tmp_path / 'checkpoints' / '6').is_dir()
  manager = manager_lib.Manager(
    tmp_path / 'checkpoints', keep_last=9, read_only=True
  )
  with pytest.raises(errors.InputError, match='6: expected a whole checkpoint'):
    manager.read(6)
  manager.close()


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
  full = ValueError('RESOURCE_EXHAUSTED: Error writing "key/0" in OCDBT')

  def fails(*_, **__):
    raise full

  monkeypatch.setattr(manager_lib.ocp.CheckpointManager, 'save', fails)
  with pytest.raises(errors.InputError, match='room for a checkpoint, found'):
    loop_test.run(tmp_path)
  record = logging.LogRecord(
    'absl', logging.ERROR, '/a/orbax/b.py', 1, 'x', (), (ValueError, full, None)
  )
  assert not train._worth_reading(record)
  record.exc_info = (ValueError, ValueError('another'), None)
  assert train._worth_reading(record)


def test_bad_steps_are_stepped_over_as_often_as_allowed(tmp_path):
  class Exploding(fakes.FourNumbers):
    def train_step(self, state, batch, frozen):
      moved, metrics = super().train_step(state, batch, frozen)
      bad = (state.step == 2) | (state.step == 4)
      broken = jax.tree.map(lambda x: jnp.where(bad, jnp.nan, x), moved.params)
      moved = dataclasses.replace(moved, params=broken)
      term = jnp.where(bad, jnp.nan, metrics['square'])
      return moved, {'square': term, 'total/model': term}

  result = loop_test.run(
    tmp_path / 'a', stage=Exploding(), steps=40, skip_non_finite=2
  )
  assert result.step == 40
  np.testing.assert_allclose(loop_test.weight(result), 3, atol=0.1)
  found = [x.get('skipped_steps') for x in lines(tmp_path / 'a')]
  assert [x for x in found if x] == [1, 2]
  assert all(
    np.isfinite(x['total/model'])
    for x in lines(tmp_path / 'a')
    if 'total/model' in x
  )
  assert len(list((tmp_path / 'a').glob('not_finite_*.npz'))) == 2
  with pytest.raises(guards.NotFinite, match='step 5: .*newest checkpoint'):
    loop_test.run(tmp_path / 'b', stage=Exploding(), skip_non_finite=1)


def synthetic_data(**changes):
  given = {'batch_size': 8, 'seed': 0, 'num_frames': 2, 'size': 8}
  return synthetic.create('clips', **{**given, **changes})


def test_other_data_are_refused_by_what_differs(tmp_path):
  one = sharding.make_mesh({'data': 1}, jax.devices()[:1])

  class Data(fakes.Counted):
    def __init__(self, own=None, **changes):
      super().__init__(own or rows(), changes.get('batch_size', 8))
      self.real = synthetic_data(**changes)

    def state(self):
      return {**super().state(), **self.real.state()}

    def restore(self, state):
      self.real.restore(state)
      super().restore(state)

  data = Data(sharding.of_batch(one))
  loop_test.run(tmp_path, steps=2, data=data, mesh=one)
  with pytest.raises(errors.InputError) as caught:
    loop_test.run(tmp_path, data=Data(seed=3, batch_size=16))
  told = str(caught.value)
  assert 'batch_size 16 in place of 8; seed 3 in place of 0' in told
  assert '--restart_data' in told and 'options' in told
  data = Data(batch_size=16)  # and on eight devices in place of one
  result = loop_test.run(tmp_path, data=data, restart_data=True)
  assert result.step == 6 and data.handed == [0, 1, 2, 3]


def test_speed_is_that_of_steps_alone(monkeypatch):
  now = [0.0]
  monkeypatch.setattr(reporting.time, 'perf_counter', lambda: now[0])
  interval = reporting.Interval(8, 100)
  for _ in range(10):
    interval.add({'total/model': np.float32(1)})
    now[0] += 0.5
  with interval.phase('validation'):
    now[0] += 40.0
  with interval.phase('pictures'):
    now[0] += 7.0
  report = interval.report(10, waited=1.0)
  assert report['steps_per_second'] == pytest.approx(2)
  assert report['seconds_left'] == pytest.approx(45)
  assert report['share_waiting_for_data'] == pytest.approx(1 / 5)
  assert report['seconds/validation'] == 40 and report['seconds/pictures'] == 7
  assert report['seconds/steps'] == pytest.approx(5)
  interval.add({'total/model': np.float32(1)})
  now[0] += 0.25
  again = interval.report(11, waited=0.0)
  assert again['steps_per_second'] == pytest.approx(4)
  assert 'seconds/validation' not in again


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
  (tmp_path / 'a').write_text('no folder')
  for folder in (tmp_path / 'a', tmp_path / 'a' / 'b', tmp_path / ('x' * 300)):
    with pytest.raises(errors.InputError, match='^workdir: expected a folder'):
      with guards.claim(folder):
        pass
