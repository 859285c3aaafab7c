"""The restorer's table: names, the way back, and what it refuses."""

import re

import jax
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.conversion import rules
from sadtalker_jax.conversion.tables import restoration
from sadtalker_jax.models import zoo


@pytest.fixture(scope='module')
def variables() -> dict:
  rng = np.random.default_rng(0)
  return jax.tree.map(
    lambda x: rng.standard_normal(x.shape, np.float32), zoo.shapes('gfpgan')
  )


def test_export_and_conversion_undo_each_other(variables):
  state = rules.export(variables, restoration.GFPGAN)
  assert state['stylegan_decoder.noises.noise14'].shape == (1, 1, 512, 512)
  kernel = state['stylegan_decoder.style_convs.8.modulated_conv.weight']
  assert kernel.shape == (1, 256, 512, 3, 3)
  assert state['stylegan_decoder.to_rgb1.bias'].shape == (1, 3, 1, 1)
  again = rules.convert(
    state, restoration.GFPGAN, zoo.shapes('gfpgan'), 'gfpgan'
  )
  assert jax.tree.structure(again) == jax.tree.structure(variables)
  assert jax.tree.all(jax.tree.map(np.array_equal, again, variables))


def test_a_kernel_of_another_rank_is_named(variables):
  state = rules.export(variables, restoration.GFPGAN)
  name = 'stylegan_decoder.to_rgbs.6.modulated_conv.weight'
  state[name] = state[name][0]
  with pytest.raises(errors.InputError, match=re.escape(name)):
    rules.convert(state, restoration.GFPGAN, zoo.shapes('gfpgan'), 'gfpgan')


def test_the_style_network_is_ignored_for_a_reason():
  state = {'stylegan_decoder.style_mlp.1.weight': np.zeros((512, 512))}
  assert rules.ignored(state, restoration.GFPGAN)
