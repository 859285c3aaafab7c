"""Shading by spherical harmonics: constants and directions."""

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d import lighting


def _normals() -> np.ndarray:
  n = np.random.default_rng(0).normal(size=(50, 3))
  return (n / np.linalg.norm(n, axis=-1, keepdims=True)).astype(np.float32)


def test_zero_gamma_is_white_ambient_light():
  light = lighting.irradiance(_normals(), np.zeros(27, np.float32))
  # 0.8 times the constant a0 c0 = 0.886227 of method 6.5.
  np.testing.assert_allclose(light, 0.8 * 0.886227, rtol=1e-6)


def test_constants_are_those_of_the_reference():
  basis = np.asarray(lighting.harmonics(np.float32([[0, 0, 1], [1, 0, 0]])))
  a1, a2 = 1.772454, 2.427032
  top = [0.886227, 0, a1, 0, 0, 0, a2 / np.sqrt(3), 0, 0]
  side = [0.886227, 0, 0, -a1, 0, 0, -a2 / np.sqrt(3) / 2, 0, a2 / 2]
  np.testing.assert_allclose(basis, [top, side], rtol=1e-5, atol=1e-6)


def test_each_channel_has_its_own_light():
  gamma = np.zeros((3, 9), np.float32)
  gamma[1, 2] = 0.5  # green from the front
  normals = np.float32([[0, 0, 1], [0, 0, -1]])
  light = np.asarray(lighting.irradiance(normals, gamma.ravel()))
  assert light[0, 1] > light[0, 0] == light[0, 2]
  assert light[1, 1] < light[1, 0]


def test_shade_multiplies_albedo_and_batches():
  rng = np.random.default_rng(1)
  gamma = rng.normal(0, 0.1, (4, 27)).astype(np.float32)
  albedo = rng.uniform(0, 1, (50, 3)).astype(np.float32)
  batched = lighting.shade(albedo, _normals(), gamma)
  single = jax.vmap(lambda g: lighting.shade(albedo, _normals(), g))(gamma)
  assert batched.shape == (4, 50, 3)
  np.testing.assert_allclose(batched, single, rtol=1e-5, atol=1e-6)


def test_second_order_functions_are_orthogonal_on_the_sphere():
  n = np.random.default_rng(2).normal(size=(200_000, 3))
  n = (n / np.linalg.norm(n, axis=-1, keepdims=True)).astype(np.float32)
  basis = np.asarray(lighting.harmonics(jnp.asarray(n)))
  gram = basis.T @ basis / len(n)
  off = gram - np.diag(np.diag(gram))
  # Monte-Carlo error of 200,000 samples is about 0.01.
  assert np.abs(off).max() < 0.05
