"""Gauss-Newton with bounds: landmarks to identity, expression and pose.

Conventions as in `landmark_terms`, whose objective is minimised here. Every
step solves a quadratic programme: expression units stay between their bounds by
a primal-dual active set. The functions are pure, of static shape, and made for
`jit` and `vmap`, except for `identity` and `frames`, which run them from the
host in batches of one size, so that clips of all lengths share one compilation.
"""

from collections.abc import Callable
import functools
import threading

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d import camera
from sadtalker_jax.face3d.fitting import landmark_terms as terms
from sadtalker_jax.face3d.fitting import priors
from sadtalker_jax.ops import box_qp, rotation
from sadtalker_jax.typing import Array

# One fit at a time. A batched LAPACK call, inside a thread of XLA:CPU's pool,
# waits for parts that run on other threads of the pool: two at once, from two
# Python threads or from one program, blocked a pool of two for ever
# (jaxlib 0.10.2).
_LOCK = threading.Lock()
_HIGHEST = lax.Precision.HIGHEST  # normal equations need all of float32
_DAMPING = 1e-3  # share of the diagonal
# Numbers of Gauss-Newton steps, after which nothing moves by more than 0.1
# sigma in the identity and 0.02 in a unit, on 36 sample clips and pictures.
_IDENTITY_STEPS = 10
_FRAME_STEPS = 6
_REFINE_STEPS = 4  # from a good guess
# Weight of all frames together in an identity, whatever their number: landmarks
# of one person have the same errors in all frames.
_IDENTITY_WEIGHT = 6.0
_CHUNK = 32  # frames solved together


def _box(problem: priors.Problem, x: Array) -> tuple[Array, Array]:
  """Largest steps of x down and up within its bounds."""
  far = jnp.full(6, 1e6, x.dtype)
  low = jnp.concatenate([problem.lower / problem.sigma, -far])
  high = jnp.concatenate([problem.upper / problem.sigma, far])
  return low - x, high - x


def _damped(hessian: Array) -> Array:
  return hessian + jnp.diag(_DAMPING * jnp.diagonal(hessian))


def start(problem: priors.Problem, target: Array) -> Array:
  """First guess [K + 6]: neutral face, pose by Procrustes with the depth cue.

  Args:
    problem: linear model of the landmarks.
    target: [N, 3] targets.
  """
  w = jnp.minimum(problem.weight[:, 0], problem.weight[:, 2] * 1e6)[:, None]
  w = w / jnp.sum(w)
  model_mean, target_mean = jnp.sum(w * problem.mean, 0), jnp.sum(w * target, 0)
  a, b = problem.mean - model_mean, target - target_mean
  u, s, vt = jnp.linalg.svd(jnp.matmul((w * b).T, a, precision=_HIGHEST))
  sign = jnp.array([1.0, 1.0, 0.0]) + jnp.array(
    [0.0, 0.0, 1.0]
  ) * jnp.linalg.det(u @ vt)
  turn = jnp.matmul(u * sign, vt, precision=_HIGHEST)
  size = jnp.sum(s * sign) / jnp.sum(w * a**2)  # pixels per decimetre
  depth = camera.FOCAL / size
  centre = jnp.append(
    (target_mean[:2] - camera.CENTER) / size, camera.DISTANCE - depth
  )
  translation = centre - turn @ model_mean
  pose = jnp.concatenate([rotation.angles(turn), translation])
  return jnp.concatenate([jnp.zeros_like(problem.sigma), pose])


def solve_frame(
  problem: priors.Problem,
  identity: Array,
  x: Array,
  target: Array,
  scale: Array,
  prior: terms.PosePrior,
  steps: int | Array,
) -> Array:
  """Expression and pose of one frame whose identity is known.

  Args:
    problem: linear model of the landmarks.
    identity: [80].
    x: [K + 6] first guess.
    target: [N, 3] targets.
    scale: [] inter-ocular distance in pixels.
    prior: prior of the pose, [6].
    steps: number of Gauss-Newton steps.

  Returns:
    [K + 6] expression and pose.
  """

  def step(_: int, x: Array) -> Array:
    t = terms.normal_equations(problem, identity, x, target, scale, prior)
    return x + box_qp.minimise(
      _damped(t.frame), t.frame_gradient, *_box(problem, x)
    )

  return lax.fori_loop(0, steps, step, x)


