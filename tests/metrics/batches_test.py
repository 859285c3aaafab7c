"""Networks over clips."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.metrics import batches


class _Pose(NamedTuple):
  feature: jax.Array
  yaw: jax.Array


@pytest.mark.parametrize('count', [1, 4, 5, 8, 11])
def test_every_row_is_answered_once(count):
  rows = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
  shapes = []

  @jax.jit
  def network(x, y):
    shapes.append(x.shape)
    return _Pose(x * 2, (x - y).sum(-1))

  found = batches.apply(network, rows, jnp.ones((count, 3)), size=4)
  np.testing.assert_array_equal(found.feature, rows * 2)
  np.testing.assert_allclose(found.yaw, (rows - 1).sum(1), rtol=1e-5)
  assert isinstance(found.yaw, np.ndarray)
  assert shapes == [(4, 3)]  # one compilation


def test_other_input_is_told():
  for arrays in ([np.ones(0)], [np.ones(2), np.ones(3)]):
    with pytest.raises(ValueError, match='one number of rows'):
      batches.apply(lambda *x: x[0], *arrays)
  with pytest.raises(ValueError, match='batches of 0'):
    batches.apply(lambda x: x, np.ones(3), size=0)
