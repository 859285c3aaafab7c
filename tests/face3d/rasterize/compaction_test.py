"""Prefix sums against numpy's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.face3d.rasterize import compaction


@pytest.mark.parametrize('number', [1, 31, 32, 1024, 1025, 70_000])
def test_prefix_sums_are_exact(number):
  counts = np.random.default_rng(number).integers(0, 200, number)
  found = jax.jit(compaction.cumsum)(jnp.asarray(counts, jnp.int32))
  np.testing.assert_array_equal(found, np.cumsum(counts))


def test_sums_beyond_int32_are_exact():
  counts = np.full(70_000, 2**22 - 1, np.int32)  # 3e11 in all
  sums, before = compaction.cumsum_rows(jnp.asarray(counts), 'float64')
  before = np.asarray(before)
  assert before[-1] == counts.sum(dtype=np.int64)
  whole = np.asarray(sums, np.float64) + before[:-1, None]
  expected = np.cumsum(counts, dtype=np.int64)
  np.testing.assert_array_equal(whole.reshape(-1)[:70_000], expected)


@pytest.mark.parametrize('share', [0.0, 0.3, 1.0])
def test_indices_list_what_is_true(share):
  mask = np.random.default_rng(0).uniform(size=3000) < share
  found, count = compaction.indices(jnp.asarray(mask))
  assert count == mask.sum()
  np.testing.assert_array_equal(found[:count], np.nonzero(mask)[0])
  assert (np.asarray(found)[mask.sum() :] == 3000).all()
