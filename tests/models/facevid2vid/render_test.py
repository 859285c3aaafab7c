"""The plain render: batches, free view, switches, gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.models import zoo
from sadtalker_jax.models.facevid2vid import render
from tests.models import checks

SMALL = {
  'keypoint_detector': {
    'block_expansion': 4,
    'max_features': 8,
    'num_blocks': 1,
    'depth': 2,
  },
  'mapping': {'features': 8},
  'generator': {
    'features': 4,
    'volume_features': 4,
    'depth': 3,
    'num_blocks': 1,
    'motion_features': 4,
    'motion_max_features': 8,
    'motion_blocks': 1,
  },
}
NETWORKS = render.Networks(
  **{name: zoo.build(name, **config) for name, config in SMALL.items()}
)
COUNT = 3


@functools.cache
def _weights():
  return {name: zoo.noise(name, **config) for name, config in SMALL.items()}


def _inputs():
  rng = np.random.default_rng(0)
  windows = 2 * rng.standard_normal((COUNT, 27, 70)).astype(np.float32)
  source = rng.standard_normal((1, 27, 70)).astype(np.float32)
  return checks.picture(1, 16, 16, 3), source, windows


_render = checks.jit(
  functools.partial(render.render, networks=NETWORKS),
  static_argnames=('zero_t_xz', 'pi_314'),
)


def test_frames_do_not_depend_on_their_batch():
  image, source, windows = _inputs()
  frames = _render(_weights(), image, source, windows)
  assert frames.shape == (COUNT, 16, 16, 3)
  assert np.abs(frames[0] - frames[1]).max() > 1e-3
  alone = _render(_weights(), image, source, windows[1:2])
  np.testing.assert_allclose(alone[0], frames[1], atol=1e-5)


def test_one_portrait_serves_as_well_as_one_each():
  image, source, windows = _inputs()
  one = _render(_weights(), image, source, windows)
  each = _render(
    _weights(), image.repeat(COUNT, 0), source.repeat(COUNT, 0), windows
  )
  np.testing.assert_allclose(one, each, atol=1e-5)


def test_angles_replace_those_of_the_frames_unless_not_a_number():
  image, source, windows = _inputs()
  plain = _render(_weights(), image, source, windows)
  angles = np.full((COUNT, 3), np.nan, np.float32)
  angles[1] = 40, -20, 10
  turned = _render(_weights(), image, source, windows, angles=angles)
  np.testing.assert_allclose(turned[::2], plain[::2], atol=1e-5)
  assert np.abs(turned[1] - plain[1]).max() > 1e-3


def test_whole_translation_moves_more_than_its_vertical_part():
  image, source, windows = _inputs()
  plain = _render(_weights(), image, source, windows)
  whole = _render(_weights(), image, source, windows, zero_t_xz=False)
  assert np.abs(whole - plain).max() > 1e-4


def test_gradients_are_finite_and_reach_the_mapping():
  image, source, windows = _inputs()

  def loss(mapping, image, windows):
    weights = {**_weights(), 'mapping': mapping}
    frames = render.render(weights, image, source, windows, networks=NETWORKS)
    return jnp.square(frames).sum()

  step = checks.jit(jax.grad(loss, (0, 1, 2)))
  for scale in (1, 0):  # of the inputs: random ones, and nothing at all
    gradients = step(_weights()['mapping'], scale * image, scale * windows)
    for leaf in jax.tree.leaves(gradients):
      assert np.isfinite(leaf).all()
      assert scale == 0 or np.any(leaf != 0)


def test_other_coefficients_are_refused():
  image, source, windows = _inputs()
  with pytest.raises(errors.InputError, match='70 or 73 coefficients'):
    render.render(
      _weights(), image, source, windows[..., :64], networks=NETWORKS
    )
