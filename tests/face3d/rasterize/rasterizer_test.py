"""The rasterizer against a brute-force one in float64."""

import hypothesis
from hypothesis import strategies as st
import jax
import numpy as np
import pytest

from sadtalker_jax.face3d.rasterize import rasterizer
from tests.face3d.rasterize import scenes

H, W, CAPACITY = scenes.H, scenes.W, scenes.CAPACITY


def _edges(q):
  """Edge values [H, W, 3] of one triangle [3, 3] at all centres, float64."""
  px, py = np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5)
  x, y = q[:, 0] - px[..., None], q[:, 1] - py[..., None]
  i, j = [1, 2, 0], [2, 0, 1]
  return x[..., i] * y[..., j] - y[..., i] * x[..., j]


def _brute_force(positions, triangles):
  """Ids, 1 / depth, and how clear each pixel's decision is.

  Returns:
    ids [H, W], inverse depth [H, W], and margin [H, W]: the least of the
    distances of the centre from any edge near it, in pixels, and of the
    relative gap between the two nearest surfaces. Float32 decides rightly where
    it is not tiny.
  """
  positions = np.asarray(positions, np.float64)
  best = np.zeros((H, W))
  second = np.zeros((H, W))
  ids = np.full((H, W), -1)
  margin = np.full((H, W), np.inf)
  for t, triangle in enumerate(triangles):
    q = positions[triangle]
    if not np.isfinite(q).all() or q[:, 2].min() <= 1e-6:
      continue
    e = _edges(q)
    area = e[0, 0].sum()
    if area == 0:
      continue
    sides = np.linalg.norm((q[[2, 0, 1]] - q[[1, 2, 0]])[:, :2], axis=-1)
    signed = e * np.sign(area)
    inside = (signed >= 0).all(-1)
    margin = np.minimum(margin, np.abs(signed / sides).min(-1))
    inverse = (e / q[:, 2]).sum(-1) / area
    wins = inside & (inverse > best)
    second = np.where(
      wins, best, np.where(inside, np.maximum(second, inverse), second)
    )
    best = np.where(wins, inverse, best)
    ids = np.where(wins, t, ids)
  gap = (best - second) / np.maximum(best, 1e-9)
  return ids, best, np.minimum(margin, np.where(best > 0, gap, np.inf))


def _check(positions, triangles, capacity=CAPACITY, clear=1e-3):
  """Asserts equality wherever the decision is clear; returns the fragments."""
  positions = np.asarray(positions, np.float32)
  out = scenes.rasterize(positions, triangles, capacity)
  ids, inverse, margin = _brute_force(positions, triangles)
  sure = margin > clear
  np.testing.assert_array_equal(np.asarray(out.triangle_id)[sure], ids[sure])
  both = sure & (ids >= 0)
  # Slivers magnify the rounding of the edge values.
  np.testing.assert_allclose(
    1 / np.asarray(out.depth)[both], inverse[both], rtol=1e-3
  )
  empty = np.asarray(out.triangle_id) < 0
  np.testing.assert_array_equal(np.isinf(out.depth), empty)
  return out


def _soup(seed, count, spread=1.0, depth=(1.0, 9.0)):
  """Random triangles without shared vertices."""
  rng = np.random.default_rng(seed)
  xy = rng.uniform(-8, 40, (count, 1, 2)) + rng.normal(
    0, 6 * spread, (count, 3, 2)
  )
  z = rng.uniform(*depth, (count, 3, 1))
  positions = np.concatenate([xy, z], -1).reshape(-1, 3).astype(np.float32)
  return positions, np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


@hypothesis.settings(max_examples=25, deadline=None, derandomize=True)
@hypothesis.given(
  seed=st.integers(0, 2**31),
  count=st.sampled_from([1, 2, 17, 120]),
  spread=st.sampled_from([0.05, 0.3, 1.0, 5.0]),
)
def test_random_triangles_equal_brute_force(seed, count, spread):
  _check(*_soup(seed, count, spread))


@pytest.mark.parametrize('angle', [0.0, 0.4, -0.9, 1.4])
def test_face_like_mesh_equals_brute_force(angle):
  positions, triangles = scenes.bumpy_grid()
  out = _check(scenes.yawed(positions, angle), triangles)
  assert (np.asarray(out.triangle_id) >= 0).sum() > 20


