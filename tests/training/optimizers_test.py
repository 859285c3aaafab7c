"""Learning rates, Adam, gradients in parts, averages."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sadtalker_jax import errors
from sadtalker_jax.training import config_parts, optimizers

CONFIG = config_parts.OptimizerConfig(
  learning_rate=0.1,
  b1=0.9,
  b2=0.999,
  clip_norm=0.0,
  warmup_steps=0,
  decay_epochs=(),
  decay_steps=(),
  decay_factor=0.1,
)


def test_the_rate_rises_and_falls_in_steps():
  config = dataclasses.replace(CONFIG, warmup_steps=4, decay_steps=(10, 20))
  found = [
    float(optimizers.learning_rate(config, jnp.int32(step)))
    for step in (0, 3, 9, 11, 21)
  ]
  np.testing.assert_allclose(found, [0.025, 0.1, 0.1, 0.01, 0.001], rtol=1e-5)


def test_the_rate_falls_along_a_cosine_after_the_warm_up():
  config = dataclasses.replace(CONFIG, decay='cosine', warmup_steps=4)
  config = config.scheduled(10, 24)
  found = [
    float(optimizers.learning_rate(config, jnp.int32(step)))
    for step in (0, 3, 4, 14, 24)
  ]
  np.testing.assert_allclose(found, [0.025, 0.1, 0.1, 0.05, 0], atol=1e-7)


def test_weight_decay_spares_biases():
  mover = optimizers.adam(dataclasses.replace(CONFIG, weight_decay=0.5))
  params = {'net': {'kernel': jnp.ones((2, 2)), 'bias': jnp.ones(2)}}
  grads = {'net': {'kernel': jnp.zeros((2, 2)), 'bias': jnp.zeros(2)}}
  updates, _ = mover.update(grads, mover.init(params), params)
  np.testing.assert_allclose(updates['net']['kernel'], -0.05, rtol=1e-5)
  np.testing.assert_allclose(updates['net']['bias'], 0)


def test_rates_differ_by_pattern_and_zero_freezes():
  rates = (('a/ear/.*', 0.0), ('a/.*', 0.5))
  mover = optimizers.adam(dataclasses.replace(CONFIG, rates=rates))
  net = {'ear': {'kernel': jnp.ones(1)}, 'mouth': {'kernel': jnp.ones(1)}}
  params = {'a': net, 'b': net}
  updates, _ = mover.update(params, mover.init(params), params)
  np.testing.assert_array_equal(updates['a']['ear']['kernel'], 0)
  np.testing.assert_allclose(updates['a']['mouth']['kernel'], -0.05, rtol=1e-4)
  np.testing.assert_allclose(updates['b']['ear']['kernel'], -0.1, rtol=1e-4)
  for pattern, told in (('nose/.*', 'fits none'), ('(', 'expected a pattern')):
    mover = optimizers.adam(
      dataclasses.replace(CONFIG, rates=((pattern, 0.0),))
    )
    with pytest.raises(errors.InputError, match=told):
      mover.init(params)


def test_gradients_are_cut_to_a_length():
  mover = optimizers.adam(dataclasses.replace(CONFIG, clip_norm=1.0))
  params = {'w': jnp.zeros(2)}
  grads = {'w': jnp.array([300.0, 400.0])}
  _, state = mover.update(grads, mover.init(params), params)
  first_moment = optax.tree.get(state, 'mu')['w']
  np.testing.assert_allclose(first_moment, [0.06, 0.08], rtol=1e-5)


@pytest.mark.parametrize(
  ('name', 'value'),
  [('b1', 1.0), ('b2', -0.1), ('learning_rate', -1.0), ('clip_norm', -1.0)],
)
def test_impossible_numbers_are_refused(name, value):
  config = dataclasses.replace(CONFIG, **{name: value})
  with pytest.raises(
    errors.InputError, match=f'optimizer.{name}: .*found {value}'
  ):
    optimizers.adam(config)


def test_parts_give_the_mean_of_the_whole():
  batch = {'x': jnp.arange(12.0).reshape(12, 1)}

  def gradients(stats, part, number):
    return stats + 1, {
      'mean': part['x'].mean(),
      'number': number.astype(jnp.float32),
    }

  stats, found = optimizers.in_parts(gradients, jnp.zeros(()), batch, 3)
  assert float(stats) == 3
  assert float(found['mean']) == 5.5
  assert float(found['number']) == 1.0


def test_the_average_follows():
  found = optimizers.average({'w': jnp.zeros(())}, {'w': jnp.ones(())}, 0.9)
  np.testing.assert_allclose(found['w'], 0.1, rtol=1e-6)


def test_no_gradient_reaches_what_is_frozen():
  params = {'a': {'ear': jnp.ones(1), 'mouth': jnp.ones(1)}, 'b': jnp.ones(1)}
  rates = (('a/ear', 0.0), ('b', 0.0), ('a/.*', 0.5))
  whole = set()

  def total(params):
    kept, still = optimizers.stopped(params, rates)
    whole.update(still)
    return sum(x.sum() for x in jax.tree.leaves(kept))

  slopes = jax.grad(total)(params)
  assert slopes == {'a': {'ear': 0, 'mouth': 1}, 'b': 0}
  assert whole == {'b'}
