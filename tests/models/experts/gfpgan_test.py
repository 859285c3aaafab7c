"""GFPGAN: sizes, its parts against slow ones, gradients."""

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import stylegan

SMALL = {'size': 16, 'narrow': 1 / 32, 'style_features': 16}
STYLE_NETWORK = 8 * (512 * 512 + 512)  # of the released file, not used here


def _shapes(module, *inputs) -> dict:
  return jax.eval_shape(module.init, jax.random.key(0), *inputs)


def _small_shapes() -> dict:
  return _shapes(zoo.build('gfpgan', **SMALL), np.zeros((1, 16, 16, 3)))


def _random(rng: np.random.Generator, shapes: dict) -> dict:
  return jax.tree.map(
    lambda x: 0.1 * rng.standard_normal(x.shape, np.float32), shapes
  )


def _image(rng: np.random.Generator) -> np.ndarray:
  return rng.uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)


def test_size_is_the_published_one():
  leaves = jax.tree.leaves(zoo.shapes('gfpgan')['params'])
  assert sum(leaf.size for leaf in leaves) == 86_444_252 - STYLE_NETWORK


def test_pictures_have_the_published_sizes():
  shapes = jax.eval_shape(
    zoo.build('gfpgan').apply,
    zoo.shapes('gfpgan'),
    jax.ShapeDtypeStruct((1, 512, 512, 3), jnp.float32),
  )
  assert shapes.image.shape == (1, 512, 512, 3)
  assert [p.shape[1] for p in shapes.pyramid] == [8, 16, 32, 64, 128, 256, 512]


def test_jit_changes_nothing():
  rng = np.random.default_rng(0)
  module, weights = zoo.build('gfpgan', **SMALL), _random(rng, _small_shapes())
  image = _image(rng)
  plain = module.apply(weights, image)
  jitted = jax.jit(module.apply)(weights, image)
  for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(jitted), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_pictures_of_a_batch_do_not_see_each_other():
  rng = np.random.default_rng(1)
  module, weights = zoo.build('gfpgan', **SMALL), _random(rng, _small_shapes())
  image = _image(rng)
  together = jax.jit(module.apply)(weights, image).image
  alone = jax.jit(module.apply)(weights, image[1:]).image
  np.testing.assert_allclose(together[1:], alone, rtol=1e-5, atol=1e-5)


def test_half_precision_gives_nearly_the_same_picture():
  rng = np.random.default_rng(2)
  weights, image = _random(rng, _small_shapes()), _image(rng)
  plain = zoo.build('gfpgan', **SMALL)
  short = zoo.build('gfpgan', **SMALL, dtype=jnp.bfloat16)
  exact = jax.jit(plain.apply)(weights, image).image
  half = jax.jit(short.apply)(weights, image)
  assert half.image.dtype == jnp.float32
  error = np.abs(half.image - exact).mean() / np.std(exact)
  assert error < 0.02  # bfloat16 has 8 bits


def test_gradients_are_finite_on_a_black_picture_and_zero_weights():
  module = zoo.build('gfpgan', **SMALL)
  weights = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), _small_shapes())

  image = jnp.zeros((1, 16, 16, 3))

  def loss(weights, image):
    restored = module.apply(weights, image)
    return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(restored))

  gradients = jax.jit(jax.grad(loss, (0, 1)))(weights, image)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_doubling_weighs_the_four_nearest_pixels():
  x = np.random.default_rng(3).standard_normal((1, 3, 4, 2)).astype(np.float32)
  want = np.empty((1, 6, 8, 2), np.float32)
  for i in range(6):
    for j in range(8):
      # Pixel centres at half numbers; beyond the border its pixel repeats.
      y, z = (i + 0.5) / 2 - 0.5, (j + 0.5) / 2 - 0.5
      total = 0.0
      for a in (int(np.floor(y)), int(np.floor(y)) + 1):
        for b in (int(np.floor(z)), int(np.floor(z)) + 1):
          weight = (1 - abs(y - a)) * (1 - abs(z - b))
          total += weight * x[0, np.clip(a, 0, 2), np.clip(b, 0, 3)]
      want[0, i, j] = total
  np.testing.assert_allclose(stylegan.double(jnp.asarray(x)), want, atol=1e-6)


def test_modulation_scales_the_kernel_of_every_sample():
  rng = np.random.default_rng(4)
  module = stylegan.ModulatedConv(5, 3, gain=1.5)
  x = rng.standard_normal((2, 6, 7, 4)).astype(np.float32)
  style = rng.standard_normal((2, 3)).astype(np.float32)
  weights = _random(rng, _shapes(module, x, style))
  got = module.apply(weights, x, style)
  layer = weights['params']['modulation']
  scale = style @ layer['kernel'] + layer['bias']
  for sample in range(2):
    kernel = weights['params']['kernel'] * scale[sample][:, None]
    kernel /= np.sqrt((kernel**2).sum((0, 1, 2)) + 1e-8)
    want = 1.5 * jax.lax.conv_general_dilated(
      x[sample : sample + 1],
      kernel,
      (1, 1),
      [(1, 1), (1, 1)],
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    )
    np.testing.assert_allclose(got[sample], want[0], rtol=1e-4, atol=1e-4)