def test_zoomed_in_mesh_clipped_by_the_picture_equals_brute_force():
  positions, triangles = scenes.bumpy_grid()
  positions[:, :2] = (positions[:, :2] - [16, 12]) * 40 + [16, 12]
  out = _check(positions, triangles)
  assert (np.asarray(out.triangle_id) >= 0).all()


def test_mesh_partly_and_wholly_outside():
  positions, triangles = scenes.bumpy_grid()
  _check(positions - [14, 0, 0], triangles)
  out = _check(positions + [0, 500, 0], triangles)
  assert (np.asarray(out.triangle_id) == -1).all()


def test_triangles_behind_or_straddling_the_camera_are_left_out():
  positions, triangles = _soup(3, 40, depth=(-4.0, 4.0))
  out = _check(positions, triangles)
  shown = np.unique(out.triangle_id)
  whole = positions[triangles][..., 2].min(1) > 0
  assert whole[shown[shown >= 0]].all()
  behind = scenes.rasterize(positions - np.float32([0, 0, 9]), triangles)
  assert (np.asarray(behind.triangle_id) == -1).all()


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize('axis', [0, 1, 2])
def test_a_bad_vertex_removes_only_its_triangles(bad, axis):
  positions, triangles = scenes.bumpy_grid()
  positions[300, axis] = bad
  out = _check(positions, triangles)
  shown = np.unique(out.triangle_id)
  if not np.isfinite(bad):
    assert not (triangles[shown[shown >= 0]] == 300).any()
  assert (np.asarray(out.triangle_id) >= 0).sum() > 100


def test_triangles_without_area_show_nothing():
  positions = np.float32([[1, 1, 1], [30, 20, 1], [1, 20, 1], [15.5, 10.5, 1]])
  line = np.float32([[2.5, 2.5, 1], [9.5, 9.5, 1], [5.5, 5.5, 1]])
  positions = np.concatenate([positions, line])
  out = _check(positions, [[0, 0, 1], [3, 3, 3], [4, 5, 6], [0, 1, 2]])
  assert set(np.unique(out.triangle_id)) == {-1, 3}


def test_equal_depths_go_to_the_lowest_id():
  positions = np.float32([[2, 2, 3], [28, 4, 2], [12, 22, 5]])
  same = np.stack([np.roll([0, 1, 2], k) for k in range(100)])
  out = scenes.rasterize(positions, same.astype(np.int32))
  assert set(np.unique(out.triangle_id)) == {-1, 0}


def test_centres_on_edges_and_corners_belong_to_the_triangle():
  positions = np.float32([[0.5, 0.5, 1], [8.5, 0.5, 1], [0.5, 8.5, 1]])
  ids = scenes.rasterize(positions, np.int32([[0, 1, 2]]))
  hit = np.asarray(ids.triangle_id) == 0
  expected = np.add.outer(np.arange(H), np.arange(W)) <= 8
  np.testing.assert_array_equal(hit, expected)


@pytest.mark.parametrize('snap', [0.0, 0.5, 1 / 16])
@pytest.mark.parametrize('seed', range(3))
def test_a_planar_mesh_has_no_holes(snap, seed):
  rng = np.random.default_rng(seed)
  n = 33
  x, y = np.meshgrid(np.linspace(-2, W + 2, n), np.linspace(-2, H + 2, n))
  p = np.stack([x, y, np.full_like(x, 7.3)], -1)
  p[..., :2] += rng.uniform(-0.25, 0.25, (n, n, 2))
  if snap:
    p[..., :2] = np.round(p[..., :2] / snap) * snap
  _, triangles = scenes.bumpy_grid(n)
  ids = scenes.rasterize(
    p.reshape(-1, 3).astype(np.float32), triangles, CAPACITY
  ).triangle_id
  assert (np.asarray(ids) >= 0).all()


