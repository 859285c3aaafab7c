"""Fits to landmarks that the model itself made, so that the truth is known."""

import dataclasses
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.face3d import alignment, camera, measures
from sadtalker_jax.face3d.bases import makehuman, morphable
from sadtalker_jax.face3d.fitting import landmark_fit, priors
from sadtalker_jax.face3d.fitting import landmark_solver as solver
from sadtalker_jax.face3d.fitting import landmark_terms as terms

SIZE = (480, 360)
TRANS = alignment.TransParams(480.0, 360.0, 0.8, 230.0, 190.0)
FPS = 25.0


@pytest.fixture(scope='module')
def model():
  return makehuman.load()


def _expression(count=1, **units) -> np.ndarray:
  out = np.zeros((count, 64), np.float32)
  for name, value in units.items():
    out[:, makehuman.EXPRESSION_SLOTS[name]] = value
  return out


def _person(seed=0, sigma=0.7) -> np.ndarray:
  return np.random.default_rng(seed).normal(0, sigma, 80).astype(np.float32)


def _landmarks(model, identity, expression, angles, translation, noise=0.0):
  """[T, 478, 3] as the landmark networks give them, noise in pixels."""
  problem = priors.problem(model)
  points = (
    problem.mean
    + np.tensordot(identity, problem.identity, 1)
    + np.tensordot(expression[:, :52], problem.expression, 1)
  )
  posed = camera.transform(points, angles, translation)
  image = np.array(camera.project_to_picture(posed, TRANS))
  image[..., 2] *= camera.FOCAL / camera.DISTANCE / TRANS.scale
  image[..., 2] -= image[..., :468, 2].mean(-1, keepdims=True)
  irises = np.repeat(image[:, 468:], 5, axis=1)
  out = np.concatenate([image[:, :468], irises], 1)
  noise = noise * np.random.default_rng(1).normal(size=out.shape)
  return (out + noise).astype(np.float32)


def _clip(model, count=40, noise=0.0):
  """A talking, nodding, blinking head."""
  time = np.arange(count) / FPS
  jaw = 0.3 + 0.3 * np.sin(2 * np.pi * 3 * time)
  blink = np.where(np.arange(count) % 25 == 12, 0.7, 0.0)
  expression = _expression(
    count, jawOpen=jaw, eyeBlinkLeft=blink, eyeBlinkRight=blink
  )
  wave = np.sin(2 * np.pi * time)[:, None]
  angles = (wave * [0.06, 0.15, 0.04]).astype(np.float32)
  translation = (wave * [0.2, 0.1, 0.3] + [0, 0, 0.5]).astype(np.float32)
  landmarks = _landmarks(
    model, _person(), expression, angles, translation, noise
  )
  return landmarks, expression, angles


def _pose(*values):
  return np.array([values], np.float32)


def _unit(fit, name) -> np.ndarray:
  return fit.expression[:, makehuman.EXPRESSION_SLOTS[name]]


def test_picture_recovers_pose_and_expression(model):
  expression = _expression(
    jawOpen=0.4, mouthSmileLeft=0.4, mouthSmileRight=0.4, eyeBlinkLeft=0.5
  )
  landmarks = _landmarks(
    model,
    _person(),
    expression,
    _pose(0.1, -0.25, 0.08),
    _pose(0.1, -0.1, 0.4),
    noise=0.2,
  )
  fit = landmark_fit.fit_image(landmarks[0], SIZE, model)
  # 0.2 pixels are 0.2 % of the 100 pixels between the eyes; the prior, which
  # draws towards the mean face, takes as much again.
  assert fit.error[0] < 0.8
  # Identity may pass for a small turn, and a smile for a wide mouth.
  np.testing.assert_allclose(fit.angles, [[0.1, -0.25, 0.08]], atol=0.03)
  assert abs(_unit(fit, 'jawOpen')[0] - 0.4) < 0.08
  assert _unit(fit, 'mouthSmileLeft')[0] > 0.15
  assert _unit(fit, 'eyeBlinkLeft')[0] > 0.3
  assert _unit(fit, 'eyeBlinkRight')[0] < 0.1


