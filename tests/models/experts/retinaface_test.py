"""RetinaFace: sizes, odd pictures, gradients."""

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.faces import retinaface as faces
from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import retinaface

SMALL = {'blocks': (1, 1, 1, 1), 'trunk_features': 4, 'features': 8}


def _apply(weights, image):
  return zoo.build('retinaface', **SMALL).apply(weights, image, train=False)


def _image(shape) -> np.ndarray:
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, shape).astype(np.float32)


def test_size_is_the_published_one():
  leaves = jax.tree.leaves(zoo.shapes('retinaface')['params'])
  assert sum(leaf.size for leaf in leaves) == 27_293_600


def test_there_is_one_output_per_anchor_at_any_size():
  weights = zoo.shapes('retinaface', **SMALL)
  for height, width in ((64, 96), (65, 31), (33, 100), (1, 1)):
    image = jax.ShapeDtypeStruct((2, height, width, 3), jnp.float32)
    found = jax.eval_shape(_apply, weights, image)
    count = len(faces.anchors(height, width))
    assert found.box.shape == (2, count, 4)
    assert found.kind.shape == (2, count, 2)
    assert found.points.shape == (2, count, 10)


def test_jit_changes_nothing():
  weights = zoo.noise('retinaface', **SMALL)
  image = _image((1, 40, 56, 3))
  plain, jitted = _apply(weights, image), jax.jit(_apply)(weights, image)
  for a, b in zip(plain, jitted, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_stretching_takes_the_nearest_pixel():
  x = jnp.arange(6.0).reshape(1, 2, 3, 1)
  got = retinaface._stretched(x, (1, 3, 5, 1))[0, ..., 0]
  want = [[0, 0, 1, 1, 2], [0, 0, 1, 1, 2], [3, 3, 4, 4, 5]]
  np.testing.assert_array_equal(got, want)


def test_gradients_are_finite_on_a_flat_picture():
  weights = zoo.noise('retinaface', **SMALL)
  image = jnp.full((1, 32, 32, 3), 128.0)

  def loss(weights, image):
    return sum(jnp.sum(part**2) for part in _apply(weights, image))

  gradients = jax.jit(jax.grad(loss, (0, 1)))(weights, image)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
