"""Every backend's form gives the same picture and gradients, on any device.

Forms for GPU and TPU run on CPU here, by name.
"""

import functools

import hypothesis
from hypothesis import strategies as st
import jax
import numpy as np
import pytest

from sadtalker_jax.face3d.rasterize import rasterizer

H, W = 21, 40
COUNT = 64  # triangles, always, so that few shapes have to be compiled

_ids = jax.jit(
  rasterizer.rasterize,
  static_argnums=(2, 3),
  static_argnames=('capacity', 'backend'),
)


def _soup(seed, spread):
  rng = np.random.default_rng(seed)
  xy = rng.uniform(-5, 45, (COUNT, 1, 2)) + rng.normal(0, spread, (COUNT, 3, 2))
  z = rng.uniform(-0.5, 9, (COUNT, 3, 1))  # a few straddle the camera
  positions = np.concatenate([xy, z], -1).reshape(-1, 3).astype(np.float32)
  return positions, np.arange(3 * COUNT, dtype=np.int32).reshape(-1, 3)


@functools.partial(jax.jit, static_argnums=4)
def _draw(positions, colours, cotangent, triangles, backend):
  """Fragments, colours and gradients of a batch, all by one backend."""

  def image(positions, colours):
    fragments = rasterizer.rasterize(
      positions, triangles, H, W, backend=backend
    )
    return rasterizer.interpolate(
      positions, colours, triangles, fragments, backend=backend
    ), fragments

  shown, pull, fragments = jax.vjp(image, positions, colours, has_aux=True)
  return fragments, shown, pull(cotangent)


def _batch(seed=0):
  rng = np.random.default_rng(seed)
  positions, triangles = _soup(seed, 6.0)
  positions = positions + rng.normal(0, 1, (2, *positions.shape)).astype('f')
  colours = rng.uniform(size=(2, 3 * COUNT, 2)).astype(np.float32)
  cotangent = rng.normal(size=(2, H, W, 2)).astype(np.float32)
  return positions, colours, cotangent, triangles


@hypothesis.settings(max_examples=12, deadline=None, derandomize=True)
@hypothesis.given(
  seed=st.integers(0, 2**31), spread=st.sampled_from([0.3, 3.0, 30.0])
)
def test_all_forms_find_the_same_triangles(seed, spread):
  positions, triangles = _soup(seed, spread)
  # The least capacity: large triangles need several passes.
  expected = _ids(positions, triangles, H, W, capacity=4096, backend='cpu')
  for backend in ('gpu', 'tpu'):
    found = _ids(positions, triangles, H, W, capacity=4096, backend=backend)
    np.testing.assert_array_equal(found.triangle_id, expected.triangle_id)
    np.testing.assert_allclose(found.depth, expected.depth, rtol=1e-6)


def test_all_forms_draw_and_differentiate_alike():
  inputs = _batch()
  expected = _draw(*inputs, 'cpu')
  for backend in ('gpu', 'tpu'):
    found = _draw(*inputs, backend)
    for a, b in zip(
      jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
    ):
      # Sums in other orders; slivers have large gradients that cancel.
      atol = 1e-4 * np.abs(np.nan_to_num(b, posinf=0)).max()
      np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol)


def test_lowering_decides():
  positions, triangles = _soup(0, 3.0)
  auto = _ids(positions, triangles, H, W)
  named = _ids(positions, triangles, H, W, backend='cpu')
  np.testing.assert_array_equal(auto.triangle_id, named.triangle_id)
  traced = _ids.trace(positions, triangles, H, W)
  for platform in ('cpu', 'cuda', 'tpu'):
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert ('stablehlo.scatter' in text) == (platform != 'tpu'), platform


@pytest.mark.parametrize('backend', ['auto', 'gpu', 'tpu'])
def test_shards_equal_the_whole(backend):
  *inputs, triangles = _batch()
  mesh = jax.make_mesh(
    (2,), ('data',), axis_types=(jax.sharding.AxisType.Auto,)
  )
  spec = jax.sharding.PartitionSpec('data')
  shared = jax.shard_map(
    lambda p, c, g: _draw(p, c, g, triangles, backend),
    mesh=mesh,
    in_specs=(spec, spec, spec),
    out_specs=spec,
  )
  found = jax.jit(shared)(*inputs)
  expected = _draw(*inputs, triangles, 'cpu')
  for a, b in zip(
    jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
  ):
    atol = 1e-4 * np.abs(np.nan_to_num(b, posinf=0)).max()
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol)


def test_batched_triangles_equal_single_pictures():
  positions, _, _, triangles = _batch()
  flipped = np.stack([triangles, triangles[::-1]])

  def draw(positions, triangles):
    return rasterizer.rasterize(positions, triangles, H, W, backend='cpu')

  found = jax.jit(jax.vmap(draw))(positions, flipped).triangle_id
  for i in range(2):
    expected = _ids(positions[i], flipped[i], H, W, backend='cpu')
    np.testing.assert_array_equal(found[i], expected.triangle_id)