def test_identity_of_a_neutral_face_is_recovered(model):
  person = _person(3)
  landmarks = _landmarks(
    model, person, _expression(), _pose(0, 0, 0), _pose(0, 0, 0.5)
  )
  fit = landmark_fit.fit_image(landmarks[0], SIZE, model)
  truth, found = (
    np.asarray(morphable.dense_landmarks(model, morphable.shape(model, i)))
    for i in (person, fit.identity)
  )
  centred = [p - p.mean(0) for p in (truth, found)]
  mean = np.asarray(morphable.dense_landmarks(model, model.mean))
  before = np.linalg.norm(centred[0] - (mean - mean.mean(0)), axis=-1).mean()
  after = np.linalg.norm(centred[0] - centred[1], axis=-1).mean()
  # One frontal picture says little about depth: two thirds are explained.
  assert after < 0.5 * before
  assert np.sqrt((fit.identity**2).mean()) < 1.0
  # Nobody smiles here. Small units may help where they cost nothing.
  assert fit.expression.max() < 0.15


def test_units_stay_in_their_range_and_unused_slots_are_zero(model):
  landmarks = _landmarks(
    model,
    _person(),
    _expression(jawOpen=1.4),  # wider than the unit goes
    _pose(0, 0, 0),
    _pose(0, 0, 0),
  )
  fit = landmark_fit.fit_image(landmarks[0], SIZE, model)
  assert fit.expression.min() >= 0 and fit.expression.max() <= 1 + 1e-6
  assert not fit.expression[:, 52:].any()
  assert _unit(fit, 'jawOpen')[0] > 0.9


def test_an_open_mouth_is_given_to_the_jaw(model):
  jaw = np.linspace(0, 0.8, 12)
  landmarks = _landmarks(
    model,
    _person(),
    _expression(12, jawOpen=jaw),
    np.zeros((12, 3), np.float32),
    np.zeros((12, 3), np.float32),
    noise=0.3,
  )
  fit = landmark_fit.fit_video(landmarks, np.ones(12, bool), SIZE, FPS, model)
  gap = measures.lip_gap(landmarks)
  assert np.corrcoef(_unit(fit, 'jawOpen'), gap)[0, 1] > 0.99
  np.testing.assert_allclose(_unit(fit, 'jawOpen'), jaw, atol=0.12)
  for name in ('jawForward', 'mouthLowerDownLeft', 'mouthRollUpper'):
    assert _unit(fit, name).max() < 0.1


def test_clip_has_the_true_motion(model):
  landmarks, expression, angles = _clip(model, noise=0.3)
  fit = landmark_fit.fit_video(landmarks, np.ones(40, bool), SIZE, FPS, model)
  assert np.median(fit.error) < 0.8
  assert fit.rows.shape == (40, 70)
  moved = fit.angles - fit.angles.mean(0)
  truth = angles - angles.mean(0)
  np.testing.assert_allclose(moved, truth, atol=0.02)
  jaw = np.corrcoef(_unit(fit, 'jawOpen'), expression[:, 24])[0, 1]
  assert jaw > 0.99
  openness = measures.eye_openness(landmarks)
  for k, name in enumerate(('eyeBlinkRight', 'eyeBlinkLeft')):
    assert np.corrcoef(_unit(fit, name), openness[:, k])[0, 1] < -0.95


def test_noise_of_the_landmarks_hardly_shakes_the_head(model):
  count = 32
  still = np.zeros((count, 3), np.float32)
  landmarks = _landmarks(
    model, _person(), _expression(count), still, still, noise=1.0
  )
  fit = landmark_fit.fit_video(
    landmarks, np.ones(count, bool), SIZE, FPS, model
  )
  alone = [
    landmark_fit.fit_image(points, SIZE, model).angles[0]
    for points in landmarks
  ]
  shake, shake_alone = (
    np.abs(np.diff(a, 2, axis=0)).mean() for a in (fit.angles, np.stack(alone))
  )
  assert shake < 0.4 * shake_alone


