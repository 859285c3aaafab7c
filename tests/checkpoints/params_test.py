import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import params


def _variables():
  rng = np.random.default_rng(0)
  return {
    'params': {
      'conv': {'kernel': rng.standard_normal((3, 3, 4, 5)).astype(np.float32)},
      'scalar': np.float32(-0.0),
    },
    'batch_stats': {'norm': {'mean': np.float32([1e-42, np.inf])}},
  }


def _shapes(variables):
  return jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), jnp.float32), variables
  )


def test_variables_come_back_to_the_last_bit(tmp_path):
  variables = _variables()
  params.save(tmp_path / 'net', variables)
  (tmp_path / 'net').rename(tmp_path / 'moved')
  found = params.load(tmp_path / 'moved', _shapes(variables))
  assert jax.tree.structure(found) == jax.tree.structure(variables)
  for here, there in zip(
    jax.tree.leaves(found), jax.tree.leaves(variables), strict=True
  ):
    assert isinstance(here, np.ndarray)
    assert here.tobytes() == np.asarray(there).tobytes()


def test_arrays_of_devices_are_saved_too(tmp_path):
  mesh = jax.make_mesh((4,), ('data',), devices=jax.devices()[:4])
  sharding = jax.NamedSharding(mesh, jax.P('data'))
  values = np.arange(8, dtype=np.float32)
  params.save(
    tmp_path / 'net', {'params': {'x': jax.device_put(values, sharding)}}
  )
  found = params.load(
    tmp_path / 'net', {'params': {'x': jax.ShapeDtypeStruct((8,), jnp.float32)}}
  )
  np.testing.assert_array_equal(found['params']['x'], values)


def test_all_differences_are_named(tmp_path):
  params.save(tmp_path / 'net', _variables())
  shapes = _shapes(_variables())
  shapes['params']['conv']['kernel'] = jax.ShapeDtypeStruct((1, 2), jnp.float32)
  shapes['params']['bias'] = jax.ShapeDtypeStruct((1,), jnp.float32)
  del shapes['batch_stats']
  with pytest.raises(errors.InputError) as error:
    params.load(tmp_path / 'net', shapes)
  assert '1 missing: params/bias' in str(error.value)
  assert '1 not expected: batch_stats/norm/mean' in str(error.value)
  assert 'expected shape [1, 2], found [3, 3, 4, 5]' in str(error.value)


def test_other_folders_are_refused(tmp_path):
  with pytest.raises(errors.InputError, match='found none'):
    params.load(tmp_path / 'nothing', _shapes(_variables()))
  with pytest.raises(errors.InputError, match='found none'):
    params.load(tmp_path, _shapes(_variables()))
