"""What is read from a compiled program, and how a missing compiler is said."""

import importlib.util
import pathlib
import types

import jax
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.benchmarks.accelerator import plan
from sadtalker_jax.benchmarks.described import (
  devices,
  hlo,
  programs,
  roofline,
)
from sadtalker_jax.cli import bench
from sadtalker_jax.training import initial_state, planning, sharding, stages

# As XLA writes it, shortened. For a TPU there is a fused convolution, whose
# kernel stays in the memory of a core.
_HERE = pathlib.Path(__file__).parent / 'hlo'
_GPU, _TPU = ((_HERE / f'{name}.txt').read_text() for name in ('gpu', 'tpu'))


def test_kernels_of_a_gpu_have_bytes_flops_and_layouts():
  found = {kernel.name: kernel for kernel in hlo.kernels(_GPU)}
  names = ['kernel', 'flat', 'deep', 'row', 'sent', 'summed', 'worked']
  assert list(found) == [*names, 'product']
  assert found['kernel'].kind == 'move'
  taps, pixels = 2 * 9 * 32 * 64, 2 * 8 * 16 * 16
  assert found['kernel'].bytes == 2 * taps
  assert found['flat'].bytes == taps + pixels * (32 + 64)
  assert found['flat'].flops == 2 * 8 * 16 * 16 * 64 * 9 * 32
  assert found['flat'].convolutions == (hlo.Convolution(4, True),)
  assert found['deep'].convolutions == (hlo.Convolution(5, False),)
  assert found['deep'].flops == 2 * 2 * 9 * 5 * 6 * 7 * 4
  # A loop's kernel counts as often as it runs; it reads one row of a hundred.
  assert (found['row'].times, found['row'].bytes) == (100, 32 + 32 + 4)
  assert found['product'].flops == 2 * 8 * 3 * 5
  # What is sent while something is computed, and what is waited for.
  sent, summed = found['sent'], found['summed']
  assert sent.kind == summed.kind == 'collective'
  assert (sent.hidden, summed.hidden) == (True, False)
  assert (sent.bytes, summed.bytes) == (4 * 5 * (8 + 64), 4 * 5 * 3)


def test_kernels_of_a_tpu_are_fusions():
  (kernel,) = hlo.kernels(_TPU)
  assert kernel.kind == 'convolution'
  assert kernel.flops == 2 * 8 * 4 * 4 * 16 * 32
  assert kernel.bytes == 2 * 8 * 4 * 4 * (32 + 16)
  assert kernel.cycles == 457926
  built = programs.Compiled(_TPU, 1, 1, 1, 1.0)
  found = roofline.figures(built, devices.DEVICES['v5e'], 'bfloat16', 2)
  assert found['cycles_each'] == 457926 / 2


def test_a_bound_is_the_longer_of_arithmetic_and_bytes():
  built = programs.Compiled(_GPU, 8 * 10**9, 2**30, 2**31, 1.0)
  found = roofline.figures(built, devices.DEVICES['h200'], 'bfloat16', 8)
  assert found['kernels'] == 107
  assert found['convolutions_of_rank_5'] == 1
  assert found['convolutions_channels_first'] == 1
  assert (found['gflop_each'], found['temporaries_gib']) == (1, 2)
  longest = max(found['arithmetic_ms_each'], found['memory_ms_each'])
  both = found['arithmetic_ms_each'] + found['memory_ms_each']
  assert longest <= found['bound_ms_each'] <= both
  assert found['bound_per_second'] == pytest.approx(
    1000 / found['bound_ms_each']
  )
  eight = roofline.figures(built, devices.DEVICES['h200'], 'bfloat16', 8, 8)
  assert (eight['collectives'], eight['collectives_hidden']) == (2, 1)
  assert eight['gb_each'] == pytest.approx(8 * found['gb_each'])


def test_the_renderer_is_compiled_for_the_device_that_is_given(monkeypatch):
  monkeypatch.setattr(plan, 'FULL', plan.SMALL)
  programs._weights.cache_clear()
  device = jax.devices()[0]
  quick = initial_state.once(sharding.make_mesh({'data': 1}, [device]))
  kinds = {'batch': 1, 'dtype': 'float32', 'size': 32, 'options': quick}
  built = programs.build('render', [device], **kinds)
  programs._weights.cache_clear()
  assert built.flops > 0 and built.temporaries > 0
  assert hlo.kernels(built.text)


def test_a_step_is_that_of_its_config_with_another_batch(monkeypatch):
  asked = []

  def forecast(config, examples, *, devices, options):
    typed = stages.read(config)
    asked.append((config, examples(typed), devices))
    program = jax.jit(lambda x: x @ x).lower(np.ones((4, 4))).compile()
    return types.SimpleNamespace(
      program=program, costs=types.SimpleNamespace(flops=128)
    )

  monkeypatch.setattr(planning, 'forecast', forecast)
  kinds = {'batch': 3, 'dtype': 'bfloat16', 'size': 256}
  built = programs.build('renderer:512', ['a device', 'another'], **kinds)
  ((config, examples, where),) = asked
  assert (config.batch_size, config.dtype) == (3, 'bfloat16')
  assert examples['source'].shape == (512, 512, 3)
  assert (config.mesh.data, config.mesh.fsdp) == (1, 2)
  assert where == ['a device', 'another']
  assert built.flops == 128 and built.text


@pytest.mark.parametrize('name', sorted(devices.DEVICES))
def test_a_missing_compiler_is_one_line(name, monkeypatch, capsys):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  assert bench.main(['compile', '--device', name]) == 2
  said = capsys.readouterr().err
  extra = 'tpu' if name == 'v5e' else 'cuda13'
  assert f'--device {name}' in said and f'sadtalker-jax[{extra}]' in said
  assert said.count('\n') == 1


def test_a_program_that_there_is_not_is_one_line():
  kinds = {'batch': 1, 'dtype': 'float32', 'size': 256}
  with pytest.raises(errors.InputError, match='found renderers'):
    programs.build('renderers', [None], **kinds)
  with pytest.raises(errors.InputError, match='1 or more'):
    programs.build('render', [None], **{**kinds, 'batch': 0})
  with pytest.raises(errors.InputError, match='--devices: expected 1 for rend'):
    programs.build('render', [None, None], **kinds)


def test_a_process_of_its_own_looks_for_no_devices():
  environment = {'JAX_PLATFORMS': 'cuda'}
  devices.look_away(environment)
  assert environment['JAX_PLATFORMS'] == 'cuda'
  assert environment['JAX_ENABLE_COMPILATION_CACHE'] == 'false'
  # More than one may compile for a TPU at a time.
  assert environment['ALLOW_MULTIPLE_LIBTPU_LOAD'] == '1'
