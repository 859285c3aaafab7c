import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
import pytest

from sadtalker_jax import errors
from sadtalker_jax.training import sharding


def shape(*sizes):
  return jax.ShapeDtypeStruct(sizes, jnp.float32)


def spec(mesh, *sizes, overrides=()):
  tree = {'params': {'kernel': shape(*sizes)}}
  return sharding.of_state(tree, mesh, overrides)['params']['kernel'].spec


def test_the_largest_dimension_that_divides_is_cut():
  mesh = sharding.make_mesh({'data': 4, 'fsdp': 2})
  assert spec(mesh, 3, 3, 512, 256) == P(None, None, 'fsdp', None)
  assert spec(mesh, 3, 3, 256, 256) == P(None, None, None, 'fsdp')
  assert spec(mesh, 3, 7, 7, 333) == P()  # nothing divides
  assert spec(mesh, 8, 8) == P()  # too small


def test_without_fsdp_everything_is_whole():
  assert spec(sharding.make_mesh({'data': 8}), 512, 512) == P()


def test_the_first_override_that_fits_decides():
  mesh = sharding.make_mesh({'data': 4, 'model': 2})
  overrides = ((r'params/ker', (None, 'model')), (r'kernel', ('data', None)))
  with pytest.raises(errors.InputError, match='name a parameter'):
    spec(mesh, 512, 512, overrides=overrides)
  with pytest.raises(errors.InputError, match='name a parameter'):
    spec(mesh, 512, 512, overrides=2 * overrides[:1])
  assert spec(mesh, 512, 512, overrides=overrides[:1]) == P(None, 'model')


def test_overrides_must_fit():
  mesh = sharding.make_mesh({'data': 4, 'model': 2})
  with pytest.raises(errors.InputError, match='does not fit'):
    spec(mesh, 511, 512, overrides=(('kernel', ('model', None)),))
  with pytest.raises(errors.InputError, match='does not fit'):
    spec(mesh, 512, overrides=(('kernel', ('model', None)),))


def test_networks_compute_with_whole_parameters():
  mesh = sharding.make_mesh({'data': 2, 'fsdp': 2, 'model': 2})
  overrides = (('two', ('fsdp', 'model')),)
  state = {'params': {'one': jnp.ones((512, 512)), 'two': jnp.ones((64, 64))}}
  shardings = sharding.of_state(state, mesh, overrides)
  placed = jax.device_put(state, shardings)['params']
  assert placed['one'].sharding.spec == P(None, 'fsdp')
  found = jax.jit(lambda p: sharding.gathered(p, mesh, overrides))(placed)
  assert found['one'].sharding.is_fully_replicated
  assert found['two'].sharding.spec == P(None, 'model')


def test_one_axis_takes_the_devices_that_are_left():
  mesh = sharding.make_mesh({'data': -1, 'fsdp': 2})
  assert dict(mesh.shape) == {'data': 4, 'fsdp': 2, 'model': 1}


@pytest.mark.parametrize(
  'wrong', [{'data': 3}, {'row': 4}, {'data': -1, 'fsdp': 3}]
)
def test_a_mesh_must_use_all_devices(wrong):
  with pytest.raises(errors.InputError, match='mesh: expected axes'):
    sharding.make_mesh(wrong)


def test_a_batch_must_divide_over_mesh_and_parts():
  mesh = sharding.make_mesh({'data': 4, 'fsdp': 2})
  sharding.check_batch(16, 2, mesh)
  with pytest.raises(errors.InputError, match='multiple of .* = 16, found 24'):
    sharding.check_batch(24, 2, mesh)


def test_memory_of_a_device_counts_shards():
  mesh = sharding.make_mesh({'fsdp': 8})
  tree = {'a': shape(512, 512), 'b': shape(3)}
  shardings = sharding.of_state(tree, mesh)
  assert sharding.bytes_per_device(tree, shardings) == 512 * 512 // 2 + 12
