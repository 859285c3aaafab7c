"""Shifted volumes against sampling at shifted places, by both forms."""

import functools

from hypothesis import given, settings
from hypothesis import strategies as st
import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jax.test_util import check_grads
import numpy as np
import pytest

from sadtalker_jax.ops import backends
from sadtalker_jax.ops.sampling import grid_sample, grids, shifting

# (depth, height, width), align_corners; 32 rows take two steps.
CASES = [((3, 4, 6), False), ((2, 32, 3), True), ((1, 2, 1), False)]


@pytest.fixture(params=['cpu', 'others'], scope='module')
def form(request):
  """Runs the form of other devices on this one too."""
  patch = pytest.MonkeyPatch()

  def by_device(cpu, others):
    return {'cpu': cpu, 'others': others}[request.param]

  patch.setattr(backends, 'by_device', by_device)
  yield request.param
  patch.undo()
  jax.clear_caches()


def _normal(seed: int, *shape: int) -> np.ndarray:
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _sampled(volume, shift, *, align_corners):
  """By the general sampler, a copy of the volume for each keypoint."""
  batch, *shape, channels = volume.shape
  count = shift.shape[1]
  grid = grids.coordinate_grid(*shape) + shift[:, :, None, None, None]
  copies = jnp.broadcast_to(
    volume[:, None], (batch, count, *shape, channels)
  ).reshape(-1, *shape, channels)
  values = grid_sample.grid_sample_3d(
    copies,
    grid.reshape(-1, *shape, 3),
    padding='zeros',
    align_corners=align_corners,
  )
  return jnp.moveaxis(values.reshape(batch, count, *shape, channels), 1, -2)


@functools.cache
def _pulled(function, align_corners, form):
  """Jitted values and both gradients; `form` keeps those of forms apart."""
  del form

  @jax.jit
  def run(volume, shift, cotangent):
    values, pull = jax.vjp(
      functools.partial(function, align_corners=align_corners), volume, shift
    )
    return values, *pull(cotangent)

  return run


def _check(volume, shift, align_corners, form):
  cotangent = _normal(4, *volume.shape[:4], shift.shape[1], volume.shape[-1])
  inputs = volume, shift, cotangent
  found = _pulled(shifting.shifted, align_corners, form)(*inputs)
  want = _pulled(_sampled, align_corners, form)(*inputs)
  # The same products in another order; gradients are sums of a hundred, times
  # up to 16 cells per unit of shift.
  for a, b, tolerance in zip(found, want, (2e-6, 2e-5, 5e-4), strict=True):
    np.testing.assert_allclose(a, b, atol=tolerance)


@pytest.mark.parametrize(('shape', 'align_corners'), CASES)
def test_shifted_equals_sampling_at_shifted_cells(shape, align_corners, form):
  shift = np.random.default_rng(3).uniform(-0.9, 0.9, (2, 5, 3)).astype('f4')
  shift[0, 1] = 9  # nothing to be seen
  shift[1, 0] = [-2, 0.1, 0.1]
  shift[1, 2] = [0.1, 2.3, -0.1]
  _check(_normal(2, 2, *shape, 2), shift, align_corners, form)


@settings(max_examples=25, deadline=None)
@given(
  st.lists(st.floats(-3, 3, width=32), min_size=6, max_size=6),
  st.booleans(),
)
def test_any_shift_gives_the_values_of_sampling(form, shifts, align_corners):
  volume = _normal(5, 1, 3, 4, 6, 2)
  shift = np.array(shifts, np.float32).reshape(1, 2, 3)
  cotangent = _normal(6, 1, 3, 4, 6, 2, 2)
  found = _pulled(shifting.shifted, align_corners, form)(
    volume, shift, cotangent
  )
  want = _pulled(_sampled, align_corners, form)(volume, shift, cotangent)
  # Places are rounded to 2e-7 of up to 10 cells. The gradient of a shift jumps
  # where places meet the middles of cells: not compared.
  np.testing.assert_allclose(found[0], want[0], atol=2e-5)
  np.testing.assert_allclose(found[1], want[1], atol=1e-4)
  assert np.isfinite(found[2]).all()


def test_gradients_are_those_of_finite_differences(form):
  with jax.enable_x64(True):
    rng = np.random.default_rng(7)
    volume = rng.standard_normal((1, 2, 3, 4, 2))
    shift = np.array([[[0.13, -0.21, 0.34], [-0.47, 0.05, 0.11]]])
    shifted = jax.jit(functools.partial(shifting.shifted, align_corners=True))
    check_grads(
      shifted, (volume, shift), 1, modes=['rev'], atol=1e-7, rtol=1e-7
    )


def test_shifts_that_are_not_numbers_show_nothing(form):
  volume = _normal(8, 1, 2, 3, 4, 1)
  shift = np.float32([np.nan, np.inf, -np.inf, 3e38, 0.1]).repeat(3)
  values, of_volume, of_shift = _pulled(shifting.shifted, False, form)(
    volume, shift.reshape(1, 5, 3), np.ones((1, 2, 3, 4, 5, 1), 'f4')
  )
  np.testing.assert_array_equal(values[..., :4, :], 0)
  assert np.isfinite(of_volume).all()
  np.testing.assert_array_equal(of_shift[:, :4], 0)
  assert np.isfinite(of_shift).all()


def test_no_shift_with_aligned_corners_is_the_volume(form):
  volume = _normal(9, 1, 2, 3, 4, 1)
  shifted = jax.jit(functools.partial(shifting.shifted, align_corners=True))
  same = shifted(volume, np.zeros((1, 1, 3), 'f4'))
  np.testing.assert_allclose(same[..., 0, :], volume, atol=1e-6)


def test_vmap_equals_a_loop(form):
  volume, shift = _normal(10, 2, 1, 2, 3, 4, 2), 0.3 * _normal(11, 2, 1, 3, 3)
  cotangent = _normal(12, 2, 1, 2, 3, 4, 3, 2)
  run = _pulled(shifting.shifted, False, form)
  together = jax.vmap(run)(volume, shift, cotangent)
  for i in (0, 1):
    for one, many in zip(
      run(volume[i], shift[i], cotangent[i]), together, strict=True
    ):
      np.testing.assert_allclose(many[i], one, rtol=1e-5, atol=1e-5)


def test_sharding_the_batch_changes_nothing(form):
  inputs = _normal(13, 2, 2, 3, 4, 2), 0.3 * _normal(14, 2, 3, 3)
  inputs = (*inputs, _normal(15, 2, 2, 3, 4, 3, 2))
  run = _pulled(shifting.shifted, False, form)
  mesh = jax.make_mesh((2,), ('data',), axis_types=(AxisType.Auto,))
  apart = jax.device_put(inputs, NamedSharding(mesh, PartitionSpec('data')))
  for one, other in zip(run(*apart), run(*inputs), strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_halves_are_mixed_in_float32(form):
  volume = jnp.asarray(_normal(16, 1, 2, 3, 4, 2), jnp.bfloat16)
  shift = 0.3 * _normal(17, 1, 2, 3)
  shifted = jax.jit(shifting.shifted)
  found = shifted(volume, shift)
  assert found.dtype == jnp.bfloat16
  want = shifted(volume.astype(jnp.float32), shift)
  np.testing.assert_array_equal(found, want.astype(jnp.bfloat16))