def solve_identity(
  problem: priors.Problem,
  target: Array,
  weight: Array,
  scale: Array,
  prior: terms.PosePrior,
  steps: int,
) -> tuple[Array, Array]:
  """One identity and the expressions and poses of several frames, jointly.

  Only the identity couples the frames: its normal equations are the
  Schur complements of the frames', restricted to units off their bounds.

  Args:
    problem: linear model of the landmarks.
    target: [F, N, 3] targets.
    weight: [F] weights of the frames; 0 for padding.
    scale: [] inter-ocular distance in pixels.
    prior: prior of the poses, [6].
    steps: number of Gauss-Newton steps.

  Returns:
    Identity [80] and frames [F, K + 6].
  """

  def reduce(t: terms.Terms, x: Array) -> tuple[Array, Array]:
    low, high = _box(problem, x)
    held = ((low >= 0) & (t.frame_gradient > 0)) | (
      (high <= 0) & (t.frame_gradient < 0)
    )
    free = ~held
    matrix = jnp.where(free[:, None] & free[None, :], _damped(t.frame), 0.0)
    matrix = matrix + jnp.diag(jnp.where(free, 0.0, 1.0))
    cross = jnp.where(free[:, None], t.cross, 0.0)
    gradient = jnp.where(free, t.frame_gradient, 0.0)
    # One Cholesky factor holds both that of the frame and, in its corner, that
    # of the Schur complement: a solve with 80 right sides is a hundred times
    # slower on XLA:CPU, and two independent factorisations may hang (`_LOCK`).
    # The unit matrix makes the corner definite and is subtracted afterwards.
    unit = jnp.eye(len(t.identity_gradient), dtype=x.dtype)
    upper = jnp.concatenate([matrix, cross], 1)
    lower = jnp.concatenate([cross.T, t.identity + unit], 1)
    whole = jnp.concatenate([upper, lower])
    factor = jnp.linalg.cholesky(whole)
    corner = factor[x.size :, x.size :]
    schur = jnp.matmul(corner, corner.T, precision=_HIGHEST) - unit
    frame = (factor[: x.size, : x.size], True)
    pull = cross.T @ jax.scipy.linalg.cho_solve(frame, gradient)
    return schur, t.identity_gradient - pull

  def step(_: int, state: tuple[Array, Array]) -> tuple[Array, Array]:
    identity, x = state
    t = jax.vmap(terms.normal_equations, (None, None, 0, 0, None, None))(
      problem, identity, x, target, scale, prior
    )
    hessian, gradient = jax.vmap(reduce)(t, x)
    hessian = jnp.tensordot(weight, hessian, 1) + jnp.eye(identity.size)
    gradient = weight @ gradient + identity
    factor = jax.scipy.linalg.cho_factor(_damped(hessian))
    move = -jax.scipy.linalg.cho_solve(factor, gradient)

    def follow(t: terms.Terms, x: Array) -> Array:
      pulled = t.frame_gradient + jnp.matmul(t.cross, move, precision=_HIGHEST)
      return x + box_qp.minimise(_damped(t.frame), pulled, *_box(problem, x))

    return identity + move, jax.vmap(follow)(t, x)

  x = jax.vmap(start, (None, 0))(problem, target)
  zero = jnp.zeros(problem.identity.shape[0], target.dtype)
  return lax.fori_loop(0, steps, step, (zero, x))


def identity(
  problem: priors.Problem,
  target: np.ndarray,
  scale: np.float32,
  pad: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
  """`solve_identity` from the host, compiled once per `pad`.

  Args:
    problem: linear model of the landmarks.
    target: [F, N, 3] targets, F at most `pad`.
    scale: inter-ocular distance in pixels.
    pad: size of the batch.

  Returns:
    Identity [80] and frames [F, K + 6], numpy.
  """
  count = len(target)
  real = np.arange(pad) < count
  weight = np.where(real, np.float32(_IDENTITY_WEIGHT / count), 0)
  weight = weight.astype(np.float32)
  target = target[np.where(real, np.arange(pad), 0)]
  zero = np.zeros(6, np.float32)
  with _LOCK:
    found, x = _identity_solver()(
      problem, target, weight, scale, terms.PosePrior(zero, zero)
    )
    return np.asarray(found), np.asarray(x)[:count]


def frames(
  problem: priors.Problem,
  identity: np.ndarray,
  target: np.ndarray,
  scale: np.float32,
  guess: np.ndarray | None = None,
  pose: np.ndarray | None = None,
  pose_sigma: np.ndarray | None = None,
) -> np.ndarray:
  """`solve_frame` for many frames from the host, chunk by chunk.

  Args:
    problem: linear model of the landmarks.
    identity: [80].
    target: [T, N, 3] targets.
    scale: inter-ocular distance in pixels.
    guess: [T, K] first guess of the expression, in sigmas.
    pose: [T, 6] first guess of the poses, and mean of their prior.
    pose_sigma: [T, 6] standard deviations of the prior. Without these last
      three the pose is free and the first guess is that of `start`.

  Returns:
    [T, K + 6], numpy.
  """
  parts = []
  for begin in range(0, len(target), _CHUNK):
    count = min(_CHUNK, len(target) - begin)
    # Padding repeats the chunk's first frame.
    pick = begin + np.where(np.arange(_CHUNK) < count, np.arange(_CHUNK), 0)
    with _LOCK:
      if guess is None or pose is None or pose_sigma is None:
        x, steps = _starter()(problem, target[pick]), _FRAME_STEPS
        zero = np.zeros((_CHUNK, 6), np.float32)
        prior = terms.PosePrior(zero, zero)
      else:
        x, steps = np.concatenate([guess, pose], -1)[pick], _REFINE_STEPS
        prior = terms.PosePrior(pose[pick], pose_sigma[pick] ** -2)
      solved = _frames_solver()(
        problem, identity, x, target[pick], scale, prior, np.int32(steps)
      )
      parts.append(np.asarray(solved)[:count])
  return np.concatenate(parts)


@functools.cache
def _identity_solver() -> Callable:
  return jax.jit(functools.partial(solve_identity, steps=_IDENTITY_STEPS))


@functools.cache
def _frames_solver() -> Callable:
  # The number of steps is an argument: one compilation serves both passes.
  return jax.jit(jax.vmap(solve_frame, (None, None, 0, 0, None, 0, None)))


@functools.cache
def _starter() -> Callable:
  return jax.jit(jax.vmap(start, (None, 0)))
