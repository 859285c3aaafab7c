"""Small quadratic programmes with bounds; pure functions of static shapes."""

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.typing import Array

_HIGHEST = lax.Precision.HIGHEST


def minimise(
  hessian: Array,
  gradient: Array,
  low: Array,
  high: Array,
  rounds: int = 5,
) -> Array:
  """The d that minimises d'Hd/2 + g'd with low <= d <= high.

  A primal-dual active set method: in every round all unknowns outside of their
  bounds are fixed at the bound, and all fixed ones whose slope points inwards
  are freed. For Hessians with a strong diagonal it converges after a few
  rounds. The result is clipped, so it respects the bounds even without
  convergence.

  Args:
    hessian: [P, P] H, positive definite.
    gradient: [P] g.
    low: [P] lower bounds, finite.
    high: [P] upper bounds, finite, not below `low`.
    rounds: number of rounds; each solves one linear system.

  Returns:
    [P] d.
  """

  def solve(at_low: Array, at_high: Array) -> Array:
    fixed = jnp.where(at_low, low, jnp.where(at_high, high, 0.0))
    free = ~(at_low | at_high)
    both = free[:, None] & free[None, :]
    matrix = jnp.where(both, hessian, 0.0) + jnp.diag(jnp.where(free, 0.0, 1.0))
    pull = gradient + jnp.matmul(hessian, fixed, precision=_HIGHEST)
    factor = jax.scipy.linalg.cho_factor(matrix)
    step = jax.scipy.linalg.cho_solve(factor, jnp.where(free, -pull, 0.0))
    return jnp.where(free, step, fixed)

  def sweep(
    _: Array, state: tuple[Array, Array, Array]
  ) -> tuple[Array, Array, Array]:
    _, at_low, at_high = state
    d = solve(at_low, at_high)
    slope = gradient + jnp.matmul(hessian, d, precision=_HIGHEST)
    return (
      d,
      jnp.where(at_low, slope > 0, d < low),
      jnp.where(at_high, slope < 0, d > high),
    )

  none = jnp.zeros_like(gradient, bool)
  start = (jnp.zeros_like(gradient), none, none)
  d, _, _ = lax.fori_loop(0, rounds, sweep, start)
  return jnp.clip(d, low, high)