def test_frames_without_a_face_are_interpolated(model):
  landmarks, _, _ = _clip(model)
  found = np.ones(40, bool)
  found[[0, 17, 18, 39]] = False
  whole = landmark_fit.fit_video(landmarks, np.ones(40, bool), SIZE, FPS, model)
  landmarks[~found] = np.nan
  fit = landmark_fit.fit_video(landmarks, found, SIZE, FPS, model)
  np.testing.assert_array_equal(fit.found, found)
  assert np.isnan(fit.error[~found]).all()
  assert np.isfinite(fit.error[found]).all()
  assert np.isfinite(fit.rows).all()
  # Two frames of a 1 Hz nod: the curve is nearly straight there.
  np.testing.assert_allclose(fit.angles[17:19], whole.angles[17:19], atol=0.02)
  # Lips hold the nearest frame; brows are smoothed after that.
  jaw = _unit(fit, 'jawOpen')
  assert jaw[0] == jaw[1] and jaw[39] == jaw[38]


def test_fit_does_not_depend_on_its_neighbours_in_the_batch(model):
  landmarks, _, _ = _clip(model, 40)
  problem = priors.problem(model)
  target = landmark_fit.targets(
    landmarks, landmark_fit.align(landmarks[0], SIZE)
  )
  scale = np.float32(90)
  whole = solver.frames(problem, _person(), target, scale)
  part = solver.frames(problem, _person(), target[30:35], scale)
  # Batched products may be summed in another order: float32 rounding.
  np.testing.assert_allclose(part, whole[30:35], atol=2e-3)


def test_fit_is_deterministic(model):
  landmarks, _, _ = _clip(model, 3, noise=0.5)
  first, second = (
    landmark_fit.fit_video(landmarks, np.ones(3, bool), SIZE, FPS, model)
    for _ in range(2)
  )
  np.testing.assert_array_equal(first.rows, second.rows)
  np.testing.assert_array_equal(first.identity, second.identity)


def test_two_threads_may_fit_at_once(model):
  landmarks, _, _ = _clip(model, 3)
  done = []

  def fit():
    for _ in range(2):
      landmark_fit.fit_video(landmarks, np.ones(3, bool), SIZE, FPS, model)
    done.append(True)

  threads = [threading.Thread(target=fit, daemon=True) for _ in range(2)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join(timeout=120)
  assert done == [True, True]


def _one_target(model):
  landmarks, _, _ = _clip(model, 1)
  return landmark_fit.targets(
    landmarks, landmark_fit.align(landmarks[0], SIZE)
  )[0]


def test_jit_gives_what_no_jit_gives(model):
  problem = jax.tree.map(jnp.asarray, priors.problem(model))
  free = terms.PosePrior(jnp.zeros(6), jnp.zeros(6))
  x = jnp.zeros(58).at[24].set(0.5).at[53].set(0.1)
  args = (jnp.asarray(_person()), x, jnp.asarray(_one_target(model)))
  args = (problem, *args, jnp.float32(90), free)
  jitted = jax.jit(terms.normal_equations)(*args)
  with jax.disable_jit():
    plain = terms.normal_equations(*args)
  for a, b in zip(jitted, plain, strict=True):
    # Sums of 1,410 products in float32, in another order.
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * jnp.abs(b).max())


