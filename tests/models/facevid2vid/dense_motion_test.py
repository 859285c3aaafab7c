"""Dense motion: sizes, jit, gradients, and its switches."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models.facevid2vid import dense_motion
from sadtalker_jax.ops.sampling import grids
from tests.models import checks


def _module(**changes):
  config = {
    'num_keypoints': 3,
    'compress': 2,
    'block_expansion': 4,
    'max_features': 8,
    'num_blocks': 1,
    'mask_threshold': 0.0,
  }
  return dense_motion.DenseMotion(**{**config, **changes})


def _inputs():
  rng = np.random.default_rng(0)
  volume = rng.standard_normal((2, 3, 8, 8, 5)).astype(np.float32)
  source, driving = rng.uniform(-0.8, 0.8, (2, 2, 3, 3)).astype(np.float32)
  return volume, source, driving


@functools.cache
def _apply(**changes):
  """The answer of a module without training, by one program."""
  module = _module(**changes)
  return checks.jit(functools.partial(module.apply, train=False))


@functools.cache
def _weights():
  init = checks.jit(_module().init, static_argnames='train')
  return init(jax.random.key(1), *_inputs(), train=False)


def test_size_is_the_published_one():
  module = dense_motion.DenseMotion()

  def init(key, *inputs):
    return module.init(key, *inputs, train=False)

  keypoints = jnp.zeros((1, 15, 3))
  shapes = jax.eval_shape(
    init, jax.random.key(0), jnp.zeros((1, 16, 64, 64, 32)), *[keypoints] * 2
  )
  leaves = jax.tree.leaves(shapes['params'])
  assert sum(leaf.size for leaf in leaves) == 43_545_549


def test_jit_changes_nothing():
  module = _module()
  weights = _weights()
  jitted = jax.jit(module.apply, static_argnames='train')
  for plain, fast in zip(
    module.apply(weights, *_inputs(), train=False),
    jitted(weights, *_inputs(), train=False),
    strict=True,
  ):
    np.testing.assert_allclose(plain, fast, rtol=1e-4, atol=1e-5)


def test_gradients_are_finite_on_an_empty_volume_and_equal_keypoints():
  module = _module(mask_threshold=1e-3)
  weights = _weights()
  volume, source, _ = _inputs()

  def total(params, volume, source, driving):
    motion, _ = module.apply(
      {**weights, 'params': params},
      volume,
      source,
      driving,
      train=True,
      mutable=['batch_stats'],
    )
    return sum(jnp.square(x).sum() for x in motion)

  gradients = checks.jit(jax.grad(total, range(4)))(
    weights['params'], jnp.zeros_like(volume), source, source
  )
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradients))


def test_equal_keypoints_do_not_move_the_volume():
  volume, source, _ = _inputs()
  motion = _apply()(_weights(), volume, source, source)
  still = np.broadcast_to(grids.coordinate_grid(3, 8, 8), (2, 3, 8, 8, 3))
  np.testing.assert_allclose(motion.deformation, still, atol=1e-6)


def test_shares_below_the_threshold_move_nothing():
  weights = _weights()
  volume, source, driving = _inputs()
  plain = _module().apply(weights, *_inputs(), train=False)
  threshold = float(np.median(plain.mask))
  cut = _module(mask_threshold=threshold).apply(
    weights, volume, source, driving, train=False
  )
  np.testing.assert_array_equal(cut.mask, plain.mask)
  kept = np.where(plain.mask < threshold, 0, plain.mask)
  shift = np.pad(source - driving, ((0, 0), (1, 0), (0, 0)))
  np.testing.assert_allclose(
    cut.deformation, grids.mixed_motion(kept, shift), atol=1e-6
  )
  np.testing.assert_array_equal(cut.occlusion, plain.occlusion)


def test_aligned_corners_change_what_the_hourglass_sees():
  weights = _weights()
  plain = _apply()(weights, *_inputs())
  aligned = _apply(grid_align_corners=True)(weights, *_inputs())
  assert np.abs(plain.mask - aligned.mask).max() > 1e-4


def test_halves_go_in_and_float32_comes_out():
  weights = _weights()
  volume, source, driving = _inputs()
  with jax.numpy_dtype_promotion('standard'):  # Linen's batch norm needs it
    motion = _apply(dtype=jnp.bfloat16)(
      weights, jnp.asarray(volume, jnp.bfloat16), source, driving
    )
  assert all(x.dtype == jnp.float32 for x in motion)
  want = _apply()(weights, volume, source, driving)
  np.testing.assert_allclose(motion.mask, want.mask, atol=0.05)