def test_order_and_winding_of_triangles_do_not_matter():
  positions, triangles = _soup(11, 90)
  reference = _check(positions, triangles)
  rng = np.random.default_rng(0)
  order = rng.permutation(len(triangles))
  shuffled = np.stack([rng.permutation(t) for t in triangles[order]])
  out = scenes.rasterize(positions, shuffled)
  ids = np.asarray(out.triangle_id)
  ids = np.where(ids >= 0, order[ids], -1)
  np.testing.assert_array_equal(ids, reference.triangle_id)
  np.testing.assert_array_equal(out.depth, reference.depth)


def test_overflowing_passes_give_the_same_picture():
  # 300 triangles as large as the picture: 28 passes of one chunk.
  positions, triangles = _soup(5, 300, spread=8.0)
  small = _check(positions, triangles)
  large = scenes.rasterize(positions, triangles, 32 * CAPACITY)
  np.testing.assert_array_equal(small.triangle_id, large.triangle_id)
  np.testing.assert_array_equal(small.depth, large.depth)


def test_no_triangles_show_nothing():
  positions = np.zeros((4, 3), np.float32)
  out = rasterizer.rasterize(positions, np.zeros((0, 3), np.int32), H, W)
  assert (np.asarray(out.triangle_id) == -1).all()
  draw = jax.jit(rasterizer.interpolate)
  values = draw(positions, positions, np.zeros((0, 3), np.int32), out)
  assert values.shape == (H, W, 3) and not np.any(values)


def test_all_ways_of_batching_agree():
  positions, triangles = scenes.bumpy_grid()
  batch = np.stack([scenes.yawed(positions, a) for a in (0.0, 0.3, -0.8)])
  batch = batch.astype(np.float32)
  attributes = np.random.default_rng(0).uniform(size=(3, len(positions), 2))
  attributes = attributes.astype(np.float32)

  def draw(p, a):
    fragments = rasterizer.rasterize(p, triangles, H, W, capacity=CAPACITY)
    return fragments, rasterizer.interpolate(p, a, triangles, fragments)

  one = jax.jit(draw)
  loop = [one(p, a) for p, a in zip(batch, attributes, strict=True)]
  loop = jax.tree.map(lambda *x: np.stack(x), *loop)
  ways = (
    jax.jit(draw),  # the batch axis of the functions: lax.map inside
    jax.jit(jax.vmap(draw)),
  )
  for way in ways:
    for found, expected in zip(
      jax.tree.leaves(way(batch, attributes)),
      jax.tree.leaves(loop),
      strict=True,
    ):
      np.testing.assert_allclose(found, expected, rtol=1e-5)
  shared = rasterizer.interpolate(batch, attributes[0], triangles, loop[0])
  np.testing.assert_allclose(shared[0], loop[1][0], rtol=1e-5, atol=1e-6)


def test_triangles_may_be_traced():
  positions, triangles = scenes.bumpy_grid()
  traced = jax.jit(
    lambda p, t: rasterizer.rasterize(p, t, H, W, capacity=CAPACITY)
  )(positions, triangles)
  reference = _check(positions, triangles)
  np.testing.assert_array_equal(traced.triangle_id, reference.triangle_id)


def test_misuse_is_named():
  p, t = np.zeros((4, 3), np.float32), np.int32([[0, 1, 2]])
  cases = (
    (p[:, :2], t, H, W, {}, 'positions'),
    (p, t[0], H, W, {}, 'triangles'),
    (p, t + 3, H, W, {}, 'below 4, found 3 to 5'),
    (p, t - 1, H, W, {}, 'vertex ids'),
    (p, t, 4096, 4096, {}, '4096 x 4096'),
    (p, t, 0, W, {}, '0 x 32'),
    (p, t, H, W, {'capacity': 1000}, 'multiple of 4096'),
    (p, t, H, W, {'backend': 'cuda'}, 'cuda'),
  )
  for positions, triangles, height, width, options, message in cases:
    with pytest.raises(ValueError, match=message):
      rasterizer.rasterize(positions, triangles, height, width, **options)


def test_new_positions_do_not_compile_again():
  positions, triangles = scenes.bumpy_grid()
  scenes.rasterize(positions, triangles)
  before = scenes.jitted._cache_size()
  for shift in range(3):
    scenes.rasterize(positions + np.float32(shift), triangles)
  assert scenes.jitted._cache_size() == before
