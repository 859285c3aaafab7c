"""Settings of jax in the environment change no frame and end no run."""

import os
import subprocess
import sys
import types

import jax
import numpy as np
import pytest

import sadtalker_jax
from sadtalker_jax import jax_settings
from sadtalker_jax.inference import bundle

TONE = 0.3 * np.sin(np.arange(3200) / 14).astype(np.float32)


def _frames() -> list[np.ndarray]:
  animator = sadtalker_jax.Animator()
  clip = animator.animate(bundle.SAMPLE_PORTRAIT, (TONE, 16000))
  return list(clip.frames())


def test_frames_do_not_depend_on_the_callers_settings():
  clip = _frames()
  with (
    jax.enable_x64(True),
    jax.numpy_dtype_promotion('strict'),
    jax.numpy_rank_promotion('raise'),
  ):
    frames = _frames()
    assert jax.config.jax_enable_x64
  np.testing.assert_array_equal(frames, clip)


def test_programs_say_that_a_setting_has_no_effect(monkeypatch, caplog):
  monkeypatch.setenv('JAX_ENABLE_X64', '1')
  monkeypatch.setenv('JAX_NUMPY_RANK_PROMOTION', 'allow')
  monkeypatch.delitem(sys.modules, 'jax')
  jax_settings.enforce()
  assert 'JAX_ENABLE_X64' not in os.environ
  assert [r.getMessage() for r in caplog.records] == [
    'JAX_ENABLE_X64=1 has no effect here'
  ]


def test_a_platform_that_is_not_here_is_one_line():
  if any(device.platform == 'gpu' for device in jax.devices()):
    pytest.skip('CUDA is here')
  done = subprocess.run(
    [sys.executable, '-m', 'sadtalker_jax.cli.animate', '--result_dir', '/tmp'],
    env=os.environ | {'JAX_PLATFORMS': 'cuda'},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 2, done.stderr
  (line,) = [x for x in done.stderr.splitlines() if 'JAX_PLATFORMS' in x]
  assert "found 'cuda'" in line and 'Traceback' not in done.stderr


def test_the_version_of_cudnn_is_noted_on_gpus_alone(monkeypatch, caplog):
  caplog.set_level('INFO', logger='absl')
  plugin = types.ModuleType('jax_cuda12_plugin._versions')
  monkeypatch.setitem(sys.modules, 'jax_cuda13_plugin', None)
  monkeypatch.setitem(sys.modules, 'jax_cuda12_plugin', types.ModuleType('x'))
  monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
  jax_settings.note_cudnn('gpu')  # a plugin that tells nothing
  for number, version in ((92801, '9.28.1'), (8906, '8.9.6')):
    plugin.cudnn_get_version = lambda number=number: number
    jax_settings.note_cudnn('cpu')
    jax_settings.note_cudnn('gpu')
    assert jax_settings.cudnn_version() == version
  said = [record.getMessage() for record in caplog.records]
  assert said == ['cuDNN 9.28.1', 'cuDNN 8.9.6']
