"""Fits to pictures that the renderer drew of known faces."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax import conventions
from sadtalker_jax.face3d import alignment, coeffs, renderer
from sadtalker_jax.face3d.bases import makehuman, morphable
from sadtalker_jax.face3d.fitting import photometric
from sadtalker_jax.face3d.fitting import photometric_solver as solver
from sadtalker_jax.face3d.fitting import photometric_terms as terms

SIZE = 72
STEPS = 300
WEIGHTS = terms.TermWeights(prior=1e-4, gamma=0.0, smoothness=0.0)
KNOWN = photometric.Rates(albedo=0.0)  # the albedo is given


@pytest.fixture(scope='module')
def model():
  return makehuman.load()


def _albedo(model) -> np.ndarray:
  return np.tile(np.float32([0.8, 0.62, 0.52]), (model.num_vertices, 1))


def _truth(model) -> np.ndarray:
  """A person who speaks, turned, in coloured light from one side."""
  vector = np.zeros(257, np.float32)
  vector[conventions.IDENTITY] = np.random.default_rng(0).normal(0, 0.8, 80)
  names = [n.replace('_L', 'Left') for n in model.expression_names]
  for name, value in (('jawOpen', 0.35), ('mouthSmileLeft', 0.4)):
    vector[80 + names.index(name)] = value
  vector[conventions.ANGLES] = (0.08, 0.3, -0.06)
  vector[conventions.TRANSLATION] = (0.05, -0.04, 0.2)
  gamma = np.zeros((3, 9), np.float32)
  gamma[:, 1:4] = [-0.12, 0.25, 0.15]
  gamma[0, 3] = 0.2
  vector[conventions.GAMMA] = gamma.ravel()
  return vector


def _picture(model, vector) -> renderer.Rendering:
  drawn = renderer.render(model, vector, view=SIZE, albedo=_albedo(model))
  return renderer.Rendering(*(np.asarray(part) for part in drawn))


def _fit(model, drawn, start, **options) -> photometric.PhotometricFit:
  wanted = photometric.target(model, drawn.image, mask=drawn.mask)
  options = {'rates': KNOWN, **options}
  return photometric.fit(
    model,
    wanted,
    start,
    view=SIZE,
    albedo=_albedo(model),
    weights=WEIGHTS,
    steps=STEPS,
    **options,
  )


def _shape(model, vector) -> np.ndarray:
  part = coeffs.split(vector)
  return np.asarray(morphable.shape(model, part.identity, part.expression))


def _check_recovery(model, fit, truth):
  """Pose, light and the seen shape are found, from the mean face."""
  found, losses = fit.coefficients, fit.losses.photometric
  assert losses[-1] < 0.1 * losses[0]
  angles = found[conventions.ANGLES] - truth[conventions.ANGLES]
  assert np.degrees(np.abs(angles).max()) < 1.5  # of 17
  light = found[conventions.GAMMA] - truth[conventions.GAMMA]
  assert np.sqrt((light**2).mean()) < 0.07  # of 0.14
  across = (
    found[conventions.TRANSLATION][:2] - truth[conventions.TRANSLATION][:2]
  )
  assert np.abs(across).max() < 0.02
  # Of the front of the face, in front of the ears.
  front = np.asarray(model.mean)[:, 2] > 0.0
  gap = (_shape(model, found) - _shape(model, truth))[front]
  rest = (np.asarray(model.mean) - _shape(model, truth))[front]
  gap, rest = gap - gap.mean(0), rest - rest.mean(0)
  assert (gap**2).mean() < 0.35**2 * (rest**2).mean()


@pytest.fixture(scope='module')
def recovered(model):
  truth = _truth(model)
  drawn = _picture(model, truth)
  return truth, drawn, _fit(model, drawn, np.zeros(257, np.float32))


def test_drawn_face_is_found_again_from_the_mean_face(model, recovered):
  truth, _, fit = recovered
  _check_recovery(model, fit, truth)
  assert fit.losses.photometric.shape == (STEPS,)
  jaw = 80 + makehuman.EXPRESSION_SLOTS['jawOpen']
  assert abs(fit.coefficients[jaw] - 0.35) < 0.12
  units = fit.coefficients[conventions.EXPRESSION]
  assert units.min() >= 0 and units.max() <= 1


def test_true_face_stays(model, recovered):
  truth, drawn, _ = recovered
  fit = _fit(model, drawn, truth)
  assert fit.losses.photometric[0] < 2e-3  # the 1e-3 of the norm's rounding
  angles = fit.coefficients[conventions.ANGLES] - truth[conventions.ANGLES]
  assert np.degrees(np.abs(angles).max()) < 0.5


def test_parts_without_a_rate_are_kept(model, recovered):
  truth, drawn, _ = recovered
  start = truth.copy()
  start[conventions.GAMMA] = 0
  held = photometric.Rates(
    identity=0.0, expression=0.0, angles=0.0, translation=0.0, albedo=0.0
  )
  fit = _fit(model, drawn, start, rates=held)
  moved = np.flatnonzero(fit.coefficients != start)
  light = np.arange(257)[conventions.GAMMA]
  texture = np.arange(257)[conventions.TEXTURE]
  assert set(moved) <= set(light) | set(texture)
  # Normals that are seen do not tell all nine harmonics apart.
  assert fit.losses.photometric[-1] < 0.02 < 0.1 < fit.losses.photometric[0]
  np.testing.assert_array_equal(fit.albedo, _albedo(model))


@pytest.mark.slow
def test_ict_face_is_found_again_from_the_mean_face(shared):
  with np.load(shared / 'samples/morphable/ict_face9409.npz') as z:
    indices = json.loads(str(z['indices']))['idx_to_landmark_verts']
    quads, mean = z['quads'], z['neutral'] / 10
    bases = [z[k].astype(np.float32) / 10 for k in ('identity', 'expression')]
    names = tuple(str(n) for n in z['expression_names'])
  triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
  ids, weights = morphable.at_vertices(np.array(indices))
  mean = mean + alignment.centring_offset(mean[indices])
  model = morphable.MorphableModel(
    mean=mean.astype(np.float32),
    identity=morphable.pad_basis(bases[0], 80),
    expression=morphable.pad_basis(bases[1], 64),
    triangles=triangles.astype(np.int32),
    vertex_triangles=morphable.vertex_triangles(triangles, len(mean)),
    landmark_ids=ids,
    landmark_weights=weights,
    expression_names=names,
  )
  truth = _truth(model)
  fit = _fit(model, _picture(model, truth), np.zeros(257, np.float32))
  _check_recovery(model, fit, truth)


def test_texture_and_landmarks_have_terms(model):
  # Branches of the loss that the fits above do not take.
  count = model.num_vertices
  half = (np.arange(count) % 2).astype(np.float32)
  textured = dataclasses.replace(
    model,
    texture_mean=np.tile(half[:, None], 3),
    texture_basis=np.zeros((80, count, 3), np.float32),
    skin_mask=np.ones(count, np.float32),
  )
  at_rest = renderer.render(textured, np.zeros(257, np.float32), view=SIZE)
  wanted = photometric.target(
    textured,
    np.asarray(at_rest.image),
    landmarks=np.asarray(at_rest.landmarks),
  )
  moved = np.zeros(257, np.float32)
  moved[conventions.TRANSLATION.start] = 0.1

  @jax.jit
  def loss(unknown, model, wanted):
    triangles, weights = model.triangles, terms.TermWeights()
    view, sigma = renderer.frame(SIZE), jnp.ones(64)
    return solver._loss(
      unknown, model, wanted, view, triangles, weights, sigma
    )[1]

  losses = loss(solver.Unknown(moved, None), textured, wanted)
  # In pixels of the aligned frame, whatever the size of the picture is.
  expected = (0.1 * 1015 / 10) ** 2 * terms.landmark_weights().mean()
  # The face stands nearer than 10 decimetre.
  np.testing.assert_allclose(losses.landmarks, expected, rtol=0.08)
  np.testing.assert_allclose(losses.reflectance, 3 * 0.25, rtol=1e-3)
  assert losses.photometric > 0.05 and losses.smoothness == 0
  total = sum(
    w * v for w, v in zip(terms.TermWeights(), losses[:-1], strict=True)
  )
  np.testing.assert_allclose(losses.total, total, rtol=1e-5)


# --- terms --------------------------------------------------------------------


def test_photometric_term_is_the_masked_mean_of_distances():
  image, target = np.zeros((2, 2, 3)), np.zeros((2, 2, 3))
  image[0, 0], image[0, 1], image[1, 1] = (0.3, 0, 0.4), 1, 9
  mask = np.array([[1, 0.5], [1, 0]])
  expected = (0.5 + 0.5 * 3**0.5 + 1e-3) / 2.5
  found = terms.photometric(image, target, mask)
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  assert terms.photometric(image, target, 0 * mask) == 0
  slope = jax.grad(terms.photometric)(
    jnp.asarray(target), jnp.asarray(target), jnp.asarray(mask)
  )
  assert np.isfinite(slope).all()


def test_landmark_term_weighs_nose_and_inner_lips():
  weights = terms.landmark_weights()
  assert weights[30] == weights[28] == weights[60] == weights[67] == 20
  assert weights.sum() == 57 + 11 * 20
  points = np.zeros((68, 2))
  points[30], points[0] = (3, 4), (1, 0)
  found = terms.landmarks(points, np.zeros((68, 2)), weights)
  np.testing.assert_allclose(found, (20 * 25 + 1) / 68, rtol=1e-6)


def test_prior_light_and_albedo_terms():
  parts = coeffs.zeros()._replace(
    identity=np.full(80, 0.5), expression=np.full(64, 0.2)
  )
  sigma = np.full(64, 0.1)
  found = terms.prior(parts, sigma)
  np.testing.assert_allclose(found, 80 * 0.25 + 0.8 * 64 * 4, rtol=1e-6)
  light = np.zeros((3, 9))
  light[0, 0] = 3.0  # deviations 2, -1, -1 of one in nine
  np.testing.assert_allclose(terms.gamma(light.ravel()), 6 / 27, rtol=1e-6)
  albedo = np.array([[0.0, 0, 0], [1, 0, 0], [9, 9, 9]])
  found = terms.reflectance(albedo, np.array([1.0, 1, 0]))
  np.testing.assert_allclose(found, 2 * 0.25 / 2, rtol=1e-6)
  found = terms.smoothness(albedo[:, :1], np.array([[0, 1, 2]]))
  np.testing.assert_allclose(found, (1 + 64 + 81) / 3, rtol=1e-6)


# --- misuse -------------------------------------------------------------------


def test_misuse_is_named(model):
  image = np.zeros((8, 8, 3), np.float32)
  for changes, message in (
    ({'image': image[..., 0]}, r'\[H, W, 3\]'),
    ({'image': image * np.nan}, 'finite'),
    ({'image': image + 200}, r'colours in \[0, 1\]'),
    ({'mask': np.ones((8, 9))}, r'mask \[8, 8\]'),
    ({'mask': -np.ones((8, 8))}, 'not negative'),
    ({'landmarks': np.zeros((5, 2))}, r'\[68, 2\]'),
    ({'landmarks': np.full((68, 2), np.inf)}, 'finite landmarks'),
  ):
    given = {'image': image, **changes}
    with pytest.raises(ValueError, match=message):
      photometric.target(model, given.pop('image'), **given)
  sparse = dataclasses.replace(model, dense_ids=None)
  with pytest.raises(ValueError, match='dense landmarks'):
    photometric.target(sparse, image, landmarks=np.zeros((478, 2)))
  wanted = photometric.target(model, image)
  start = np.zeros(257, np.float32)
  for vector, options, message in (
    (start[:70], {}, r'\[257\]'),
    (start, {'view': 9}, r'picture \[9, 9\] as the view, found \[8, 8\]'),
    (start, {'steps': 0}, 'at least 1 step'),
    (start, {}, 'albedo'),
    (start, {'albedo': np.zeros((7, 3))}, r'\[4783, 3\], found \[7, 3\]'),
  ):
    options = {'view': 8, **options}
    with pytest.raises(ValueError, match=message):
      photometric.fit(model, wanted, vector, **options)
