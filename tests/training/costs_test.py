"""Costs of a step, and the forecast of a run."""

import dataclasses

import jax
from jax.sharding import NamedSharding, PartitionSpec
import numpy as np
import pytest

from configs import expnet, posevae, recon
from sadtalker_jax import errors
from sadtalker_jax.training import costs, planning, sharding
from tests.training import fakes
import train


def _costs(**changes):
  fields = {
    'flops': 3 * 10**12,
    'model_flops': 2 * 10**12,
    'devices': 4,
    'kind': 'some',
    'state': 2**30,
    'batch': 2**20,
    'frozen': 0,
    'memory': costs.Memory(100, 60, 50, 2**30),
    'peak': 10**12,
  }
  return costs.Costs(**{**fields, **changes})


def test_utilisation_is_the_share_of_all_devices_without_repeats():
  assert _costs().utilisation(0.5) == {'mfu': 0.25}
  assert _costs(peak=None).utilisation(0.5) == {}


def test_memory_counts_a_donated_buffer_once():
  assert _costs().memory.total == 100 + 60 - 50 + 2**30
  assert _costs().scalars()['cost/temporary_gib'] == 1
  assert 'cost/device_gib' not in _costs(memory=None).scalars()


def test_what_is_computed_again_is_told():
  assert 'of which 1 computed again' in _costs().lines()[0]
  same = dataclasses.replace(_costs(), model_flops=3 * 10**12)
  assert 'again' not in same.lines()[0]


@pytest.mark.parametrize(
  ('kind', 'half', 'single'),
  [
    ('NVIDIA A100-SXM4-80GB', 312e12, 156e12),
    ('NVIDIA H100 80GB HBM3', 989e12, 494e12),
    ('NVIDIA H100 PCIe', 756e12, 378e12),
    ('NVIDIA L40S', 362e12, 183e12),
    ('TPU v5 lite', 197e12, 197e12),
    ('TPU v5', 459e12, 459e12),
    ('cpu', None, None),
  ],
)
def test_peaks_go_by_the_name_of_the_device(kind, half, single):
  assert costs.peak(kind, 'bfloat16') == half
  assert costs.peak(kind, 'float32') == single


def test_products_equal_those_of_xla_where_nothing_loops():
  mesh = sharding.make_mesh({'data': 8})
  rows = sharding.of_batch(mesh)
  whole = NamedSharding(mesh, PartitionSpec())

  def step(state, batch, frozen):
    del frozen
    return state @ state.T, {'x': (batch['x'] @ state).sum()}

  jitted = jax.jit(step, donate_argnums=0)
  state = jax.ShapeDtypeStruct((16, 16), np.float32, sharding=whole)
  batch = {'x': jax.ShapeDtypeStruct((8, 16), np.float32, sharding=rows)}
  program, found = costs.compiled(jitted, state, batch, {}, dtype='float32')
  assert found.flops == found.model_flops == 2 * (16**3 + 8 * 16 * 16)
  # XLA counts the additions of the sum, too.
  xla = jitted.lower(state, batch, {}).cost_analysis()['flops']
  assert found.flops <= xla < found.flops + 200
  assert (found.devices, found.kind, found.peak) == (8, 'cpu', None)
  assert (found.state, found.batch) == (16 * 16 * 4, 16 * 4)
  assert found.memory.arguments == found.state + found.batch
  x = jax.device_put(np.ones((8, 16), np.float32), rows)
  w = jax.device_put(np.ones((16, 16), np.float32), whole)
  assert program(w, {'x': x}, {})[1]['x'] == 8 * 16 * 16


def test_maps_too_large_for_a_gpu_are_refused():
  rows = sharding.of_batch(sharding.make_mesh({'data': 8}))
  batch = jax.ShapeDtypeStruct((16, 4), np.float32, sharding=rows)
  sharding.check_maps(8 * (2**31 - 1), batch)
  with pytest.raises(errors.InputError, match='accumulate or mesh.data 3'):
    sharding.check_maps(2 * 8 * 2**31, batch)


def test_the_cost_of_a_stage_is_told():
  mesh = sharding.make_mesh({'data': 8})
  whole = NamedSharding(mesh, PartitionSpec())
  stage = fakes.FourNumbers()
  put = lambda x: jax.device_put(x, whole)  # noqa: E731
  state = jax.tree.map(put, stage.init(jax.random.key(0)))
  batch = next(fakes.Counted(sharding.of_batch(mesh)))
  step = costs.jitted(stage, jax.tree.map(lambda x: x.sharding, state), whole)
  frozen = jax.tree.map(put, dict(stage.frozen))
  _, found = costs.compiled(step, state, batch, frozen, dtype='float32')
  assert found.flops == 0  # it has no matrix product
  assert found.batch == 4 * 4 and found.frozen == 4


@pytest.fixture
def frozen(monkeypatch):
  """What is frozen in each forecast: the step is traced, not compiled."""
  seen = []

  def compiled(step, state, batch, frozen, **options):
    jax.eval_shape(step, state, batch, frozen)
    seen.append(frozen)
    return None, _costs(state=costs.held(state), kind='cpu')

  monkeypatch.setattr(costs, 'compiled', compiled)
  return seen


def _forecast(config, **changes):
  for name, value in changes.items():
    config[name] = value
  return planning.forecast(config, train.examples)


def test_a_forecast_tells_mesh_and_memory(frozen):
  config = posevae.get_test_config()
  config.mesh = {'data': 4, 'fsdp': 2, 'model': 1}
  config.batch_size = 8
  found = _forecast(config)
  text = found.text()
  assert 'posevae on a mesh of data 4 x fsdp 2 x model 1' in text
  assert "XLA's compiler for CPU" in text and "'fsdp'" in text
  leaves = jax.tree.leaves(found.state)
  whole = sum(x.size * x.dtype.itemsize for x in leaves)
  assert whole / 2 < found.costs.state < whole
  assert not frozen[0]['networks']


def test_a_forecast_gathers_parameters_where_fsdp_cuts_them(monkeypatch):
  traces = []

  def compiled(step, state, batch, frozen, **options):
    traces.append(str(step.trace(state, batch, frozen).jaxpr))
    return None, _costs(kind='cpu')

  monkeypatch.setattr(costs, 'compiled', compiled)
  config = posevae.get_test_config()
  _forecast(config, batch_size=8, mesh={'data': 4, 'fsdp': 2})
  _forecast(config, batch_size=8, mesh={'data': 8})
  assert ['sharding_constraint' in trace for trace in traces] == [True, False]


def test_a_forecast_needs_neither_bundle_nor_face(frozen):
  _forecast(recon.get_config(), batch_size=8)
  _forecast(expnet.get_config(), batch_size=8)
  assert set(frozen[0]['networks']) == {'arcface'}
  assert frozen[0]['data']['face'].mean.shape == (35709, 3)
  assert set(frozen[1]['networks']) == {'lipreader'}


def test_a_forecast_finds_faults():
  with pytest.raises(errors.InputError, match='batch_size: expected'):
    _forecast(posevae.get_test_config(), batch_size=3)
