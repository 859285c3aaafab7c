"""MappingNet: sizes, and gradients."""

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models import zoo


def test_sizes_are_the_published_ones():
  def parameters(name):
    leaves = jax.tree.leaves(zoo.shapes(name)['params'])
    return sum(leaf.size for leaf in leaves)

  assert parameters('mapping') == 10_195_190
  assert parameters('mapping_full') == 10_216_694


def test_gradient_is_finite_on_a_constant_window():
  module = zoo.build('mapping', features=8)
  window = jnp.zeros((1, 27, 70))
  weights = module.init(jax.random.key(0), window)
  gradient = jax.grad(
    lambda w: sum(jnp.sum(x) for x in module.apply(w, window))
  )(weights)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


def test_convolutions_in_bfloat16_are_none():
  module = zoo.build('mapping', features=8, dtype='bfloat16')
  window = jnp.zeros((1, 27, 70), jnp.bfloat16)
  weights = module.init(jax.random.key(0), window)
  text = jax.jit(module.apply).lower(weights, window).as_text()
  found = [line for line in text.splitlines() if '.convolution' in line]
  assert len(found) == 4 and not any('bf16' in line for line in found)
