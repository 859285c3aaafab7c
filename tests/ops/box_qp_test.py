"""Quadratic programmes with bounds, against scipy."""

import jax
import numpy as np
import pytest
from scipy import optimize

from sadtalker_jax.ops import box_qp


def _problem(seed: int, size: int, coupling: float = 1.0):
  rng = np.random.default_rng(seed)
  root = coupling * rng.normal(size=(2 * size, size)) / np.sqrt(2 * size)
  hessian = root.T @ root + np.eye(size)
  gradient = 2 * rng.normal(size=size)
  low = -rng.uniform(0, 1, size)
  high = rng.uniform(0, 1, size)
  f32 = lambda *arrays: [a.astype(np.float32) for a in arrays]  # noqa: E731
  return f32(hessian, gradient, low, high)


@pytest.mark.parametrize('seed', range(8))
def test_agrees_with_scipy(seed):
  hessian, gradient, low, high = _problem(seed, 12)
  root = np.linalg.cholesky(hessian.astype(np.float64)).T
  want = optimize.lsq_linear(
    root, -np.linalg.solve(root.T, gradient), (low, high), tol=1e-12
  ).x
  got = box_qp.minimise(hessian, gradient, low, high, rounds=10)
  np.testing.assert_allclose(got, want, atol=1e-4)  # float32 Cholesky


def test_without_walls_it_is_a_linear_system():
  hessian, gradient, _, _ = _problem(0, 7)
  far = np.full(7, 1e6, np.float32)
  got = box_qp.minimise(hessian, gradient, -far, far)
  np.testing.assert_allclose(
    got, -np.linalg.solve(hessian, gradient), atol=1e-5
  )


@pytest.mark.parametrize('seed', range(20))
def test_result_lies_in_the_box_after_one_round(seed):
  hessian, gradient, low, high = _problem(seed, 9, coupling=5)
  got = np.asarray(box_qp.minimise(hessian, gradient, low, high, rounds=1))
  assert (got >= low).all() and (got <= high).all()


def test_batched_and_jitted():
  problems = [
    np.stack(a) for a in zip(*(_problem(s, 6) for s in range(4)), strict=True)
  ]
  got = jax.jit(jax.vmap(box_qp.minimise))(*problems)
  for k in range(4):
    one = box_qp.minimise(*(a[k] for a in problems))
    np.testing.assert_allclose(got[k], one, atol=1e-5)
