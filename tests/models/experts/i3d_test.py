"""I3D: names and answers of the public network.

`i3d.npz` holds what pytorch-i3d's `InceptionI3d(400)` (torch 2.14, evaluation
mode, mean of its logits over time) answers under the stand-in weights of
`tests.parity.standin` to the clips that are made here.
"""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.conversion import rules
from sadtalker_jax.conversion.tables import experts
from sadtalker_jax.models import zoo
from tests.models import checks
from tests.parity import standin

SMALL = {'size': 32, 'narrow': 16}
GOLDEN = pathlib.Path(__file__).parents[2] / 'testdata' / 'i3d.npz'


@pytest.fixture(scope='module')
def golden() -> dict[str, np.ndarray]:
  with np.load(GOLDEN) as arrays:
    return dict(arrays)


def test_size_is_the_published_one():
  assert checks.parameters('i3d') == 12_697_264


def test_answers_are_those_of_the_public_network(golden):
  shapes = json.loads(str(golden['shapes']))
  state = {k: standin.draw(k, tuple(shape)) for k, shape in shapes.items()}
  weights = rules.convert(state, experts.I3D, zoo.shapes('i3d'), 'i3d')
  back = rules.export(weights, experts.I3D)
  assert all((back[k] == state[k]).all() for k in state)
  rng = np.random.default_rng(0)
  run = checks.jit(zoo.build('i3d').apply)
  for count in (16, 27):  # 27: every halving leaves an odd number
    frames = rng.random((1, count, 48, 40, 3), np.float32)
    frames = np.repeat(np.repeat(frames, 3, 2), 3, 3)
    want = golden[f'logits_{count}']
    np.testing.assert_allclose(run(weights, frames), want, atol=1e-4)


def test_clips_that_are_no_clips_are_refused():
  module = zoo.build('i3d', **SMALL)
  for shape in ((1, 8, 32, 32, 3), (16, 32, 32, 3)):
    with pytest.raises(ValueError, match='expected clips'):
      jax.eval_shape(
        module.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32)
      )
