"""Presets of XLA's flags: off by default, known to XLA, read in time."""

import os
import subprocess
import sys

import pytest

from sadtalker_jax import errors
from sadtalker_jax.training import xla_presets


def test_no_preset_leaves_the_environment_alone():
  environment = {'HOME': 'here'}
  xla_presets.apply('none', environment)
  assert environment == {'HOME': 'here'}


def test_what_the_user_set_comes_last():
  mine = '--xla_gpu_enable_latency_hiding_scheduler=false'
  environment = {'XLA_FLAGS': mine}
  xla_presets.apply('gpu', environment)
  flags = environment['XLA_FLAGS'].split()
  assert flags == [*xla_presets.PRESETS['gpu'], mine]


def test_an_unknown_preset_is_one_line():
  with pytest.raises(errors.InputError, match="none gpu, found 'fast'"):
    xla_presets.apply('fast', {})


def test_xla_knows_every_flag():
  # It ends the process at a flag that it does not know.
  flags = ' '.join(xla_presets.PRESETS['gpu'])
  for more, code in (('', 0), (' --xla_gpu_no_such_flag=true', 1)):
    done = subprocess.run(
      [sys.executable, '-c', 'import jax; jax.devices()'],
      env={**os.environ, 'JAX_PLATFORMS': 'cpu', 'XLA_FLAGS': flags + more},
      capture_output=True,
      timeout=120,
    )
    assert done.returncode == code, done.stderr


def test_train_sets_them_before_devices_are_looked_for():
  """A flag of a preset that XLA does not know ends `train.py`."""
  code = (
    'import sys\n'
    'from sadtalker_jax.training import xla_presets\n'
    'xla_presets.PRESETS["gpu"] = ("--xla_no_such_flag=1",)\n'
    'sys.argv = ["train.py", "--config=configs/syncnet.py:test", "--plan",\n'
    '            *sys.argv[1:]]\n'
    'import runpy\n'
    'runpy.run_path("train.py", run_name="__main__")\n'
  )
  for preset, word, code_found in (
    ('gpu', b'xla_no_such_flag', 1),
    ('fast', b"--xla_preset: expected one of none gpu, found 'fast'", 2),
  ):
    done = subprocess.run(
      [sys.executable, '-c', code, f'--xla_preset={preset}'],
      capture_output=True,
      env={**os.environ, 'PYTHONPATH': os.getcwd()},
      timeout=120,
    )
    assert done.returncode == code_found, done.stderr
    assert word in done.stderr
