"""The silhouette gradient against finite differences of finer pictures."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.face3d.rasterize import rasterizer, silhouette

SIZE = 224
FINE = 4  # samples of a pixel's side in finite differences


def _ball(n=100):
  """An egg with a nose before a camera, as vertices [V, 3] and triangles."""
  v, u = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
  azimuth, height = u * 1.75, v * 1.4
  p = np.stack(
    [
      0.7 * np.sin(azimuth) * np.cos(height),
      np.sin(height),
      0.8 * np.cos(azimuth) * np.cos(height),
    ],
    -1,
  )
  p[..., 2] += 0.7 * np.exp(-((u / 0.15) ** 2) - ((v - 0.1) / 0.2) ** 2)
  i = np.arange(n * n).reshape(n, n)
  a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, :-1], i[1:, 1:]
  triangles = np.concatenate(
    [np.stack([a, c, b], -1), np.stack([b, c, d], -1)], 2
  ).reshape(-1, 3)
  return p.reshape(-1, 3).astype(np.float32), triangles.astype(np.int32)


VERTICES, TRIANGLES = _ball()
COLOUR = np.stack(
  [0.6 + 0.3 * np.sin(3 * VERTICES[:, 0]), 0.5 + 0.4 * VERTICES[:, 1]], -1
).astype(np.float32)


def _project(yaw=0.0, tx=0.0, ty=0.0, scale=0.0):
  """Positions in a picture of SIZE pixels, differentiable."""
  c, s = jnp.cos(yaw), jnp.sin(yaw)
  x, y, z = (VERTICES * (1 + scale)).T
  # Far away: a fragment half a pixel inside of the contour is nearer than it,
  # and the estimator takes its motion, which is larger, for the contour's.
  depth = 30 - (c * z - s * x)
  focal = 11.5 * SIZE
  points = [focal * (c * x + s * z + tx) / depth, focal * (y + ty) / depth]
  return jnp.stack([*points, depth], -1) + jnp.float32([SIZE / 2, SIZE / 2, 0])


@functools.partial(jax.jit, static_argnums=(1, 2))
def _draw(positions, edge=False, fine=1):
  """Colours of the egg on black and its mask, [SIZE, SIZE, 3]."""
  size = SIZE * fine
  positions = positions * jnp.float32([fine, fine, 1])
  fragments = rasterizer.rasterize(
    positions, TRIANGLES, size, size, backend='cpu'
  )
  image = rasterizer.interpolate(
    positions, COLOUR, TRIANGLES, fragments, backend='cpu'
  )
  mask = (fragments.triangle_id >= 0).astype(image.dtype)[..., None]
  image = jnp.concatenate([image, mask], -1)
  if edge:
    image = silhouette.edge_gradient(
      positions, image, TRIANGLES, fragments.triangle_id, backend='cpu'
    )
  return image.reshape(SIZE, fine, SIZE, fine, 3).mean((1, 3))


def _blur(image):
  kernel = jnp.exp(-0.5 * jnp.linspace(-3, 3, 13, dtype=jnp.float32) ** 2)
  kernel = kernel / kernel.sum()
  for axis in (0, 1):
    image = jnp.apply_along_axis(
      lambda row: jnp.convolve(row, kernel, 'same'), axis, image
    )
  return image


def _area(image, _):
  ramp = jnp.linspace(0, 2, SIZE, dtype=jnp.float32)  # also across the egg
  return jnp.sum(image[..., 2] * ramp)


def _difference(image, target):
  return jnp.sum((_blur(image) - target) ** 2)


def _mask_difference(image, target):
  return _difference(image * jnp.float32([0, 0, 1]), target)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _loss(loss, edge, fine, parameters, target):
  image = _draw(_project(**parameters), edge, fine)
  return loss(image, target)


_gradient = jax.jit(
  jax.value_and_grad(_loss, argnums=3), static_argnums=(0, 1, 2)
)


def _parameters(**values):
  result = {'yaw': 0.0, 'tx': 0.0, 'ty': 0.0, 'scale': 0.0, **values}
  return {key: jnp.float32(value) for key, value in result.items()}


def _slopes(loss, names, yaw, step, target):
  """(name, gradient, finite difference) of parameters of `_project`."""
  start = _parameters(yaw=yaw)
  _, found = _gradient(loss, True, 1, start, target)
  for name in names:
    sides = [
      _loss(
        loss, False, FINE, {**start, name: start[name] + sign * step}, target
      )
      for sign in (1, -1)
    ]
    yield name, float(found[name]), float((sides[0] - sides[1]) / (2 * step))


def test_picture_stays_the_same_to_the_last_bit():
  positions = _project(0.5)
  np.testing.assert_array_equal(_draw(positions, True), _draw(positions))


@pytest.mark.parametrize('yaw', [0.0, 0.6])
def test_gradient_of_the_area_equals_finite_differences(yaw):
  slopes = _slopes(_area, ('tx', 'scale'), yaw, 0.02, None)
  for name, found, expected in slopes:
    assert found == pytest.approx(expected, rel=0.01), name


@pytest.mark.parametrize('yaw', [0.3, 0.6])
def test_gradient_of_a_blurred_difference_equals_finite_differences(yaw):
  target = _parameters(yaw=yaw - 0.1, tx=0.06, ty=0.04, scale=-0.05)
  target = _blur(_draw(_project(**target), False, FINE))
  names = ('tx', 'ty', 'scale')
  for name, found, expected in _slopes(_difference, names, yaw, 0.005, target):
    assert found == pytest.approx(expected, rel=0.1), name


@functools.partial(jax.jit, static_argnums=3)
@jax.grad
def _pair_gradient(positions, colours, weight, backend):
  triangles = np.int32([[0, 1, 2], [3, 4, 5]])
  ids = rasterizer.rasterize(
    positions, triangles, 16, 16, backend='cpu'
  ).triangle_id
  image = colours[ids][..., None]
  image = silhouette.edge_gradient(
    positions, image, triangles, ids, backend=backend
  )
  return jnp.sum(image[..., 0] * weight)


def _pair(front, back, colours, weight=1.0, backend='cpu'):
  """Gradient to positions [6, 3] of a weighted sum of the picture."""
  positions = jnp.asarray(np.concatenate([front, back]), jnp.float32)
  weight = jnp.full((16, 16), weight, jnp.float32)
  colours = jnp.asarray([*colours, 0.0], jnp.float32)
  return np.asarray(_pair_gradient(positions, colours, weight, backend))


LEFT = np.array([[-40, 8, 2], [8.3, -40, 2], [8.3, 56, 2]], np.float32)
WIDE = np.array([[-90, -90, 5], [90, -90, 5], [0, 160, 5]], np.float32)


@pytest.mark.parametrize('backend', ['cpu', 'gpu', 'tpu'])
def test_the_nearer_triangle_owns_the_border(backend):
  # One vertical border over 16 rows: each pixel of motion to the right turns 16
  # pixels from 0.25 to 1; the last row and column count as the others do.
  gradient = _pair(LEFT, WIDE, (1.0, 0.25), backend=backend)
  assert gradient[:3, 0].sum() == pytest.approx(16 * 0.75, rel=1e-4)
  np.testing.assert_array_equal(gradient[3:], 0)
  gradient = _pair(WIDE, LEFT, (0.25, 1.0), backend=backend)  # ids swapped
  assert gradient[3:, 0].sum() == pytest.approx(16 * 0.75, rel=1e-4)
  np.testing.assert_array_equal(gradient[:3], 0)


def test_only_the_triangle_moves_against_the_background():
  far = WIDE + np.float32([500, 0, 0])  # outside
  gradient = _pair(LEFT, far, (1.0, 0.0))
  assert gradient[:3, 0].sum() == pytest.approx(16, rel=1e-4)
  assert np.abs(gradient[:3, 1].sum()) < 1e-4
  assert (gradient[3:] == 0).all()


def test_neighbours_on_a_surface_have_no_border():
  full = np.array([[-99, -99, 3], [8.3, -99, 3], [8.3, 299, 3]], np.float32)
  rest = np.array([[8.3, -99, 3], [99, -99, 3], [8.3, 299, 3]], np.float32)
  np.testing.assert_array_equal(_pair(full, rest, (1.0, 0.0)), 0)


def test_an_intersection_slides_along_both_planes():
  # Depths 4 + x / 20 and 5.1 - x / 20 meet at x = 11; farther is hidden.
  def plane(slope, depth):
    corner = np.array([[-90.0, -90], [110, -90], [8, 190]])
    return np.concatenate([corner, depth + slope * corner[:, :1]], 1)

  # Lines in the picture are not planes in space, but nearly so at this depth.
  rising, falling = plane(0.002, 400.0), plane(-0.002, 400.044)
  gradient = _pair(rising, falling, (1.0, 0.0))
  # Lifting the first by d moves the border by -d / 0.004 over 16 rows.
  assert gradient[:3, 2].sum() == pytest.approx(-16 / 0.004, rel=0.02)
  assert gradient[3:, 2].sum() == pytest.approx(16 / 0.004, rel=0.02)


@functools.partial(jax.jit, static_argnums=2)
@jax.grad
def _small_gradient(positions, target, backend):
  """With respect to positions [B, V, 3] of the egg in 28 x 28 pixels."""
  positions = positions * jnp.float32([0.125, 0.125, 1])
  fragments = rasterizer.rasterize(positions, TRIANGLES, 28, 28, backend='cpu')
  image = rasterizer.interpolate(
    positions, COLOUR, TRIANGLES, fragments, backend='cpu'
  )
  image = silhouette.edge_gradient(
    positions, image, TRIANGLES, fragments.triangle_id, backend=backend
  )
  return jnp.sum(image * target)


def test_backends_and_batches_agree():
  batch = jnp.stack([_project(yaw) for yaw in (0.0, 0.7)])
  rng = np.random.default_rng(0)
  target = jnp.asarray(rng.normal(size=(2, 28, 28, 2)), jnp.float32)
  expected = _small_gradient(batch, target, 'cpu')
  atol = 1e-5 * np.abs(expected).max()
  for backend in ('gpu', 'tpu'):
    found = _small_gradient(batch, target, backend)
    np.testing.assert_allclose(found, expected, atol=atol)
  mapped = jax.vmap(lambda p, t: _small_gradient(p, t, 'cpu'))
  found = mapped(batch[:, None], target[:, None])[:, 0]
  np.testing.assert_allclose(found, expected, atol=atol)


def test_nothing_shown_and_bad_vertices_send_no_gradient():
  far = LEFT + np.float32([900, 0, 0])
  np.testing.assert_array_equal(_pair(far, far, (1.0, 1.0)), 0)
  bad = np.full((3, 3), np.nan, np.float32)
  gradient = _pair(bad, LEFT, (1.0, 0.5))
  assert np.isfinite(gradient[3:]).all() and (gradient[:3] == 0).all()


@pytest.mark.parametrize(
  'name, start, truth', [('tx', 0.2, 0), ('yaw', 0.6, 0.9)]
)
def test_descent_recovers_a_pose_from_a_mask(name, start, truth):
  # Colours are blacked out: contours alone tell the pose.
  target = _draw(_project(**_parameters(**{name: truth})), False, FINE)
  target = _blur(target * jnp.float32([0, 0, 1]))
  value, step = start, 0.05
  slope, change = None, 0.0
  for _ in range(12):  # the step follows the curvature seen so far
    parameters = _parameters(**{name: value})
    _, slopes = _gradient(_mask_difference, True, 1, parameters, target)
    if slope is not None and float(slopes[name]) != slope:
      step = min(abs(change / (float(slopes[name]) - slope)), 1e-3)
      change = -np.clip(step * float(slopes[name]), -0.1, 0.1)
    else:
      change = -step * np.sign(float(slopes[name]))
    slope, value = float(slopes[name]), value + change
  assert abs(value - truth) < 0.01


def test_misuse_is_named():
  positions, ids = np.zeros((4, 3), np.float32), np.zeros((5, 6), np.int32)
  triangles = np.int32([[0, 1, 2]])
  image = np.zeros((5, 6, 3), np.float32)
  with pytest.raises(ValueError, match=r'\(6, 5, 3\)'):
    silhouette.edge_gradient(positions, image.swapaxes(0, 1), triangles, ids)
  with pytest.raises(ValueError, match='cuda'):
    silhouette.edge_gradient(positions, image, triangles, ids, backend='cuda')
