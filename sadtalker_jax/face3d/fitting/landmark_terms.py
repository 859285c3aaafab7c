"""The objective of the landmark fit, and its normal equations around a guess.

Conventions: a frame's unknowns are one vector x [K + 6]: expression weights in
units of their prior sigma, then angles (radian), then translation (decimetre).
Targets are [N, 3]: x and y of the aligned frame in pixels, y up, and a relative
depth cue in the same unit, larger is nearer; its mean is free. The objective is

  sum rho(weight * (image - target) / (noise * scale)) + |identity|^2
    + |expression / sigma|^2 + (pose - prior)' precision (pose - prior)

with `scale` the inter-ocular distance in pixels and a Cauchy rho, by iterative
reweighting. The prior of the identity is left to the solver, which adds it once
for all frames. Everything is pure and of static shape.
"""

import functools
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d import camera
from sadtalker_jax.face3d.fitting import priors
from sadtalker_jax.typing import Array

_HIGHEST = lax.Precision.HIGHEST  # normal equations need all of float32
_PIXELS = camera.FOCAL / camera.DISTANCE  # per decimetre of the depth cue


class PosePrior(NamedTuple):
  """Gaussian prior of the pose of a frame."""

  mean: Array  # [..., 6] angles, translation
  precision: Array  # [..., 6]


class Terms(NamedTuple):
  """Quadratic model of the objective of one frame; P = K + 6."""

  frame: Array  # [P, P]
  cross: Array  # [P, 80]
  identity: Array  # [80, 80]
  frame_gradient: Array  # [P]
  identity_gradient: Array  # [80]


def _image_point(point: Array, pose: Array) -> Array:
  """Image of one point [3] of the head: x, y, depth cue."""
  posed = camera.transform(point[None], pose[:3], pose[3:])[0]
  image, depth = camera.project(posed)
  return jnp.append(image, -_PIXELS * depth)


def _points(problem: priors.Problem, identity: Array, x: Array) -> Array:
  expression = x[:-6] * problem.sigma
  return (
    problem.mean
    + jnp.einsum('k,knc->nc', identity, problem.identity, precision=_HIGHEST)
    + jnp.einsum(
      'k,knc->nc', expression, problem.expression, precision=_HIGHEST
    )
  )


def _centred(values: Array, weight: Array) -> Array:
  """Values [..., 3, N] with the mean of their depth rows subtracted."""
  w = weight[:, 2] / jnp.maximum(jnp.sum(weight[:, 2]), 1e-12)
  mean = jnp.sum(values[..., 2, :] * w, -1)
  return jnp.asarray(values).at[..., 2, :].add(-mean[..., None])


def normal_equations(
  problem: priors.Problem,
  identity: Array,
  x: Array,
  target: Array,
  scale: Array,
  prior: PosePrior,
) -> Terms:
  """Normal equations of the objective around (identity, x).

  Args:
    problem: linear model of the landmarks.
    identity: [80].
    x: [K + 6] unknowns of the frame.
    target: [N, 3] targets.
    scale: [] inter-ocular distance in pixels.
    prior: prior of the pose, [6].
  """
  points, pose = _points(problem, identity, x), x[-6:]
  derive = jax.vmap(jax.jacfwd(_image_point, (0, 1)), (0, None), -1)
  by_point, by_pose = derive(points, pose)  # [3, 3, N], [3, 6, N]
  residual = jax.vmap(_image_point, (0, None), -1)(points, pose) - target.T

  def chain(basis: Array) -> Array:  # [K, N, 3] -> [K, 3, N]
    # Written out: XLA:CPU runs the batched einsum six times slower.
    basis = basis.transpose(2, 0, 1)
    terms = (by_point[None, :, j] * basis[j][:, None] for j in range(3))
    return functools.reduce(jnp.add, terms)

  unit = problem.expression * problem.sigma[:, None, None]
  jacobian = jnp.concatenate([chain(unit), by_pose.swapaxes(0, 1)])  # [P, 3, N]
  by_identity = chain(problem.identity)  # [80, 3, N]

  weight = problem.weight.T / (problem.noise * scale)  # [3, N]
  distance = jnp.sum(residual[:2] ** 2, 0) / (problem.robust * scale) ** 2
  weight = weight * lax.rsqrt(1 + distance)

  def ready(values: Array) -> Array:
    centred = _centred(values, problem.weight) * weight
    return centred.reshape(*values.shape[:-2], -1)

  r, j, ji = ready(residual), ready(jacobian), ready(by_identity)
  # The contracted axis is last, which XLA:CPU multiplies fastest.
  dot = functools.partial(jnp.einsum, 'ar,br->ab', precision=_HIGHEST)

  ones = jnp.ones_like(problem.sigma)
  diagonal = jnp.concatenate([ones, prior.precision])
  pull = jnp.concatenate([x[:-6], prior.precision * (pose - prior.mean)])
  return Terms(
    frame=dot(j, j) + jnp.diag(diagonal),
    cross=dot(j, ji),
    identity=dot(ji, ji),
    frame_gradient=j @ r + pull,
    identity_gradient=ji @ r,
  )