def test_solution_is_a_minimum_of_the_objective(model):
  # Without depth the objective is sum c^2 log(1 + r^2 / c^2), written out
  # here in float64 for all 58 unknowns.
  problem = priors.problem(model)
  problem = problem._replace(weight=problem.weight * np.float32([1, 1, 0]))
  target, identity = _one_target(model), _person(5)
  target[:5] += 30  # outliers
  free = terms.PosePrior(np.zeros(6, np.float32), np.zeros(6, np.float32))
  x = np.zeros(58, np.float32)
  solve = jax.jit(solver.solve_frame)
  x = solve(problem, identity, x, target, np.float32(90), free, np.int32(20))
  x = np.asarray(x, np.float64)

  def objective(x):
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), problem)
    points = p.mean + np.tensordot(identity, p.identity, 1)
    points = points + np.tensordot(x[:52] * p.sigma, p.expression, 1)
    sin, cos = np.sin(x[52:55]), np.cos(x[52:55])
    rx = [[1, 0, 0], [0, cos[0], -sin[0]], [0, sin[0], cos[0]]]
    ry = [[cos[1], 0, sin[1]], [0, 1, 0], [-sin[1], 0, cos[1]]]
    rz = [[cos[2], -sin[2], 0], [sin[2], cos[2], 0], [0, 0, 1]]
    posed = points @ (np.array(rz) @ ry @ rx).T + x[55:]
    image = posed[:, :2] * 1015 / (10 - posed[:, 2:]) + 112
    square = ((image - target[:, :2]) ** 2).sum(-1) / 90**2
    loss = p.robust**2 * np.log1p(square / p.robust**2)
    loss = (loss * (p.weight[:, 0] / p.noise) ** 2).sum()
    return loss + (x[:52] ** 2).sum()

  best = objective(x)
  low, high = problem.lower / problem.sigma, problem.upper / problem.sigma
  step = np.r_[np.full(52, 0.05), np.full(3, 2e-3), np.full(3, 2e-3)]
  rng = np.random.default_rng(0)
  for k in range(200):
    move = step * (rng.normal(size=58) if k >= 58 else np.eye(58)[k])
    for sign in (-1, 1):
      y = x + sign * move
      y[:52] = y[:52].clip(low, high)
      assert objective(y) > best - 1e-3  # float32 solution


def test_offsets_lead_from_the_fit_to_the_landmarks(model):
  landmarks, _, _ = _clip(model, 3, noise=2.0)
  fit = landmark_fit.fit_video(landmarks, np.ones(3, bool), SIZE, FPS, model)
  offsets = landmark_fit.residual_offsets(fit, landmarks, model)
  assert offsets.shape == (3, 468, 2)
  met = landmark_fit.project(fit, model) + offsets
  np.testing.assert_allclose(met, landmarks[:, :468, :2], atol=1e-3)
  size = np.linalg.norm(offsets, axis=-1).mean(-1)
  distance = measures.interocular(landmarks[..., :2])
  # Float32 of some hundred pixels.
  np.testing.assert_allclose(100 * size / distance, fit.error, rtol=1e-3)


def test_a_model_without_named_units_is_fitted_too(model):
  plain = dataclasses.replace(model, expression_names=(), group_names=())
  landmarks, _, _ = _clip(model, 1)
  fit = landmark_fit.fit_image(landmarks[0], SIZE, plain)
  assert fit.error[0] < 1.0


def test_wrong_input_raises(model):
  landmarks, _, _ = _clip(model, 2)
  ones = np.ones(2, bool)
  with pytest.raises(ValueError, match='478'):
    landmark_fit.fit_image(landmarks[0, :468], SIZE, model)
  with pytest.raises(ValueError, match='finite'):
    landmark_fit.fit_image(np.full((478, 3), np.nan), SIZE, model)
  with pytest.raises(ValueError, match='span'):
    landmark_fit.fit_image(np.zeros((478, 3)), SIZE, model)
  with pytest.raises(ValueError, match='at least one'):
    landmark_fit.fit_video(landmarks, ~ones, SIZE, FPS, model)
  with pytest.raises(ValueError, match='one flag per frame'):
    landmark_fit.fit_video(landmarks, ones[:1], SIZE, FPS, model)
  with pytest.raises(ValueError, match='rate'):
    landmark_fit.fit_video(landmarks, ones, SIZE, 0.0, model)
  with pytest.raises(ValueError, match='dense'):
    landmark_fit.fit_image(
      landmarks[0], SIZE, dataclasses.replace(model, dense_ids=None)
    )
