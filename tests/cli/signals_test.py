"""What is stopped or killed leaves no half file; the rerun is the same."""

import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

_WRITES = """
import signal, sys, numpy as np
# As from a terminal, whatever ignores signals around these tests.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from sadtalker_jax.cli import command
from sadtalker_jax.inference import bundle
from sadtalker_jax.media import video

def body():
  noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
  while True:
    writer = video.VideoWriter(
      sys.argv[1], fps=25, audio=bundle.SAMPLE_SPEECH, overwrite=True)
    print('ready', flush=True)
    with writer:
      for _ in range(40):
        writer.write(noise)
    if len(sys.argv) > 2:
      return 0

sys.exit(command.run(body, 'any'))
"""


def _start(target: pathlib.Path) -> subprocess.Popen:
  process = subprocess.Popen(
    [sys.executable, '-c', _WRITES, target],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )
  assert process.stdout is not None
  process.stdout.readline()
  return process


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_stopped_at_any_moment_leaves_no_part(tmp_path, number):
  moments = random.Random(0)
  for trial in range(3):
    process = _start(tmp_path / 'a.mp4')
    time.sleep(moments.uniform(0, 0.3))
    process.send_signal(number)
    try:
      _, message = process.communicate(timeout=60)
    finally:
      process.kill()
    assert process.returncode == 143, (trial, message)
    assert message == b'any: stopped\n'
    assert set(os.listdir(tmp_path)) <= {'a.mp4'}


def test_killed_at_any_moment_leaves_no_half_video(tmp_path):
  def make(name: str) -> bytes:
    command = [sys.executable, '-c', _WRITES, tmp_path / name, 'once']
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return (tmp_path / name).read_bytes()

  whole = make('whole.mp4')
  moments = random.Random(1)
  for _ in range(3):
    process = _start(tmp_path / 'a.mp4')
    time.sleep(moments.uniform(0, 0.3))
    process.kill()
    process.communicate(timeout=60)
    if (tmp_path / 'a.mp4').exists():
      assert (tmp_path / 'a.mp4').read_bytes() == whole
    shown = [name for name in os.listdir(tmp_path) if name[0] != '.']
    assert set(shown) <= {'a.mp4', 'whole.mp4'}
  assert make('a.mp4') == whole
  assert sorted(os.listdir(tmp_path)) == ['a.mp4', 'whole.mp4']


_DROPS = """
import os, signal, sys, time
from sadtalker_jax.cli import command

signal.signal(signal.SIGINT, signal.default_int_handler)

class Finalised:
  def __del__(self):
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    time.sleep(0.1)

def body():
  if sys.argv[2] == 'finaliser':
    Finalised()
  else:
    try:
      os.kill(os.getpid(), getattr(signal, sys.argv[1]))
      time.sleep(0.1)
    except BaseException:
      pass  # as an extension does that drops an error
  time.sleep(30)

sys.exit(command.run(body, 'any'))
"""


@pytest.mark.parametrize('place', ['finaliser', 'extension'])
@pytest.mark.parametrize('name, code', [('SIGTERM', 143), ('SIGINT', 130)])
def test_a_signal_that_is_dropped_comes_again(name, code, place):
  done = subprocess.run(
    [sys.executable, '-c', _DROPS, name, place],
    cwd=ROOT,
    capture_output=True,
    text=True,
    timeout=60,
    check=False,
  )
  assert (done.returncode, done.stderr) == (code, 'any: stopped\n')
