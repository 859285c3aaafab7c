"""Values between the corners of triangles, and their gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d.rasterize import rasterizer
from tests.face3d.rasterize import scenes

H, W, CAPACITY = scenes.H, scenes.W, scenes.CAPACITY


def _scene(seed=0):
  positions, triangles = scenes.bumpy_grid(seed=seed)
  positions = scenes.yawed(positions, 0.5).astype(np.float32)
  fragments = scenes.rasterize(positions, triangles)
  attributes = np.random.default_rng(seed).normal(size=(len(positions), 4))
  return positions, triangles, fragments, attributes.astype(np.float32)


def test_barycentrics_are_those_of_the_pixel_centre():
  positions, triangles, fragments, _ = _scene()
  weights = np.asarray(
    rasterizer.barycentrics(positions, triangles, fragments), np.float64
  )
  hit = np.asarray(fragments.triangle_id) >= 0
  np.testing.assert_allclose(weights.sum(-1), hit, atol=1e-6)
  assert weights.min() > -1e-4  # on the border up to rounding
  corners = positions[triangles[np.asarray(fragments.triangle_id)]]
  # Weights are perspective-correct: on depth-scaled points they are affine.
  homogeneous = corners[..., :2] * corners[..., 2:]
  depth = (weights * corners[..., 2]).sum(-1)
  centre = (weights[..., None] * homogeneous).sum(-2)[hit] / depth[hit][:, None]
  y, x = np.nonzero(hit)
  np.testing.assert_allclose(centre, np.stack([x, y], -1) + 0.5, atol=1e-3)
  np.testing.assert_allclose(
    depth[hit], np.asarray(fragments.depth)[hit], rtol=1e-5
  )


def test_interpolation_reproduces_a_plane_in_perspective():
  # A strongly slanted quad carries a linear function of space; perspective
  # makes it a quotient in the picture, which the closed form gives.
  corner = np.float64([[-1, -1], [1, -1], [-1, 1], [1, 1]])
  z = 4 + 2.5 * corner[:, 0] + 0.5 * corner[:, 1]
  positions = np.stack(
    [16 + 40 * corner[:, 0] / z, 12 + 40 * corner[:, 1] / z, z], -1
  ).astype(np.float32)
  triangles = np.int32([[0, 1, 2], [1, 3, 2]])
  fragments = scenes.rasterize(positions, triangles)
  values = rasterizer.interpolate(
    positions, corner.astype(np.float32), triangles, fragments
  )
  hit = np.asarray(fragments.triangle_id) >= 0
  y, x = np.nonzero(hit)
  a, b = (x + 0.5 - 16) / 40, (y + 0.5 - 12) / 40
  depth = 4 / (1 - 2.5 * a - 0.5 * b)
  expected = np.stack([a, b], -1) * depth[:, None]
  assert hit.sum() > 200
  np.testing.assert_allclose(np.asarray(values)[hit], expected, atol=2e-5)


def test_constant_attributes_stay_constant_and_empty_pixels_zero():
  positions, triangles, fragments, _ = _scene()
  attributes = np.full((len(positions), 1), 3.25, np.float32)
  values = rasterizer.interpolate(positions, attributes, triangles, fragments)
  hit = np.asarray(fragments.triangle_id) >= 0
  np.testing.assert_allclose(values[..., 0], 3.25 * hit, rtol=1e-6)


def test_bad_vertices_of_unseen_triangles_do_no_harm():
  positions, triangles, fragments, attributes = _scene()
  positions = np.concatenate([np.full((3, 3), np.nan, np.float32), positions])
  attributes = np.concatenate([np.full((3, 4), np.nan, np.float32), attributes])
  triangles = np.concatenate([np.int32([[0, 1, 2]]), triangles + 3])
  fragments = scenes.rasterize(positions, triangles)

  def total(p, a):
    return jnp.sum(rasterizer.interpolate(p, a, triangles, fragments) ** 2)

  gradient = jax.jit(jax.value_and_grad(total, (0, 1)))
  value, gradients = gradient(positions, attributes)
  assert np.isfinite(value)
  assert all(np.isfinite(g).all() for g in gradients)


def _plain(positions, attributes, triangles, fragments):
  """Interpolation that plain autodiff differentiates."""
  weights = rasterizer.barycentrics(positions, triangles, fragments)
  ids = jnp.maximum(fragments.triangle_id, 0)
  return jnp.sum(weights[..., None] * attributes[triangles[ids]], -2)


def test_closed_form_gradient_equals_autodiff():
  positions, triangles, fragments, attributes = _scene()
  target = np.random.default_rng(1).normal(size=(H, W, 4)).astype(np.float32)

  def loss(function, p, a):
    image = function(p, a, jnp.asarray(triangles), fragments)
    return jnp.sum(image * target)

  found, expected = (
    jax.jit(jax.grad(functools.partial(loss, function), (0, 1)))(
      positions, attributes
    )
    for function in (rasterizer.interpolate, _plain)
  )
  for a, b in zip(found, expected, strict=True):
    # Both round in float32; gradients of slivers are large and cancel.
    np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())


def test_gradient_equals_finite_differences():
  positions, triangles, fragments, attributes = _scene()
  triangles = jnp.asarray(triangles)
  rng = np.random.default_rng(2)
  target = rng.normal(size=(H, W, 4))
  direction = rng.normal(size=positions.shape)
  direction[:, 2] *= 0.1
  with jax.enable_x64(True):
    fragments = rasterizer.Fragments(*map(jnp.asarray, fragments))

    def loss(p, a):
      image = rasterizer.interpolate(p, a, triangles, fragments)
      return jnp.sum(image * target)

    p = jnp.asarray(positions, jnp.float64)
    a = jnp.asarray(attributes, jnp.float64)
    to_p, to_a = jax.grad(loss, (0, 1))(p, a)
    step = 1e-6
    numeric = (
      loss(p + step * direction, a) - loss(p - step * direction, a)
    ) / (2 * step)
    np.testing.assert_allclose(jnp.sum(to_p * direction), numeric, rtol=1e-6)
    # Linear in the attributes: exact for any step.
    push = rng.normal(size=attributes.shape)
    np.testing.assert_allclose(
      jnp.sum(to_a * push), loss(p, a + push) - loss(p, a), rtol=1e-9
    )


def test_gradient_passes_through_rasterize_and_batches():
  positions, triangles, _, attributes = _scene()
  batch = np.stack([positions, positions + np.float32([0.3, 0, 0])])

  def loss(p):
    fragments = rasterizer.rasterize(p, triangles, H, W, capacity=CAPACITY)
    image = rasterizer.interpolate(p, attributes, triangles, fragments)
    depth = jnp.where(fragments.triangle_id >= 0, fragments.depth, 0.0)
    return jnp.sum(image**2) + jnp.sum(depth)

  mapped = np.asarray(jax.jit(jax.vmap(jax.grad(loss)))(batch))
  stacked = np.asarray(jax.jit(jax.grad(loss))(batch))
  assert np.abs(mapped).max() > 0 and np.isfinite(mapped).all()
  np.testing.assert_allclose(stacked, mapped, atol=1e-4 * mapped.max())
