"""Coefficient vectors: layout, splitting and joining."""

import jax
import numpy as np
import pytest

from sadtalker_jax import conventions
from sadtalker_jax.face3d import coeffs


def _vector(*leading: int) -> np.ndarray:
  return np.random.default_rng(0).normal(size=(*leading, 257)).astype('f4')


def test_join_inverts_split():
  vector = _vector(2, 3)
  parts = coeffs.split(vector)
  assert [p.shape[-1] for p in parts] == [80, 64, 80, 3, 27, 3]
  np.testing.assert_array_equal(coeffs.join(parts), vector)


def test_split_follows_the_table_of_the_reference():
  parts = coeffs.split(np.arange(257))
  firsts = [int(p[0]) for p in parts]
  assert firsts == [0, 80, 144, 224, 227, 254]


def test_rows_hold_expression_angles_translation():
  parts = coeffs.split(_vector(5))
  row = coeffs.row(parts)
  assert row.shape == (5, 70)
  for found, expected in zip(
    coeffs.split_row(row),
    (parts.expression, parts.angles, parts.translation),
    strict=True,
  ):
    np.testing.assert_array_equal(found, expected)
  np.testing.assert_array_equal(row[:, conventions.ROW_POSE], row[:, 64:])


def test_crop_row_repeats_one_crop_on_all_rows():
  parts = coeffs.split(_vector(5))
  row = coeffs.crop_row(parts, [1.5, 100.0, 90.0])
  assert row.shape == (5, 73)
  np.testing.assert_array_equal(
    row[:, conventions.ROW_CROP], np.tile(np.float32([1.5, 100, 90]), (5, 1))
  )
  np.testing.assert_array_equal(coeffs.split_row(row)[0], parts.expression)


def test_from_row_puts_an_identity_to_many_rows():
  rows = np.asarray(coeffs.row(coeffs.split(_vector(4))))
  parts = coeffs.from_row(np.ones(80, np.float32), rows)
  assert coeffs.join(parts).shape == (4, 257)
  np.testing.assert_array_equal(coeffs.row(parts), rows)
  assert not np.any(parts.texture) and not np.any(parts.gamma)


def test_coefficients_pass_through_jit_and_vmap():
  vector = _vector(3)
  row = jax.jit(jax.vmap(lambda v: coeffs.row(coeffs.split(v))))(vector)
  np.testing.assert_array_equal(row, coeffs.row(coeffs.split(vector)))


def test_zeros_is_a_full_vector():
  assert coeffs.join(coeffs.zeros((2,))).shape == (2, 257)


def test_wrong_lengths_are_named():
  with pytest.raises(ValueError, match='257.*256'):
    coeffs.split(np.zeros(256))
  with pytest.raises(ValueError, match='70 or 73.*71'):
    coeffs.split_row(np.zeros(71))
