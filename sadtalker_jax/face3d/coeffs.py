"""Coefficient vectors of a face: splitting and joining.

Layouts: `conventions` (method 1.2). Slices always act on the last axis.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.typing import Array


class Coefficients(NamedTuple):
  """The parts of a full coefficient vector; leading axes are free."""

  identity: Array  # [..., 80]
  expression: Array  # [..., 64]
  texture: Array  # [..., 80]
  angles: Array  # [..., 3] radian
  gamma: Array  # [..., 27]
  translation: Array  # [..., 3] decimetre


def zeros(leading: tuple[int, ...] = ()) -> Coefficients:
  """Zero coefficients: the mean face, unposed, in the default light.

  Args:
    leading: leading axes of every part.

  Returns:
    Coefficients of numpy float32 arrays.
  """
  sizes = (80, 64, 80, 3, 27, 3)
  return Coefficients(*(np.zeros((*leading, n), np.float32) for n in sizes))


def split(vector: Array) -> Coefficients:
  """The parts of full vectors.

  Args:
    vector: [..., 257].

  Returns:
    Coefficients, each part with the leading axes of `vector`.

  Raises:
    ValueError: the last axis has another size.
  """
  _check(vector, conventions.FULL_SIZE)
  places = (
    conventions.IDENTITY,
    conventions.EXPRESSION,
    conventions.TEXTURE,
    conventions.ANGLES,
    conventions.GAMMA,
    conventions.TRANSLATION,
  )
  return Coefficients(*(vector[..., place] for place in places))


def join(coefficients: Coefficients) -> Array:
  """Full vectors [..., 257] of parts; the inverse of `split`."""
  return jnp.concatenate([jnp.asarray(part) for part in coefficients], -1)


def row(coefficients: Coefficients) -> Array:
  """Rows [..., 70] of expression, angles and translation."""
  c = coefficients
  return jnp.concatenate(
    [
      jnp.asarray(c.expression),
      jnp.asarray(c.angles),
      jnp.asarray(c.translation),
    ],
    -1,
  )


def crop_row(coefficients: Coefficients, crop: Array) -> Array:
  """Rows [..., 73] of expression, angles, translation and crop.

  Args:
    coefficients: parts with leading axes [...].
    crop: [..., 3] scale and (tx, ty) of the alignment; broadcast over the
      leading axes.

  Returns:
    [..., 73] expression, angles, translation, crop.
  """
  seventy = row(coefficients)
  crop = jnp.asarray(crop, seventy.dtype)
  crop = jnp.broadcast_to(crop, (*seventy.shape[:-1], 3))
  return jnp.concatenate([seventy, crop], -1)


def split_row(vector: Array) -> tuple[Array, Array, Array]:
  """Expression [..., 64], angles [..., 3], translation [..., 3] of rows.

  Args:
    vector: [..., 70] or [..., 73]; the crop of the latter is ignored.

  Raises:
    ValueError: the last axis has another size.
  """
  if vector.shape[-1] not in (conventions.ROW_SIZE, conventions.CROP_ROW_SIZE):
    raise ValueError(
      f'expected rows of {conventions.ROW_SIZE} or '
      f'{conventions.CROP_ROW_SIZE} numbers, found shape {vector.shape}'
    )
  return (
    vector[..., conventions.ROW_EXPRESSION],
    vector[..., conventions.ROW_ANGLES],
    vector[..., conventions.ROW_TRANSLATION],
  )


def from_row(identity: Array, vector: Array) -> Coefficients:
  """Coefficients of one identity and many 70-d or 73-d rows.

  Args:
    identity: [..., 80], broadcast over the leading axes of `vector`.
    vector: [..., 70] or [..., 73].

  Returns:
    Coefficients with zero texture weights and the default light.

  Raises:
    ValueError: the last axis of `vector` has another size.
  """
  expression, angles, translation = split_row(vector)
  leading = vector.shape[:-1]
  dtype = vector.dtype
  return Coefficients(
    identity=jnp.broadcast_to(
      jnp.asarray(identity), (*leading, conventions.IDENTITY_SIZE)
    ),
    expression=expression,
    texture=jnp.zeros((*leading, conventions.TEXTURE_SIZE), dtype),
    angles=angles,
    gamma=jnp.zeros((*leading, conventions.GAMMA_SIZE), dtype),
    translation=translation,
  )


def _check(vector: Array, size: int) -> None:
  if vector.shape[-1] != size:
    raise ValueError(
      f'expected vectors of {size} numbers, found shape {vector.shape}'
    )
