"""Aligned squares: their place, cutting, and pasting back."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.faces import aligned, landmarks

SIZE = (160, 200)  # rows, columns


def _points(scale: float = 0.3, angle: float = 0.2, shift=(20.0, 5.0)):
  """A face in a picture: the template made smaller, turned, moved."""
  c, s = scale * np.cos(angle), scale * np.sin(angle)
  return aligned.TEMPLATE @ np.array([[c, s], [-s, c]]) + shift


def _apply(matrix, points):
  return points @ matrix[:, :2].T + matrix[:, 2]


def _ramp(size=SIZE) -> np.ndarray:
  """A picture in which bilinear sampling is exact: 0.5 x, 0.4 y, a mean."""
  y, x = (np.arange(n) + 0.5 for n in size)
  x, y = np.broadcast_arrays(x[None], y[:, None])
  return np.stack([0.5 * x, 0.4 * y, 0.2 * x + 0.3 * y], -1).astype(np.float32)


def _smooth_picture(size=SIZE) -> np.ndarray:
  y, x = np.mgrid[: size[0], : size[1]]
  waves = [np.sin(x / 17 + k) * np.cos(y / 23 - k) for k in range(3)]
  return np.rint(128 + 100 * np.stack(waves, -1)).astype(np.uint8)


def _matrices(points):
  to_square = aligned.similarity(points)
  back = aligned.inverse(to_square)
  return to_square.astype(np.float32), back.astype(np.float32)


@pytest.fixture(scope='module')
def paste():
  return jax.jit(aligned.paste, static_argnames='upscale')


def test_similarity_finds_how_the_template_was_moved():
  points = np.stack([_points(), _points(2.0, -1.0, (300.0, -40.0))])
  matrix = aligned.similarity(points)
  for m, p in zip(matrix, points, strict=True):
    np.testing.assert_allclose(_apply(m, p), aligned.TEMPLATE, atol=1e-9)


def test_similarity_is_the_best_of_its_kind():
  rng = np.random.default_rng(0)
  points = _points() + rng.normal(0, 2, (5, 2))
  best = aligned.similarity(points)

  def error(matrix):
    return np.square(_apply(matrix, points) - aligned.TEMPLATE).sum()

  for _ in range(20):
    a, b, x, y = rng.normal(0, 1e-2, 4)
    other = best + np.array([[a, -b, x], [b, a, y]])
    assert error(other) > error(best)


def test_inverse_undoes():
  matrix = aligned.similarity(_points())
  points = np.random.default_rng(1).uniform(0, 200, (7, 2))
  back = _apply(aligned.inverse(matrix), _apply(matrix, points))
  np.testing.assert_allclose(back, points, atol=1e-9)


def test_five_points_lie_where_the_template_has_them():
  mesh = np.zeros((2, landmarks.POINTS, 3), np.float32)
  mesh[:, [33, 133, 362, 263], 0] = [10, 20, 40, 54]
  mesh[:, [4, 61, 291], :2] = [(30, 35), (22, 50), (41, 51)]
  five = aligned.five_points(mesh)
  want = [(15, 0), (47, 0), (30, 35), (22, 50), (41, 51)]
  np.testing.assert_allclose(five, np.broadcast_to(want, (2, 5, 2)))


def test_the_square_shows_the_picture_there():
  _, to_picture = _matrices(_points()[None])
  square = np.asarray(jax.jit(aligned.cut)(_ramp()[None], to_picture))[0]
  places = np.stack(np.meshgrid(*[np.arange(512) + 0.5] * 2), -1)
  x, y = np.moveaxis(_apply(to_picture[0], places), -1, 0)
  inside = (x > 1) & (x < SIZE[1] - 1) & (y > 1) & (y < SIZE[0] - 1)
  assert inside.mean() > 0.5
  want = np.stack([0.5 * x, 0.4 * y, 0.2 * x + 0.3 * y], -1)
  np.testing.assert_allclose(square[inside], want[inside], atol=1e-3)


def test_outside_of_the_picture_it_is_mirrored():
  picture = _smooth_picture()
  wide = np.concatenate([picture[:, ::-1], picture], 1)
  shift = np.array([SIZE[1], 0.0])
  points = _points(0.3, 0.0, (-60.0, 0.0))
  cut = jax.jit(aligned.cut)
  square = cut(picture[None], _matrices(points[None])[1])
  want = cut(wide[None], _matrices((points + shift)[None])[1])
  # Below, both are mirrored by themselves.
  np.testing.assert_allclose(square, want, atol=0.05)


def test_what_was_cut_comes_back_as_it_was(paste):
  picture = _smooth_picture()[None]
  to_square, to_picture = _matrices(_points()[None])
  face = aligned.cut(picture, to_picture)
  pasted = np.asarray(paste(picture, face, to_square, upscale=1))
  error = np.abs(pasted.astype(int) - picture)
  assert error.max() <= 1  # rounding, and bilinear of waves 100 pixels long


def test_a_new_face_stands_in_the_square_only_and_its_rim_is_soft(paste):
  picture = np.zeros((1, *SIZE, 3), np.uint8)
  points = _points(0.25, 0.0, (30.0, 10.0))
  to_square, _ = _matrices(points[None])
  face = jnp.full((1, 512, 512, 3), 200.0)
  pasted = np.asarray(paste(picture, face, to_square, upscale=1))[0, ..., 0]
  # The square covers columns 30 to 158 and rows 10 to 138.
  assert not pasted[:10].any() and not pasted[138:].any()
  assert not pasted[:, :30].any() and not pasted[:, 158:].any()
  assert (pasted[30:118, 50:138] == 200).all()
  row = pasted[70, 30:60].astype(int)
  assert (np.diff(row) >= 0).all() and row[0] < 5
  assert abs(int(row[6]) - 100) < 25  # half at the rim, 6.4 pixels inside


def test_twice_as_large_is_the_resized_picture_with_the_same_face(paste):
  picture = _smooth_picture()[None]
  to_square, to_picture = _matrices(_points()[None])
  face = aligned.cut(picture, to_picture)
  pasted = np.asarray(paste(picture, face, to_square, upscale=2))
  plain = np.asarray(aligned.enlarge(jnp.asarray(picture), upscale=2))
  assert pasted.shape == plain.shape == (1, 320, 400, 3)
  assert pasted.dtype == plain.dtype == np.uint8
  # At the border the two resamplings continue the picture differently.
  error = np.abs(pasted.astype(int) - plain)[:, 4:-4, 4:-4]
  assert error.max() <= 2
  # No shift: means of two by two pixels are the picture.
  means = plain.reshape(160, 2, 200, 2, 3).mean((1, 3))
  assert np.abs(means - picture[0])[2:-2, 2:-2].max() < 1.5


def test_pictures_of_a_batch_do_not_see_each_other(paste):
  pictures = np.stack([_smooth_picture(), 255 - _smooth_picture()])
  points = np.stack([_points(), _points(0.2, -0.4, (60.0, 40.0))])
  to_square, to_picture = _matrices(points)
  both = paste(
    pictures, aligned.cut(pictures, to_picture), to_square, upscale=1
  )
  one = slice(1, 2)
  face = aligned.cut(pictures[one], to_picture[one])
  alone = paste(pictures[one], face, to_square[one], upscale=1)
  np.testing.assert_array_equal(both[1], alone[0])


def test_jit_changes_nothing():
  picture = _smooth_picture()[None]
  to_square, to_picture = _matrices(_points()[None])
  cut = jax.jit(aligned.cut)
  plain, fast = aligned.cut(picture, to_picture), cut(picture, to_picture)
  np.testing.assert_allclose(plain, fast, atol=1e-2)
  pasted = functools.partial(aligned.paste, upscale=2)
  slow = np.asarray(pasted(picture, plain, to_square)).astype(int)
  quick = np.asarray(jax.jit(pasted)(picture, plain, to_square))
  assert np.abs(slow - quick).max() <= 1
