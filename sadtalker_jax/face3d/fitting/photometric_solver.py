"""Gradient descent through the renderer, all steps in one loop.

Conventions as in `photometric`, which has the functions for callers.

Adam is written out here, because optax is for training
(`tests/layering_test.py`) and faces are also fitted where training packages are
not installed.
"""

import functools
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax import conventions
from sadtalker_jax.face3d import alignment, camera, coeffs, renderer
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.fitting import photometric_terms as terms
from sadtalker_jax.typing import Array

_BETAS = (0.9, 0.999)  # of Adam, as published (method 6.6)
_FINAL = 0.02  # share of the step sizes at the end
# Pose and light move first, for this share of the steps: a wrong pose would be
# explained by shape and expression, and lids that once closed stay closed.
_RIGID = 0.2


class Target(NamedTuple):
  """The picture and landmarks to fit."""

  image: Array  # [H, W, 3]
  mask: Array  # [H, W] weights of the pixels
  points: Array  # [N, 2] pixels of the picture
  point_ids: Array  # [N, 3] vertices around the points on the face
  point_weights: Array  # [N, 3] barycentric weights of these
  point_trust: Array  # [N] weights of the points


class Bounds(NamedTuple):
  """Prior deviations and bounds of the expression weights; all [64]."""

  sigma: Array
  lower: Array
  upper: Array


class Unknown(NamedTuple):
  """The unknowns of a fit, or their gradient, or their step sizes."""

  coefficients: Array  # [257]
  albedo: Array | None  # [V, 3]; None where the model's texture is fitted


class _State(NamedTuple):
  """Unknowns, and the two moments of Adam."""

  unknown: Unknown
  first: Unknown
  second: Unknown


def _loss(
  unknown: Unknown,
  model: morphable.MorphableModel,
  wanted: Target,
  trans: alignment.TransParams,
  triangles: Array,
  weights: terms.TermWeights,
  sigma: Array,
) -> tuple[Array, terms.PhotometricTerms]:
  """The weighted sum of all terms, and the terms."""
  vector, albedo = unknown
  parts = coeffs.split(vector)
  drawn = renderer.render(
    model, vector, view=trans, albedo=albedo, triangles=triangles
  )
  landmarks: Array = jnp.zeros(())
  reflectance: Array = jnp.zeros(())
  smoothness: Array = jnp.zeros(())
  if len(wanted.points):
    shape = morphable.shape(model, parts.identity, parts.expression)
    posed = camera.transform(
      morphable.surface_points(shape, wanted.point_ids, wanted.point_weights),
      parts.angles,
      parts.translation,
    )
    found = camera.project_to_picture(posed, trans)[:, :2]
    landmarks = terms.landmarks(
      found * trans.scale, wanted.points * trans.scale, wanted.point_trust
    )
  if albedo is not None:
    smoothness = terms.smoothness(albedo, triangles)
  elif model.skin_mask is not None:
    texture = morphable.texture(model, parts.texture)
    reflectance = terms.reflectance(texture, model.skin_mask)
  values = (
    terms.photometric(drawn.image, wanted.image, wanted.mask * drawn.mask),
    landmarks,
    terms.prior(parts, sigma),
    terms.gamma(parts.gamma),
    reflectance,
    smoothness,
  )
  total = sum(w * v for w, v in zip(weights, values, strict=True))
  return jnp.asarray(total), terms.PhotometricTerms(*values, jnp.asarray(total))


@functools.partial(jax.jit, static_argnames=('size', 'steps'))
def descend(
  model: morphable.MorphableModel,
  wanted: Target,
  unknown: Unknown,
  trans: alignment.TransParams,
  triangles: Array,
  weights: terms.TermWeights,
  rates: Unknown,
  bounds: Bounds,
  *,
  size: tuple[int, int],
  steps: int,
) -> tuple[Unknown, terms.PhotometricTerms]:
  """All steps of the descent in one loop.

  Args:
    model: face model.
    wanted: target of the fit.
    unknown: initial values.
    trans: place of the picture in the camera.
    triangles: [T, 3] triangles that are drawn.
    weights: weights of the terms.
    rates: step sizes; that of the albedo is one number.
    bounds: deviations and bounds of the expression weights.
    size: (height, width) of the picture, static.
    steps: number of steps, static.

  Returns:
    The unknowns after the last step, and the terms [steps] before every step.
  """
  # The size of the picture must be static; its place in the camera may be
  # traced.
  trans = trans._replace(width=float(size[1]), height=float(size[0]))
  gradient = jax.grad(_loss, has_aux=True)
  first = jnp.zeros(conventions.FULL_SIZE)
  for part in (conventions.ANGLES, conventions.GAMMA, conventions.TRANSLATION):
    first = first.at[part].set(1.0)
  place = conventions.EXPRESSION

  def step(
    state: _State, number: Array
  ) -> tuple[_State, terms.PhotometricTerms]:
    slope, losses = gradient(
      state.unknown,
      model,
      wanted,
      trans,
      triangles,
      weights,
      bounds.sigma,
    )
    # Half a cosine, from the full rate to its final share.
    wave = 0.5 * (1 + jnp.cos(jnp.pi * number / steps))
    share = _FINAL + (1 - _FINAL) * wave
    late = jnp.where(number < _RIGID * steps, first, jnp.ones_like(first))
    sizes = Unknown(rates.coefficients * share * late, rates.albedo)
    if rates.albedo is not None:
      sizes = sizes._replace(albedo=rates.albedo * share * late[0])
    moved = _adam(state, slope, sizes, number)
    vector = jnp.asarray(moved.unknown.coefficients)
    inside = jnp.clip(vector[place], bounds.lower, bounds.upper)
    unknown = moved.unknown._replace(coefficients=vector.at[place].set(inside))
    return moved._replace(unknown=unknown), losses

  unknown = jax.tree.map(jnp.asarray, unknown)
  zeros = jax.tree.map(jnp.zeros_like, unknown)
  numbers = jnp.arange(steps, dtype=jnp.float32)
  state, losses = lax.scan(step, _State(unknown, zeros, zeros), numbers)
  return state.unknown, losses


def _adam(
  state: _State,
  slope: Unknown,
  sizes: Unknown,
  number: Array,
) -> _State:
  """One step of Adam (Kingma and Ba, 2015, algorithm 1); `number` is from 0."""
  a, b = _BETAS
  first = jax.tree.map(lambda m, g: a * m + (1 - a) * g, state.first, slope)
  second = jax.tree.map(
    lambda v, g: b * v + (1 - b) * g**2, state.second, slope
  )
  one, two = 1 - a ** (number + 1), 1 - b ** (number + 1)
  unknown = jax.tree.map(
    lambda x, m, v, r: x - r * (m / one) / (jnp.sqrt(v / two) + 1e-8),
    state.unknown,
    first,
    second,
    sizes,
  )
  return _State(unknown, first, second)
