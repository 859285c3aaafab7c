"""The generators: sizes, jit, gradients, steps apart, switches, types."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models import zoo
from sadtalker_jax.models.facevid2vid import (
  appearance,
  generator,
  plain_decoder,
  spade,
)
from tests.models import checks

NAMES = {'spade': 'generator', 'plain': 'generator_plain'}
KINDS = tuple(NAMES)


SMALL = {
  'features': 4,
  'volume_features': 4,
  'depth': 3,
  'num_blocks': 1,
  'motion_features': 4,
  'motion_max_features': 8,
  'motion_blocks': 1,
}


def _inputs():
  rng = np.random.default_rng(0)
  source, driving = rng.uniform(-0.8, 0.8, (2, 2, 15, 3)).astype(np.float32)
  return checks.picture(2, 16, 16, 3), source, driving


@functools.cache
def _weights(kind='spade'):
  return zoo.noise(NAMES[kind], **SMALL)


@functools.cache
def _step(kind='spade', method=None, **changes):
  module = generator.Generator(kind, **{**SMALL, **changes})
  return checks.jit(functools.partial(module.apply, method=method, train=False))


@pytest.mark.parametrize(
  'name, size', [('generator', 100_988_176), ('generator_plain', 53_101_392)]
)
def test_size_is_the_published_one(name, size):
  assert checks.parameters(name) == size


@pytest.mark.parametrize('size', [256, 512])
def test_one_network_serves_both_resolutions(size):
  module = zoo.build('generator')
  output = jax.eval_shape(
    lambda *args: module.apply(*args, train=False),
    zoo.shapes('generator'),
    jax.ShapeDtypeStruct((2, size, size, 3), jnp.float32),
    *[jax.ShapeDtypeStruct((2, 15, 3), jnp.float32)] * 2,
  )
  assert output.prediction.shape == (2, size, size, 3)
  assert output.volume.shape == (2, 16, size // 4, size // 4, 32)


@pytest.mark.parametrize(
  'part',
  [
    appearance.AppearanceEncoder(3, 2, 2, num_blocks=1),
    spade.SpadeDecoder(2, num_blocks=1, hidden=3),
    plain_decoder.PlainDecoder(2, num_blocks=1),
  ],
  ids=lambda part: type(part).__name__,
)
def test_jit_changes_nothing(part):
  checks.jit_changes_nothing(part, checks.picture(2, 8, 8, 3), train=False)


@pytest.mark.parametrize('kind', KINDS)
def test_steps_apart_give_the_same_picture(kind):
  weights = _weights(kind)
  image, source, driving = _inputs()
  whole = _step(kind)(weights, image, source, driving)
  volume = _step(kind, 'encode')(weights, image)
  motion = _step(kind, 'motion')(weights, volume, source, driving)
  picture = _step(kind, 'decode')(weights, volume, motion)
  np.testing.assert_allclose(picture, whole.prediction, atol=1e-5)


@pytest.mark.parametrize('kind', KINDS)
def test_training_moves_every_statistic_and_gradients_are_finite(kind):
  weights = _weights(kind)

  def loss(params, image, source, driving):
    output, changed = generator.Generator(kind, **SMALL).apply(
      {**weights, 'params': params},
      image,
      source,
      driving,
      train=True,
      mutable=['batch_stats'],
    )
    return jnp.square(output.prediction).sum(), changed

  # A black picture, and keypoints all at one place.
  step = checks.jit(jax.grad(loss, range(4), has_aux=True))
  gradients, _ = step(weights['params'], *[0 * x for x in _inputs()])
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradients))
  gradients, changed = step(weights['params'], *_inputs())
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradients))
  before = jax.tree.leaves_with_path(weights['batch_stats'])
  after = jax.tree.leaves(changed['batch_stats'])
  for (path, a), b in zip(before, after, strict=True):
    assert np.isfinite(b).all()
    assert np.any(a != b), path


def test_keypoints_that_agree_do_not_matter():
  image, source, driving = _inputs()
  first = _step(mask_threshold=0.0)(_weights(), image, source, source)
  other = _step(mask_threshold=0.0)(_weights(), image, driving, driving)
  np.testing.assert_allclose(first.prediction, other.prediction, atol=1e-4)


def test_hidden_cells_take_nothing_from_the_volume():
  image, source, driving = _inputs()
  weights = _weights()
  output = _step()(weights, image, source, driving)
  hidden = output.motion._replace(
    occlusion=jnp.zeros_like(output.motion.occlusion)
  )
  decode = _step('spade', 'decode')
  picture = decode(weights, output.volume, hidden)
  np.testing.assert_allclose(
    picture, decode(weights, 2 + output.volume, hidden), atol=1e-6
  )
  assert np.abs(picture - output.prediction).max() > 1e-3


def test_switches_reach_the_motion_and_the_sampling():
  plain = _step()(_weights(), *_inputs())
  cut = _step(mask_threshold=0.5)(_weights(), *_inputs())
  aligned = _step(grid_align_corners=True)(_weights(), *_inputs())
  for other in (cut, aligned):
    assert np.abs(plain.prediction - other.prediction).max() > 1e-4


@pytest.mark.parametrize('kind', KINDS)
def test_halves_paint_nearly_the_same(kind):
  want = _step(kind)(_weights(kind), *_inputs())
  with jax.numpy_dtype_promotion('standard'):  # Linen's batch norm needs it
    found = _step(kind, dtype=jnp.bfloat16)(_weights(kind), *_inputs())
  assert found.volume.dtype == jnp.bfloat16
  assert found.prediction.dtype == jnp.float32
  error = np.abs(found.prediction - want.prediction)
  assert error.mean() < 0.01  # eight bits of mantissa, some 20 layers


def test_volume_channels_are_split_channel_first():
  x = np.arange(2 * 3 * 4 * 6, dtype=np.float32).reshape(2, 3, 4, 6)
  volume = appearance.to_volume(jnp.asarray(x), 2)
  assert volume.shape == (2, 2, 3, 4, 3)
  np.testing.assert_array_equal(volume[1, 1, 2, 3], x[1, 2, 3, 1::2])
  np.testing.assert_array_equal(appearance.from_volume(volume), x)


def test_spade_sees_the_nearest_cell_of_its_condition():
  module = spade.Spade(hidden=4)
  x = checks.picture(1, 8, 8, 3)
  condition = checks.picture(1, 4, 4, 5, seed=1)
  weights = checks.weights(module, x, condition)
  repeated = condition.repeat(2, 1).repeat(2, 2)
  np.testing.assert_allclose(
    module.apply(weights, x, condition),
    module.apply(weights, x, repeated),
    atol=2e-5,  # numbers up to 15, taps added in another order
  )
