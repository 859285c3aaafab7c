"""Runs as processes: two at once, one that is killed, one that is told."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # eleven processes start
ROOT = pathlib.Path(__file__).resolve().parents[2]


def start(folder, steps, pause=0.0, more=(), devices=4):
  flags = f'--xla_force_host_platform_device_count={devices}'
  environment = {**os.environ, 'JAX_PLATFORMS': 'cpu', 'XLA_FLAGS': flags}
  argv = [folder, steps, pause, *more]
  return subprocess.Popen(
    [sys.executable, '-m', 'tests.training.process', *map(str, argv)],
    cwd=ROOT,
    env=environment,
    stdout=subprocess.PIPE,
    text=True,
  )


def finish(process):
  """The last step, and the weights after it."""
  try:
    output, _ = process.communicate(timeout=300)
  finally:
    process.kill()
  assert process.returncode == 0
  (line,) = [x for x in output.splitlines() if x.startswith('weight')]
  _, step, *weights = line.split()
  return int(step), [float.fromhex(x) for x in weights]


def saved(folder):
  found = (folder / 'checkpoints').glob('*')
  return sorted(int(p.name) for p in found if p.name.isdigit())


def wait_for(process, ready):
  end = time.monotonic() + 300
  while not ready():
    assert process.poll() is None and time.monotonic() < end
    time.sleep(0.01)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  """Of a run that nothing happens to."""
  return finish(start(tmp_path_factory.mktemp('whole'), 12))


def test_two_processes_equal_one_and_go_on(tmp_path, whole):
  for steps in (4, 12):
    with socket.socket() as free:
      free.bind(('127.0.0.1', 0))
      address = f'127.0.0.1:{free.getsockname()[1]}'
    found = [
      finish(process)
      for process in [
        start(tmp_path, steps, 0.0, (address, i), 2) for i in range(2)
      ]
    ]
    assert found[0] == found[1] and found[0][0] == steps
  np.testing.assert_allclose(found[0][1], whole[1], rtol=1e-6)
  rows = (tmp_path / 'metrics.jsonl').read_text().splitlines()
  # One process writes: a line for every second step, none of them twice.
  assert [json.loads(x)['step'] for x in rows] == [2, 4, 6, 8, 10, 12]


def test_two_processes_stop_at_the_same_step(tmp_path):
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    address = f'127.0.0.1:{free.getsockname()[1]}'
  processes = [start(tmp_path, 1500, 0.1, (address, i), 2) for i in range(2)]
  wait_for(processes[0], lambda: saved(tmp_path))
  processes[1].send_signal(signal.SIGINT)
  found = [finish(process) for process in processes]
  assert found[0] == found[1] and found[0][0] < 1500
  assert saved(tmp_path)[-1] == found[0][0]


def test_a_run_killed_while_it_saves_goes_on(tmp_path, whole):
  process = start(tmp_path, 12, 0.05)
  folder = tmp_path / 'checkpoints'
  # After the first whole one, when the next is begun.
  wait_for(
    process,
    lambda: saved(tmp_path) and any(folder.glob('*.orbax-checkpoint-tmp')),
  )
  process.kill()
  process.communicate()
  assert process.returncode == -signal.SIGKILL
  assert saved(tmp_path)[-1] < 12
  assert finish(start(tmp_path, 12)) == whole


def test_a_run_that_is_told_to_stop_saves_and_goes_on(tmp_path, whole):
  process = start(tmp_path, 12, 0.2)
  wait_for(process, lambda: saved(tmp_path))
  process.terminate()
  step, _ = finish(process)
  assert step < 12 and saved(tmp_path)[-1] == step
  assert finish(start(tmp_path, 12)) == whole
