"""PoseVAE: sizes, its conditions, what training may rely on, conversion."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.conversion import rules
from sadtalker_jax.conversion.tables import sadtalker
from sadtalker_jax.models import zoo
from sadtalker_jax.models.layers import audio_encoder
from tests.models import checks

SMALL = {
  'widths': (2, 3, 4, 5),
  'hidden_size': 8,
  'num_styles': 3,
  'audio_blocks': tuple(
    (features // 16, *rest) for features, *rest in audio_encoder.BLOCKS
  ),
}


@pytest.fixture(scope='module')
def module():
  return zoo.build('posevae', **SMALL)


@pytest.fixture(scope='module')
def weights():
  return zoo.noise('posevae', **SMALL)


@pytest.fixture(scope='module')
def apply(module):
  """The module's answer, by one program."""
  return checks.jit(module.apply, static_argnames='train')


@pytest.fixture(scope='module')
def inputs() -> list[np.ndarray]:
  """Motion, reference, style, mel and noise of two clips."""
  rng = np.random.default_rng(1)
  shapes = (2, 32, 6), (2, 6), (2, 32, 80, 16, 1), (2, 64)
  motion, reference, mel, noise = (
    rng.standard_normal(shape).astype(np.float32) for shape in shapes
  )
  return [motion, reference, np.array([0, 2], np.int32), mel, noise]


def test_size_is_the_published_one():
  leaves = jax.tree.leaves(zoo.shapes('posevae')['params'])
  assert sum(leaf.size for leaf in leaves) == 9_141_944


def test_jit_changes_nothing(module, weights, inputs):
  plain = module.apply(weights, *inputs, train=False)
  jitted = jax.jit(module.apply, static_argnames='train')(
    weights, *inputs, train=False
  )
  for a, b in zip(plain, jitted, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_clips_of_a_batch_do_not_mix(apply, weights, inputs):
  both = apply(weights, *inputs, train=False)
  second = apply(weights, *(x[1:] for x in inputs), train=False)
  for a, b in zip(both, second, strict=True):
    np.testing.assert_allclose(a[1:], b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
  ('changed', 'sense'), [(1, 'sees_reference'), (2, 'sees_style'), (3, 'hears')]
)
def test_a_sense_that_is_off_takes_zeros(
  module, weights, inputs, changed, sense
):
  deprived = zoo.build('posevae', **SMALL, **{sense: False})
  zeros = list(inputs)
  zeros[changed] = np.zeros_like(inputs[changed])
  np.testing.assert_array_equal(
    deprived.apply(weights, *inputs, train=False).motion,
    module.apply(weights, *zeros, train=False).motion,
  )


@pytest.mark.parametrize('changed', [1, 2, 3, 4])
def test_every_condition_matters(apply, weights, inputs, changed):
  before = apply(weights, *inputs, train=False).motion
  other = list(inputs)
  other[changed] = (other[changed] + 1) % 3
  after = apply(weights, *other, train=False).motion
  assert np.abs(after - before).max() > 1e-5


def test_log_variance_is_tied_in_released_weights_only(weights, inputs):
  tied = zoo.build('posevae', **SMALL).apply(weights, *inputs, train=False)
  np.testing.assert_array_equal(tied.mean, tied.log_variance)
  free = zoo.build('posevae', **SMALL, tie_mu_logvar=False).apply(
    weights, *inputs, train=False
  )
  np.testing.assert_array_equal(free.mean, tied.mean)
  assert np.abs(free.log_variance - free.mean).max() > 0.01


def test_gradient_is_finite_and_leaves_the_audio_encoder_alone(
  module, weights, inputs
):
  def loss(params, *inputs):
    result, _ = module.apply(
      {**weights, 'params': params},
      *inputs,
      train=True,
      mutable=['batch_stats'],
    )
    return sum(jnp.sum(jnp.square(x)) for x in result)

  step = checks.jit(jax.grad(loss))
  for scale in (0, 1):  # of the inputs
    given = [(x * scale).astype(x.dtype) for x in inputs]
    gradient = step(weights['params'], *given)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))
    ear = jax.tree.leaves(gradient['audio_encoder'])
    assert not any(x.any() for x in ear)
    assert gradient['encoder']['styles'].any()


def test_training_moves_no_statistics_of_the_audio_encoder(
  module, weights, inputs
):
  step = functools.partial(module.apply, train=True, mutable=['batch_stats'])
  _, changed = checks.jit(step)(weights, *inputs)
  before, after = weights['batch_stats'], changed['batch_stats']
  jax.tree.map(
    np.testing.assert_array_equal,
    before['audio_encoder'],
    dict(after['audio_encoder']),
  )
  mean = 'decoder', 'unet', 'input_norm', 'mean'
  for key in mean:
    before, after = before[key], after[key]
  assert np.abs(before - after).max() > 0


def test_half_precision_runs(apply, weights, inputs):
  module = zoo.build('posevae', **SMALL, dtype=jnp.bfloat16)
  # Linen's batch norm mixes types of numbers on purpose.
  with jax.numpy_dtype_promotion('standard'):
    half = checks.jit(module.apply, static_argnames='train')
    result = half(weights, *inputs, train=False)
  exact = apply(weights, *inputs, train=False)
  assert result.motion.dtype == jnp.bfloat16
  # Three significant digits, through some twenty layers.
  np.testing.assert_allclose(
    np.asarray(result.motion, np.float32), exact.motion, atol=0.1
  )


def test_other_lengths_are_refused(module, weights, inputs):
  motion, reference, style, mel, noise = inputs
  with pytest.raises(ValueError, match='expected 32 frames, found 31'):
    module.apply(
      weights, motion[:, 1:], reference, style, mel, noise, train=False
    )


def test_weights_go_to_the_released_names_and_back():
  variables = zoo.noise('posevae')
  state = rules.export(variables, sadtalker.POSEVAE)
  assert state['netG.encoder.linear_logvar.weight'].shape == (64, 128)
  grow = 'netG.decoder.resunet.upsample_1.upsample.weight'
  assert state[grow].shape == (256, 256, 2, 1)
  state['netD_motion.seq.3.bias'] = np.zeros(1, np.float32)  # same file
  back = rules.convert(
    state, sadtalker.POSEVAE, zoo.shapes('posevae'), 'posevae'
  )
  jax.tree.map(np.testing.assert_array_equal, variables, back)
