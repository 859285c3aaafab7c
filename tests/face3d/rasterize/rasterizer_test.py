"""The rasterizer against a brute-force one in float64."""

import functools

import hypothesis
from hypothesis import strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.face3d.rasterize import rasterizer, visibility_cpu

H, W = 24, 32  # not square
CAPACITY = visibility_cpu.CHUNK

_jitted = jax.jit(
  rasterizer.rasterize, static_argnums=(2, 3), static_argnames=('capacity',)
)


def _rasterize(positions, triangles, capacity=CAPACITY):
  """Rasterises with padded inputs, so that few shapes have to be compiled."""
  positions = np.asarray(positions, np.float32)
  triangles = np.asarray(triangles, np.int32)
  more = -len(positions) % 1100, -len(triangles) % 1200
  positions = np.pad(positions, ((0, more[0]), (0, 0)))
  triangles = np.pad(triangles, ((0, more[1]), (0, 0)))  # without area
  return _jitted(positions, triangles, H, W, capacity=capacity)


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
  out = _rasterize(positions, triangles, capacity)
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


def _bumpy_grid(n=25, bump=0.3, seed=0):
  """A closed-over, face-like height field and its triangles."""
  rng = np.random.default_rng(seed)
  v, u = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
  z = 6 - bump * np.exp(-4 * (u**2 + v**2)) + 0.02 * np.sin(9 * u) * v
  p = np.stack([16 + 12 * u, 12 + 9 * v, z], -1) + rng.normal(
    0, 1e-3, (n, n, 3)
  )
  i = np.arange(n * n).reshape(n, n)
  a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, :-1], i[1:, 1:]
  triangles = np.stack(
    [np.stack([a, c, b], -1), np.stack([b, c, d], -1)], 2
  ).reshape(-1, 3)
  return p.reshape(-1, 3).astype(np.float32), triangles.astype(np.int32)


def _yawed(positions, angle):
  """Turned about the vertical axis through the grid's middle, perspective."""
  p = positions.astype(np.float64) - [16, 12, 6]
  c, s = np.cos(angle), np.sin(angle)
  x, z = c * p[:, 0] + 8 * s * p[:, 2], -s * p[:, 0] / 8 + c * p[:, 2] + 6
  return np.stack([16 + 6 * x / z, 12 + 6 * p[:, 1] / z, z], -1)


# --- visibility -----------------------------------------------------------


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
  positions, triangles = _bumpy_grid()
  out = _check(_yawed(positions, angle), triangles)
  assert (np.asarray(out.triangle_id) >= 0).sum() > 20


def test_zoomed_in_mesh_clipped_by_the_picture_equals_brute_force():
  positions, triangles = _bumpy_grid()
  positions[:, :2] = (positions[:, :2] - [16, 12]) * 40 + [16, 12]
  out = _check(positions, triangles)
  assert (np.asarray(out.triangle_id) >= 0).all()


def test_mesh_partly_and_wholly_outside():
  positions, triangles = _bumpy_grid()
  _check(positions - [14, 0, 0], triangles)
  out = _check(positions + [0, 500, 0], triangles)
  assert (np.asarray(out.triangle_id) == -1).all()


def test_triangles_behind_or_straddling_the_camera_are_left_out():
  positions, triangles = _soup(3, 40, depth=(-4.0, 4.0))
  out = _check(positions, triangles)
  shown = np.unique(out.triangle_id)
  whole = positions[triangles][..., 2].min(1) > 0
  assert whole[shown[shown >= 0]].all()
  behind = _rasterize(positions - np.float32([0, 0, 9]), triangles)
  assert (np.asarray(behind.triangle_id) == -1).all()


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize('axis', [0, 1, 2])
def test_a_bad_vertex_removes_only_its_triangles(bad, axis):
  positions, triangles = _bumpy_grid()
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
  out = _rasterize(positions, same.astype(np.int32))
  assert set(np.unique(out.triangle_id)) == {-1, 0}


def test_centres_on_edges_and_corners_belong_to_the_triangle():
  positions = np.float32([[0.5, 0.5, 1], [8.5, 0.5, 1], [0.5, 8.5, 1]])
  ids = _rasterize(positions, np.int32([[0, 1, 2]]))
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
  _, triangles = _bumpy_grid(n)
  ids = _rasterize(
    p.reshape(-1, 3).astype(np.float32), triangles, CAPACITY
  ).triangle_id
  assert (np.asarray(ids) >= 0).all()


def test_order_and_winding_of_triangles_do_not_matter():
  positions, triangles = _soup(11, 90)
  reference = _check(positions, triangles)
  rng = np.random.default_rng(0)
  order = rng.permutation(len(triangles))
  shuffled = np.stack([rng.permutation(t) for t in triangles[order]])
  out = _rasterize(positions, shuffled)
  ids = np.asarray(out.triangle_id)
  ids = np.where(ids >= 0, order[ids], -1)
  np.testing.assert_array_equal(ids, reference.triangle_id)
  np.testing.assert_array_equal(out.depth, reference.depth)


def test_overflowing_passes_give_the_same_picture():
  # 300 triangles as large as the picture: 28 passes of one chunk.
  positions, triangles = _soup(5, 300, spread=8.0)
  small = _check(positions, triangles)
  large = _rasterize(positions, triangles, 32 * CAPACITY)
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
  positions, triangles = _bumpy_grid()
  batch = np.stack([_yawed(positions, a) for a in (0.0, 0.3, -0.8)])
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
  positions, triangles = _bumpy_grid()
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


# --- interpolation --------------------------------------------------------


def _scene(seed=0):
  positions, triangles = _bumpy_grid(seed=seed)
  positions = _yawed(positions, 0.5).astype(np.float32)
  fragments = _rasterize(positions, triangles)
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
  fragments = _rasterize(positions, triangles)
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
  fragments = _rasterize(positions, triangles)

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


def test_new_positions_do_not_compile_again():
  positions, triangles = _bumpy_grid()
  _rasterize(positions, triangles)
  before = _jitted._cache_size()
  for shift in range(3):
    _rasterize(positions + np.float32(shift), triangles)
  assert _jitted._cache_size() == before
