"""Options of discriminators: R1, and a weight that adapts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.models.facevid2vid import discriminators
from sadtalker_jax.training.stages import judging
from tests.training import cases

SLOPE = 3.0  # of the score by the mean of a picture


class Nets:
  """A judge that likes bright pictures."""

  def steady(self, name, picture):
    assert name == 'discriminator'
    scores = SLOPE * picture.mean((1, 2, 3))
    return discriminators.Opinion(scores, (picture,))

  __call__ = steady


def losses(picture, **changes):
  config = cases.config_of('renderer', **changes)
  target = jnp.ones_like(picture)
  terms = {'pixels': jnp.abs(picture - target).mean()}
  weights = {**config.loss.by_term(), 'feature_matching': 0.0}
  return judging.of_pictures(Nets(), picture, target, terms, weights, config)


@pytest.fixture(scope='module')
def picture():
  return jnp.full((2, 4, 4, 3), 0.25)


def test_r1_is_added_to_what_the_discriminator_minimises(picture):
  plain = losses(picture)
  found = losses(picture, loss__r1=10.0)
  penalty = 0.5 * SLOPE**2 / picture[0].size  # each of N numbers: SLOPE / N
  assert found.terms['r1'] == pytest.approx(penalty)
  added = found.totals['discriminator'] - plain.totals['discriminator']
  assert added == pytest.approx(10 * penalty)
  assert found.totals['model'] == plain.totals['model']
  assert 'r1' not in plain.terms and 'gan_factor' not in plain.terms


def test_a_weight_that_adapts_pulls_as_hard_as_the_pixels(picture):
  def pull(**changes):
    return jax.grad(lambda x: losses(x, **changes).totals['model'])(picture)

  pixels = pull(loss__gan=0.0)
  plain = pull() - pixels
  adapted = pull(loss__gan_adaptive=1e4) - pixels
  np.testing.assert_allclose(
    jnp.linalg.norm(adapted), jnp.linalg.norm(pixels), rtol=1e-5
  )
  assert jnp.linalg.norm(plain) < 0.2 * jnp.linalg.norm(pixels)
  twice = pull(loss__gan_adaptive=2.0) - pixels  # no more than twice
  np.testing.assert_allclose(twice, 2 * plain, rtol=1e-4)


@pytest.mark.parametrize('name', ['posevae', 'renderer'])
def test_networks_take_the_options(name):
  changes = {'loss__r1': 10.0, 'loss__gan_adaptive': 100.0}
  config = cases.config_of(name, **changes)
  stage = cases.build(name, config)
  state = jax.eval_shape(stage.init, jax.random.key(0))
  after, terms = jax.eval_shape(
    stage.train_step, state, cases.batch_of(config), stage.frozen
  )
  assert jax.tree.structure(after) == jax.tree.structure(state)
  assert {'r1', 'gan_factor'} <= set(terms)


def test_an_adaptive_weight_without_anything_to_go_by_is_refused():
  with pytest.raises(errors.InputError, match='gan_adaptive: expected a weig'):
    cases.config_of('renderer', loss__gan_adaptive=1.0, loss__pixels=0.0)
