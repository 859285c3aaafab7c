"""The discriminator of head motion: size, gradients, conversion."""

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.conversion import rules
from sadtalker_jax.conversion.tables import sadtalker
from sadtalker_jax.models import zoo

SMALL = {'blocks': ((4, 4, 2), (6, 4, 2), (8, 3, 1))}


def test_size_is_the_published_one():
  leaves = jax.tree.leaves(zoo.shapes('pose_discriminator')['params'])
  assert sum(leaf.size for leaf in leaves) == 2_109_953


def test_jit_changes_nothing():
  module = zoo.build('pose_discriminator', **SMALL)
  weights = zoo.noise('pose_discriminator', **SMALL)
  motion = np.random.default_rng(0).standard_normal((2, 32, 6), np.float32)
  plain = module.apply(weights, motion, train=False)
  assert plain.shape == (2, 8)
  jitted = jax.jit(module.apply, static_argnames='train')(
    weights, motion, train=False
  )
  np.testing.assert_allclose(plain, jitted, rtol=1e-4, atol=1e-4)


def test_gradient_is_finite_on_a_still_head():
  module = zoo.build('pose_discriminator', **SMALL)
  weights = zoo.noise('pose_discriminator', **SMALL)

  def loss(params, motion):
    scores, _ = module.apply(
      {**weights, 'params': params}, motion, train=True, mutable=['batch_stats']
    )
    return jnp.sum(jnp.square(scores))

  gradient = jax.grad(loss, (0, 1))(weights['params'], jnp.zeros((2, 32, 6)))
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


def test_weights_go_to_the_released_names_and_back():
  variables = zoo.noise('pose_discriminator')
  state = rules.export(variables, sadtalker.POSE_DISCRIMINATOR)
  assert state['netD_motion.seq.0.conv.weight'].shape == (256, 6, 4)
  state['netG.decoder.MLP.L0.bias'] = np.zeros(128, np.float32)  # same file
  back = rules.convert(
    state,
    sadtalker.POSE_DISCRIMINATOR,
    zoo.shapes('pose_discriminator'),
    'pose_discriminator',
  )
  jax.tree.map(np.testing.assert_array_equal, variables, back)
