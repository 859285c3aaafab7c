"""Pictures of faces: orientation, scale, light, gradients, chunks.

Every shape of picture is a program to compile, so most tests share one.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax import conventions
from sadtalker_jax.face3d import alignment, camera, coeffs, renderer
from sadtalker_jax.face3d.bases import makehuman, morphable

SIZE = 64  # small pictures; the camera does not care
NOSE, CHIN, RIGHT_EYE, LEFT_EYE = 30, 8, 36, 45  # of the 68 landmarks


@pytest.fixture(scope='module')
def model():
  return jax.device_put(makehuman.load())


@pytest.fixture(scope='module')
def textured(model):
  """The head with a made-up texture, smooth in space."""
  mean = np.asarray(model.mean)
  waves = 0.5 + 0.3 * np.sin(5 * mean)
  ramps = np.tile(0.05 * mean[None, :, :1], (80, 1, 3))
  return dataclasses.replace(
    model,
    texture_mean=waves.astype(np.float32),
    texture_basis=ramps.astype(np.float32),
  )


def _vectors(*changes: dict[str, object]) -> np.ndarray:
  """Rows [B, 257] of the mean face with parts set."""
  rows = []
  for change in changes:
    parts = coeffs.zeros()
    rows.append(np.concatenate(parts._replace(**change)))
  return np.stack(rows).astype(np.float32)


def _likely(count: int) -> np.ndarray:
  rng = np.random.default_rng(1)
  sigma = np.zeros(257)
  sigma[conventions.IDENTITY] = 0.5
  sigma[conventions.ANGLES] = 0.2
  sigma[conventions.GAMMA] = sigma[conventions.TRANSLATION] = 0.1
  rows = (rng.normal(size=(count, 257)) * sigma).astype(np.float32)
  rows[:, conventions.EXPRESSION][:, :52] = rng.uniform(0, 0.2, (count, 52))
  return rows


def _draw(model, vectors, albedo) -> renderer.Rendering:
  """Up to six faces, numpy."""
  count = len(vectors)
  vectors = np.resize(vectors, (6, 257))
  albedo = np.asarray(albedo, np.float32)
  drawn = renderer.render(model, vectors, view=SIZE, albedo=albedo)
  return renderer.Rendering(*(np.asarray(part)[:count] for part in drawn))


# --- conventions --------------------------------------------------------------


def test_face_is_upright_and_not_mirrored(model):
  # The person's right half is red; they look at us, so it is on our left.
  red = np.where(np.asarray(model.mean)[:, :1] < 0, [[1, 0, 0]], [[0, 0, 1]])
  drawn = _draw(model, _vectors({}), red)
  left, right = np.split(drawn.image[0], 2, axis=1)
  assert left[..., 0].sum() > 20 * left[..., 2].sum() + 99
  assert right[..., 2].sum() > 20 * right[..., 0].sum() + 99
  points = drawn.landmarks[0]
  assert points[RIGHT_EYE, 0] < SIZE / 2 < points[LEFT_EYE, 0]
  assert points[RIGHT_EYE, 1] < points[NOSE, 1] < points[CHIN, 1]  # y is down
  # The head ends at the neck: the mask reaches the lower border only.
  mask = drawn.mask[0]
  assert mask[-1].any() and not mask[:, 0].any() and not mask[:, -1].any()


def test_angles_and_translation_move_as_documented(model):
  vectors = _vectors(
    {},
    {'angles': [0.3, 0, 0]},
    {'angles': [0, 0.3, 0]},
    {'angles': [0, 0, 0.3]},
    {'translation': [0.1, 0.2, 0]},
    {'translation': [0, 0, 1.0]},
  )
  drawn = _draw(model, vectors, renderer.uniform_albedo(model))
  rest, pitch, yaw, roll, moved, near = drawn.landmarks
  assert pitch[NOSE, 1] > rest[NOSE, 1] + 1  # nods down
  assert yaw[NOSE, 0] > rest[NOSE, 0] + 1  # turns to the picture's right
  # Rolls counter-clockwise: the eye on our right goes up.
  assert roll[LEFT_EYE, 1] < roll[RIGHT_EYE, 1] - 1
  shift = (moved - rest).mean(0)
  assert shift[0] > 1 and shift[1] < -2  # right and up
  assert np.ptp(near, 0).min() > 1.05 * np.ptp(rest, 0).min()  # larger
  centre = SIZE // 2, SIZE // 2
  assert abs(drawn.depth[0][centre] - drawn.depth[5][centre] - 1) < 0.05
  hit = drawn.mask[0] > 0
  assert 8 < drawn.depth[0][hit].min() < 10
  assert not drawn.depth[0][~hit].any() and not drawn.image[0][~hit].any()


def test_landmarks_have_the_constants_of_the_reference(model):
  vector = _likely(1)
  part = coeffs.split(vector[0])
  shape = (
    np.asarray(model.mean, np.float64)
    + np.tensordot(part.identity, np.asarray(model.identity), 1)
    + np.tensordot(part.expression, np.asarray(model.expression), 1)
  )
  (sx, sy, sz), (cx, cy, cz) = np.sin(part.angles), np.cos(part.angles)
  turn_x = [[1, 0, 0], [0, cx, -sx], [0, sx, cx]]
  turn_y = [[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]
  turn_z = [[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]
  posed = shape @ (np.array(turn_z) @ turn_y @ turn_x).T + part.translation
  weights = np.asarray(model.landmark_weights)[..., None]
  x, y, z = (posed[np.asarray(model.landmark_ids)] * weights).sum(1).T
  expected = np.stack([1015 * x / (10 - z) + 112, 1015 * y / (10 - z) + 112], 1)
  expected[:, 1] = 224 - expected[:, 1]
  drawn = _draw(model, vector, renderer.uniform_albedo(model))
  np.testing.assert_allclose(
    drawn.landmarks[0], expected * SIZE / 224, atol=2e-3
  )


def test_pixels_show_what_lies_at_their_centres(model):
  # Every vertex is coloured by where it falls in the picture.
  vector = _vectors({'angles': [0.1, -0.2, 0.1]})
  part = coeffs.split(vector[0])
  posed = camera.transform(model.mean, part.angles, part.translation)
  place = np.asarray(camera.project_to_picture(posed, renderer.frame(SIZE)))
  drawn = _draw(model, vector, place / (0.8 * 0.886227))
  hit = drawn.mask[0] > 0
  row, column = np.nonzero(hit)
  shown = drawn.image[0][hit]
  # Places in the picture are not quite linear in perspective.
  np.testing.assert_allclose(shown[:, 0], column + 0.5, atol=0.03)
  np.testing.assert_allclose(shown[:, 1], row + 0.5, atol=0.03)
  np.testing.assert_allclose(shown[:, 2], drawn.depth[0][hit], rtol=1e-5)


def test_landmarks_lie_on_the_drawn_surface(model):
  vectors = _vectors({}, {'angles': [0.1, -0.2, 0.1]})
  drawn = _draw(model, vectors, renderer.uniform_albedo(model))
  for vector, points, mask, depth in zip(
    vectors, drawn.landmarks, drawn.mask, drawn.depth, strict=True
  ):
    part = coeffs.split(vector)
    posed = camera.transform(model.mean, part.angles, part.translation)
    own = camera.depth(morphable.landmarks68(model, posed))
    # Brows and nose are seen, and lie on smooth skin.
    ids = [*range(17, 31)]
    column, row = np.floor(points[ids]).astype(int).T
    assert mask[row, column].all()
    # Half a pixel on the steep side of a nose is 0.04 decimetre.
    np.testing.assert_allclose(
      depth[row, column], own[np.array(ids)], atol=0.05
    )


def test_normals_are_unit_and_face_the_camera(model):
  drawn = _draw(model, _vectors({}), renderer.uniform_albedo(model))
  normals, hit = drawn.normals[0], drawn.mask[0] > 0
  np.testing.assert_allclose(np.linalg.norm(normals[hit], axis=-1), 1, 1e-5)
  assert not normals[~hit].any()
  assert normals[hit][:, 2].mean() > 0.6
  row, column = np.nonzero(hit)
  assert normals[hit][:, 0][column < SIZE * 0.4].mean() < -0.2  # x is right
  assert normals[hit][:, 0][column > SIZE * 0.6].mean() > 0.2
  assert normals[hit][:, 1][row < SIZE * 0.15].mean() > 0.2  # y is up


def test_light_has_the_constants_of_the_reference(model):
  gamma = np.zeros((3, 9), np.float32)
  gamma[1, 2] = 0.3  # green, from the camera
  gamma[2, 1] = -0.2  # blue, from above
  vectors = _vectors({}, {'gamma': gamma.ravel()})
  drawn = _draw(model, vectors, renderer.uniform_albedo(model, 0.5))
  hit = drawn.mask[0] > 0
  plain, lit = drawn.image[:, hit]
  np.testing.assert_allclose(plain, 0.5 * 0.8 * 0.886227, rtol=1e-5)
  x, y, z = drawn.normals[0][hit].T
  # Vertices are lit: a pixel's own normal gives nearly the same.
  expected = 1.772454 * np.stack([0 * x, 0.3 * z, 0.2 * y], -1)
  assert np.abs((lit - plain) / 0.5 - expected).mean() < 0.01
  assert (lit == plain)[:, 0].all()


def test_view_and_triangles_are_those_of_the_caller(model):
  vector = _likely(1)[0]
  trans = alignment.TransParams(96.0, 60.0, 3.0, 40.0, 33.0)
  eyes = np.asarray(model.triangles)[model.group('eye_left', 'eye_right')]
  drawn = renderer.render(
    model, vector, view=trans, look='geometry', triangles=eyes
  )
  assert drawn.image.shape == (60, 96, 3)
  aligned = _draw(model, vector[None], renderer.uniform_albedo(model))
  expected = (aligned.landmarks[0] * 224 / SIZE - 112) / 3 + [40, 60 - 33]
  np.testing.assert_allclose(drawn.landmarks, expected, atol=1e-3)
  row, column = np.nonzero(np.asarray(drawn.mask))
  seen = np.stack([column, row], -1) + 0.5
  assert 4 < len(seen) < 150
  low, high = expected[36:48].min(0), expected[36:48].max(0)
  assert (low - 4 < seen.min(0)).all() and (seen.max(0) < high + 4).all()


def test_shapes_follow_batch_and_view(model):
  def shapes(vectors, **options):
    drawn = jax.eval_shape(
      lambda v: renderer.render(model, v, look='geometry', **options), vectors
    )
    return [part.shape for part in drawn]

  one, two = np.zeros(257, np.float32), np.zeros((2, 257), np.float32)
  assert shapes(two)[:2] == [(2, 224, 224, 3), (2, 224, 224)]
  assert shapes(one, view=300) == [
    (300, 300, 3),
    (300, 300),
    (300, 300),
    (300, 300, 3),
    (68, 2),
  ]


# --- gradients ----------------------------------------------------------------


def test_gradient_equals_finite_differences(textured):
  # On forehead and cheek, off silhouettes, which have no gradient.
  y, x = np.indices((SIZE, SIZE)) + 0.5
  weight = sum(
    np.exp(-((x - u) ** 2 + (y - v) ** 2) / 4) for u, v in ((32, 14), (25, 37))
  )
  weight = np.where(weight > 1e-2, weight, 0)[..., None].astype(np.float32)
  start = _vectors({'angles': [0.05, 0.1, 0.0]})[0]
  start[conventions.GAMMA] = np.tile([0.1, -0.2, 0.2, 0.1, 0, 0, 0, 0, 0], 3)

  @jax.jit
  def losses(model, vector):
    drawn = renderer.render(model, vector, view=SIZE)
    return jnp.stack(
      [
        jnp.sum(weight * drawn.image**2),
        jnp.sum(weight * drawn.normals * jnp.float32([1, 2, 1])),
        jnp.sum(weight[..., 0] * drawn.depth),
        jnp.sum(drawn.landmarks[NOSE]),
      ]
    )

  jacobian = jax.jit(jax.jacrev(losses, 1))(textured, start)
  rng = np.random.default_rng(3)
  for place, step, tolerance in (
    (conventions.IDENTITY, 0.1, 0.03),
    (conventions.TEXTURE, 0.5, 2e-3),
    (conventions.ANGLES, 0.01, 0.03),
    (conventions.GAMMA, 0.1, 2e-3),
    (conventions.TRANSLATION, 0.01, 0.03),
  ):
    direction = np.zeros(257, np.float32)
    size = place.stop - place.start
    direction[place] = rng.normal(size=size) / size**0.5
    analytic = np.asarray(jacobian) @ direction
    ahead, back = (
      np.asarray(losses(textured, start + sign * step * direction))
      for sign in (1, -1)
    )
    numeric = (ahead - back) / (2 * step)
    assert abs(numeric[0]) > 1e-3, place
    scale = np.abs(numeric) + 1e-2
    error = np.abs(analytic - numeric) / scale
    assert error.max() < tolerance, (place, analytic, numeric)


# --- chunks -------------------------------------------------------------------


def test_chunks_change_memory_only(model):
  vectors = np.concatenate([_likely(5), _vectors({'translation': [30, 0, 0]})])
  vectors = np.concatenate([vectors, _vectors({'translation': [0, 0, 12]})])
  brightness = np.linspace(0.2, 1, 7, dtype=np.float32)
  albedo = np.stack([renderer.uniform_albedo(model, b) for b in brightness])

  def loss(vectors, albedo, model, chunk):
    drawn = renderer.render(model, vectors, view=32, albedo=albedo, chunk=chunk)
    return sum(jnp.sum(part**2) for part in drawn[:4]), drawn

  def compiled(chunk):
    function = jax.value_and_grad(loss, (0, 1), has_aux=True)
    jitted = jax.jit(function, static_argnums=3)
    return jitted.lower(vectors, albedo, model, chunk).compile()

  whole, parts = compiled(7), compiled(2)
  ((_, drawn), gradient), ((_, same), alike) = (
    program(vectors, albedo, model) for program in (whole, parts)
  )
  for a, b in zip(drawn, same, strict=True):
    np.testing.assert_allclose(a, b, atol=2e-5)
  for a, b in zip(gradient, alike, strict=True):
    np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(a).max())
  # The last two are out of sight and behind the camera.
  assert np.asarray(drawn.mask).any((1, 2)).tolist() == [True] * 5 + [False] * 2
  assert np.any(gradient[0][:5], -1).all() and not np.any(gradient[0][5:])
  used = [p.memory_analysis().temp_size_in_bytes for p in (whole, parts)]
  assert used[1] < 0.7 * used[0]


# --- misuse -------------------------------------------------------------------


def test_misuse_is_named(model, textured):
  good = _vectors({})
  bad = np.full_like(good, np.nan)
  cases = [
    (model, good[:, :256], {}, r'\[B, 257\].*\[1, 256\]'),
    (model, good[:0], {}, 'B at least 1'),
    (model, bad, {'look': 'geometry'}, 'finite'),
    (model, good, {}, "albedo or a model with texture, found 'makehuman'"),
    (model, good, {'look': 'wire'}, "'wire'"),
    (model, good, {'view': 0}, 'positive number of pixels'),
    (model, good, {'view': 9.5}, 'whole number of pixels'),
    (textured, good, {'chunk': 0}, 'chunk'),
    (textured, good, {'albedo': np.ones((5, 3))}, r'\[4783, 3\]'),
    (textured, good, {'triangles': np.zeros((3, 4))}, r'\[3, 4\]'),
    (
      textured,
      good,
      {'view': alignment.TransParams(9.0, 9.0, 0.0, 0.0, 0.0)},
      'scale',
    ),
  ]
  for case, vectors, options, message in cases:
    with pytest.raises(ValueError, match=message):
      renderer.render(case, vectors, **options)
