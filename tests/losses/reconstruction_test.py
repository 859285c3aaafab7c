"""Losses of the reconstruction network against formulas of method 6.6."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax import conventions
from sadtalker_jax.face3d import alignment, coeffs
from sadtalker_jax.losses import reconstruction

TEMPLATE = np.float64(
  [
    [38.2946, 51.6963],
    [73.5318, 51.5014],
    [56.0252, 71.7366],
    [41.5493, 92.3655],
    [70.7299, 92.2041],
  ]
)


def test_photometric_is_the_mean_length_under_a_mask():
  prediction = jnp.zeros((1, 2, 2, 3))
  target = prediction.at[0, 0, 0].set(jnp.asarray([0.3, 0.4, 0.0]))
  mask = jnp.asarray([[[1.0, 1.0], [0.0, 0.0]]])
  found = reconstruction.photometric(prediction, target, mask)
  assert found == pytest.approx((0.5 + 1e-3) / 2, rel=1e-4)
  nothing = reconstruction.photometric(prediction, target, jnp.zeros_like(mask))
  assert nothing == 0


def test_photometric_has_a_gradient_where_nothing_differs():
  same = jnp.full((1, 2, 2, 3), 0.5)
  gradient = jax.grad(reconstruction.photometric)(
    same, same, jnp.ones((1, 2, 2))
  )
  assert np.all(np.isfinite(gradient))


def test_size_of_weights():
  vector = np.zeros((2, 257), np.float32)
  vector[0, conventions.IDENTITY][:2] = 1, 2
  vector[0, conventions.EXPRESSION][0] = 3
  vector[1, conventions.TEXTURE][0] = 10
  vector[1, conventions.GAMMA] = 100
  found = reconstruction.size_of_weights(coeffs.split(jnp.asarray(vector)))
  assert found == pytest.approx((5 + 0.8 * 9 + 0.017 * 100) / 2)


def test_grey_light_is_free():
  rng = np.random.default_rng(0)
  vector = np.zeros((2, 257), np.float32)
  vector[:, conventions.GAMMA] = np.tile(rng.normal(size=(2, 9)), 3)
  grey = reconstruction.grey_light(coeffs.split(jnp.asarray(vector)))
  assert grey == pytest.approx(0, abs=1e-12)
  gamma = rng.normal(size=(2, 27)).astype(np.float32)
  vector[:, conventions.GAMMA] = gamma
  found = reconstruction.grey_light(coeffs.split(jnp.asarray(vector)))
  assert found == pytest.approx(gamma.reshape(2, 3, 9).var(1).mean(), rel=1e-5)


def test_even_albedo_is_a_variance_over_skin():
  rng = np.random.default_rng(0)
  albedo = rng.uniform(size=(3, 40, 3)).astype(np.float32)
  skin = np.arange(40) < 25
  found = reconstruction.even_albedo(albedo, skin.astype(np.float32))
  expected = albedo[:, skin].astype(np.float64).var(1).sum(-1).mean()
  assert found == pytest.approx(expected, rel=1e-5)


def _landmarks(five: np.ndarray, lids: float) -> np.ndarray:
  """[68, 2] with the given five points; lids lie above their corners."""
  points = np.zeros((68, 2))
  for first, centre in ((36, five[0]), (42, five[1])):
    points[first : first + 6] = centre - [0, lids]
    points[first] = centre - [5, 0]
    points[first + 3] = centre + [5, 0]
  points[[30, 48, 54]] = five[2:]
  return points


@pytest.mark.parametrize('lids', [0.0, 6.0])
def test_faces_are_aligned_by_the_corners_of_the_eyes(lids):
  """Spots at the five points land on the template, wherever the lids are."""
  turn = 1.7 * np.asarray(
    [[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]
  )
  five = TEMPLATE @ turn.T + [60, 20]
  points = _landmarks(five, lids)
  np.testing.assert_allclose(alignment.five_points(points), five)
  centres = np.arange(260) + 0.5
  x, y = np.meshgrid(centres, centres)
  for i, (px, py) in enumerate(five):
    spot = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 4**2))
    picture = np.repeat(spot[None, ..., None], 3, -1).astype(np.float32)
    face = reconstruction.aligned_faces(
      jnp.asarray(picture), jnp.asarray(points[None], jnp.float32)
    )
    assert face.shape == (1, 112, 112, 3)
    weight = np.asarray(face[0, ..., 0], np.float64)
    side = np.arange(112) + 0.5
    found = [
      (weight.sum(0) * side).sum() / weight.sum(),
      (weight.sum(1) * side).sum() / weight.sum(),
    ]
    np.testing.assert_allclose(found, TEMPLATE[i], atol=0.05)


def test_points_are_constant():
  points = jnp.asarray(_landmarks(2 * TEMPLATE, 0.0)[None], jnp.float32)
  picture = jnp.asarray(np.random.default_rng(0).uniform(size=(1, 224, 224, 3)))

  def loss(picture: jax.Array, points: jax.Array) -> jax.Array:
    return reconstruction.aligned_faces(picture, points).sum()

  of_picture, of_points = jax.grad(loss, (0, 1))(picture, points)
  assert np.any(of_picture)
  assert not np.any(of_points)
