"""Gradients of interpolation: DRTK, differences, closed forms, slivers."""

import functools

import jax
from jax import test_util
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.face3d.rasterize import rasterizer, silhouette


@functools.partial(jax.jit, static_argnums=(3, 4))
def _picture(positions, colours, triangles, size, edge):
  fragments = rasterizer.rasterize(positions, triangles, *size, backend='cpu')
  image = rasterizer.interpolate(
    positions, colours, triangles, fragments, backend='cpu'
  )
  if edge:
    image = silhouette.edge_gradient(
      positions, image, triangles, fragments.triangle_id, backend='cpu'
    )
  return image, fragments


@functools.partial(jax.jit, static_argnums=4)
def _gradients(positions, colours, triangles, cotangent, edge):
  size = cotangent.shape[:2]
  _, pull, _ = jax.vjp(
    lambda p, c: _picture(p, c, triangles, size, edge),
    positions,
    colours,
    has_aux=True,
  )
  return pull(cotangent)


@pytest.fixture(scope='module')
def golden(testdata):
  with np.load(testdata / 'rasterizer.npz') as file:
    return dict(file)


def test_picture_and_gradients_are_those_of_drtk(golden):
  inputs = [golden[k] for k in ('positions', 'colours', 'triangles')]
  image, fragments = _picture(*inputs, golden['ids'].shape, False)
  np.testing.assert_array_equal(fragments.triangle_id, golden['ids'])
  np.testing.assert_allclose(image, golden['image'], atol=2e-6)
  for name, edge in (('inner', False), ('edge', True)):
    found = _gradients(*inputs, golden['cotangent'], edge)
    expected = golden[f'{name}_positions'], golden['to_colours']
    for a, b in zip(found, expected, strict=True):
      np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())


def test_colour_gradients_sum_to_those_of_the_picture(golden):
  inputs = [golden[k] for k in ('positions', 'colours', 'triangles')]
  _, to_colours = _gradients(*inputs, golden['cotangent'], False)
  covered = golden['cotangent'][golden['ids'] >= 0]
  np.testing.assert_allclose(
    to_colours.sum(0), covered.sum(0), rtol=1e-4, atol=1e-3
  )


def test_background_sends_no_gradient(golden):
  inputs = [golden[k] for k in ('positions', 'colours', 'triangles')]
  background = (golden['ids'] < 0)[..., None] * golden['cotangent']
  for gradient in _gradients(*inputs, background, False):
    np.testing.assert_array_equal(gradient, 0)


def test_derivatives_in_double_precision():
  rng = np.random.default_rng(0)
  positions = np.array(
    [[1, 1, 2], [9, 2, 3], [3, 8, 4], [10, 9, 2.5], [20, 30, 1]]
  )
  triangles = jnp.asarray([[0, 1, 2], [1, 3, 2]], jnp.int32)
  colours = rng.uniform(size=(5, 2))
  fragments = rasterizer.rasterize(positions, triangles, 10, 11, backend='cpu')
  assert (np.asarray(fragments.triangle_id) >= 0).sum() > 30
  with jax.enable_x64(True):
    frozen = rasterizer.Fragments(*map(jnp.asarray, fragments))
    test_util.check_grads(
      jax.jit(
        lambda p, c: rasterizer.interpolate(
          p, c, triangles, frozen, backend='cpu'
        )
      ),
      (jnp.asarray(positions), jnp.asarray(colours)),
      order=1,
      modes=['rev'],
      atol=1e-6,
      rtol=1e-6,
    )

    def plain(p, c):
      weights = rasterizer.barycentrics(p, triangles, frozen)
      return jnp.sum(
        weights[..., None] * c[triangles[jnp.maximum(frozen.triangle_id, 0)]],
        -2,
      )

    pairs = [
      jax.jit(jax.grad(lambda p, c, f=f: jnp.sum(f(p, c) ** 2), (0, 1)))(
        jnp.asarray(positions), jnp.asarray(colours)
      )
      for f in (
        plain,
        lambda p, c: rasterizer.interpolate(p, c, triangles, frozen),
      )
    ]
    for a, b in zip(*pairs, strict=True):
      np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def test_slivers_and_nothing_have_finite_gradients():
  positions = np.float32(
    [
      [0.5, 0.5, 1],
      [8.5, 0.5000001, 2],
      [4.5, 0.5, 1],  # a sliver through pixel centres
      [3.5, 3.5, 1],
      [3.5 + 1e-7, 3.5, 1],
      [3.5, 3.5 + 1e-7, 1],  # a speck on a centre
    ]
  )
  triangles = np.int32([[0, 1, 2], [3, 4, 5], [0, 0, 3]])
  colours = np.random.default_rng(0).uniform(size=(6, 2)).astype(np.float32)
  cotangent = np.ones((10, 10, 2), np.float32)
  for shift in (0.0, 50.0):  # seen, and out of the picture
    moved = positions + np.float32([shift, 0, 0])
    for gradient in _gradients(moved, colours, triangles, cotangent, True):
      assert np.isfinite(gradient).all()
      assert shift == 0 or not np.any(gradient)


def test_slanted_quad_shows_its_texture_coordinates_and_depth():
  # Turned by 80 degrees about the vertical axis, 3 before the camera.
  angle = np.deg2rad(80)
  u, v = np.meshgrid([-1.0, 1.0], [-1.0, 1.0])
  x, z = u.ravel() * np.cos(angle), 3 - u.ravel() * np.sin(angle)
  positions = np.stack([60 * x / z + 16, 30 * v.ravel() / z + 16, z], -1)
  texture = np.stack([u.ravel(), v.ravel()], -1).astype(np.float32)
  image, fragments = _picture(
    positions.astype(np.float32),
    texture,
    np.int32([[0, 1, 2], [1, 3, 2]]),
    (32, 32),
    False,
  )
  rows, columns = np.nonzero(np.asarray(fragments.triangle_id) >= 0)
  assert len(rows) > 100
  a, b = (columns + 0.5 - 16) / 60, (rows + 0.5 - 16) / 30
  u = 3 * a / (np.cos(angle) + a * np.sin(angle))
  depth = 3 - u * np.sin(angle)
  expected = np.stack([u, b * depth], -1)
  np.testing.assert_allclose(image[rows, columns], expected, atol=2e-5)
  np.testing.assert_allclose(fragments.depth[rows, columns], depth, rtol=5e-6)


def test_small_floats_are_computed_with_as_large_ones(golden):
  inputs = [golden[k] for k in ('positions', 'colours', 'triangles')]
  small = jnp.asarray(inputs[1], jnp.bfloat16)
  image, _ = _picture(inputs[0], small, inputs[2], (48, 48), False)
  whole, _ = _picture(
    inputs[0], small.astype(jnp.float32), inputs[2], (48, 48), False
  )
  assert image.dtype == jnp.float32
  np.testing.assert_array_equal(image, whole)
  _, to_colours = _gradients(
    inputs[0], small, inputs[2], golden['cotangent'], False
  )
  assert to_colours.dtype == jnp.bfloat16
