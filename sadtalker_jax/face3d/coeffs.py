"""Layouts of the coefficient vectors of a face (reference, section 1.2).

The full vector has 257 numbers:

    0:80     identity     weights of the identity basis
    80:144   expression   weights of the expression basis
    144:224  texture      weights of the texture basis
    224:227  angles       (rx, ry, rz), radian, see `ops.rotation`
    227:254  gamma        illumination, 3 colour channels of 9 SH numbers
    254:257  translation  model units (decimetre)

The vectors that drive a face are rows of 70 = expression (64), angles (3),
translation (3), and of 73 = the same and the crop (scale, tx, ty), the last
three numbers of `alignment.TransParams`. A pose has 6 = angles, translation.
Slices always act on the last axis.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from sadtalker_jax.typing import Array

IDENTITY_SIZE = 80
EXPRESSION_SIZE = 64
TEXTURE_SIZE = 80
GAMMA_SIZE = 27
FULL_SIZE = 257
ROW_SIZE = 70
CROP_ROW_SIZE = 73
POSE_SIZE = 6

# Places in the full vector.
IDENTITY = slice(0, 80)
EXPRESSION = slice(80, 144)
TEXTURE = slice(144, 224)
ANGLES = slice(224, 227)
GAMMA = slice(227, 254)
TRANSLATION = slice(254, 257)

# Places in the 70-d and the 73-d row.
ROW_EXPRESSION = slice(0, 64)
ROW_ANGLES = slice(64, 67)
ROW_TRANSLATION = slice(67, 70)
ROW_POSE = slice(64, 70)
ROW_CROP = slice(70, 73)


class Coefficients(NamedTuple):
  """The parts of a full coefficient vector; leading axes are free."""

  identity: Array  # [..., 80]
  expression: Array  # [..., 64]
  texture: Array  # [..., 80]
  angles: Array  # [..., 3] radian
  gamma: Array  # [..., 27]
  translation: Array  # [..., 3] decimetre


def zeros(leading: tuple[int, ...] = ()) -> Coefficients:
  """The mean face, unposed, in the default light; numpy float32."""
  sizes = (80, 64, 80, 3, 27, 3)
  return Coefficients(*(np.zeros((*leading, n), np.float32) for n in sizes))


def split(vector: Array) -> Coefficients:
  """The parts of full vectors.

  Args:
    vector: [..., 257].

  Returns:
    Coefficients, each part with the leading axes of `vector`.
  """
  _check(vector, FULL_SIZE)
  places = (IDENTITY, EXPRESSION, TEXTURE, ANGLES, GAMMA, TRANSLATION)
  return Coefficients(*(vector[..., place] for place in places))


def join(coefficients: Coefficients) -> Array:
  """Full vectors [..., 257] of parts, the inverse of `split`."""
  return jnp.concatenate([jnp.asarray(part) for part in coefficients], -1)


def row(coefficients: Coefficients) -> Array:
  """The 70-d rows [..., 70]: expression, angles, translation."""
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
  """The 73-d rows [..., 73].

  Args:
    coefficients: parts with leading axes [...].
    crop: [..., 3], scale and (tx, ty) of the alignment; broadcast over the
      leading axes.

  Returns:
    [..., 73]: expression, angles, translation, crop.
  """
  seventy = row(coefficients)
  crop = jnp.asarray(crop, seventy.dtype)
  crop = jnp.broadcast_to(crop, (*seventy.shape[:-1], 3))
  return jnp.concatenate([seventy, crop], -1)


def split_row(vector: Array) -> tuple[Array, Array, Array]:
  """Expression [..., 64], angles [..., 3], translation [..., 3] of rows.

  Args:
    vector: [..., 70] or [..., 73]; the crop part of the latter is left out.
  """
  if vector.shape[-1] not in (ROW_SIZE, CROP_ROW_SIZE):
    raise ValueError(
      f'expected rows of {ROW_SIZE} or {CROP_ROW_SIZE} numbers, '
      f'found shape {vector.shape}'
    )
  return (
    vector[..., ROW_EXPRESSION],
    vector[..., ROW_ANGLES],
    vector[..., ROW_TRANSLATION],
  )


def from_row(identity: Array, vector: Array) -> Coefficients:
  """Parts of one identity and many 70-d or 73-d rows.

  Args:
    identity: [..., 80], broadcast over the leading axes of `vector`.
    vector: [..., 70] or [..., 73].

  Returns:
    Coefficients with zero texture weights and the default light.
  """
  expression, angles, translation = split_row(vector)
  leading = vector.shape[:-1]
  dtype = vector.dtype
  return Coefficients(
    identity=jnp.broadcast_to(jnp.asarray(identity), (*leading, IDENTITY_SIZE)),
    expression=expression,
    texture=jnp.zeros((*leading, TEXTURE_SIZE), dtype),
    angles=angles,
    gamma=jnp.zeros((*leading, GAMMA_SIZE), dtype),
    translation=translation,
  )


def _check(vector: Array, size: int) -> None:
  if vector.shape[-1] != size:
    raise ValueError(
      f'expected vectors of {size} numbers, found shape {vector.shape}'
    )
