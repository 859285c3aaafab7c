"""Batches on devices: order, sharding, errors, time waited."""

import threading
import time

import grain
import jax
import numpy as np
import pytest

import input_pipeline
from input_pipeline import batches, synthetic
from sadtalker_jax import errors

AXES = jax.sharding.PartitionSpec


def _mesh(shape, names):
  devices = np.array(jax.devices()[: int(np.prod(shape))]).reshape(shape)
  return jax.sharding.Mesh(devices, names)


@pytest.mark.parametrize(
  'shape, names, axes',
  [
    ((4,), ('data',), 'data'),
    ((2, 2), ('data', 'fsdp'), ('data', 'fsdp')),
    ((2, 2), ('data', 'model'), 'data'),
    ((1,), ('data',), None),
  ],
)
def test_batches_are_sharded_and_in_order(folder, shape, names, axes):
  sharding = jax.sharding.NamedSharding(_mesh(shape, names), AXES(axes))
  made = input_pipeline.create(
    'posevae', folder, batch_size=4, seed=0, sharding=sharding
  )
  plain = input_pipeline.create('posevae', folder, batch_size=4, seed=0)
  assert made.rows == (0, 4)
  for number in range(6):
    batch, wanted = next(made), plain.local(number)
    for key, value in batch.items():
      assert value.sharding == sharding
      np.testing.assert_array_equal(value, wanted[key])
  made.close()


def test_batch_that_does_not_divide_is_named(folder):
  sharding = jax.sharding.NamedSharding(_mesh((4,), ('data',)), AXES('data'))
  with pytest.raises(errors.InputError, match='divide over the mesh, found 6'):
    input_pipeline.create(
      'posevae', folder, batch_size=6, seed=0, sharding=sharding
    )


class _Slow(grain.transforms.Map):
  """Examples that take their time, and fail from the 12th on."""

  def map(self, element):
    time.sleep(0.02)
    if element >= 12:
      raise ValueError('twelve')
    return {'number': np.int32(element)}


def _slow(**reading):
  return batches.Batches(
    grain.MapDataset.range(1000).map(_Slow()),
    batch_size=2,
    identity='slow',
    num_examples=1000,
    reading=batches.ReadSettings(**reading),
  )


def test_error_arrives_after_the_batches_before_it():
  made = _slow()
  for k in range(6):
    assert next(made)['number'].tolist() == [2 * k, 2 * k + 1]
  for _ in range(2):  # and again
    with pytest.raises(ValueError, match='twelve'):
      next(made)
  assert made.state()['next_batch'] == 6


def test_time_waited_is_measured():
  made = _slow(threads=1, ahead=1)
  for _ in range(3):
    next(made)
  assert made.waited > 0.08  # three times 0.04 s, less what overlaps
  assert made.wait_share > 0.8
  made.reset_clock()
  time.sleep(0.3)
  next(made)
  assert made.wait_share < 0.3
  made.close()


def test_closing_leaves_no_thread_and_can_be_undone():
  before = threading.active_count()
  made = synthetic.create('posevae', batch_size=1, seed=0)
  first = next(made)
  made.close()
  made.close()
  deadline = time.time() + 10  # Grain does not wait for its idle threads
  while threading.active_count() > before and time.time() < deadline:
    time.sleep(0.02)
  assert threading.active_count() <= before
  made.seek(0)
  again = next(made)
  np.testing.assert_array_equal(again['pose'], first['pose'])
  made.close()


@pytest.mark.parametrize('name', ['threads', 'ahead', 'on_device'])
def test_impossible_reading_is_named(name):
  with pytest.raises(errors.InputError, match=f'{name} from 1, found 0'):
    batches.ReadSettings(**{name: 0})
