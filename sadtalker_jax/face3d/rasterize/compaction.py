"""Prefix sums, and indices of true values, in forms that are fast on XLA:CPU.

XLA:CPU's own prefix sum is quadratic for small arrays and slow for large ones;
sums by matrix product are exact as long as the dtype represents them.
"""

import jax
from jax import lax
import jax.numpy as jnp

ROW = 32  # numbers in a row, which one product sums


def cumsum(values: jax.Array) -> jax.Array:
  """Inclusive prefix sum [N], int32, of counts [N] with a sum below 2^24."""
  sums, before = cumsum_rows(values, jnp.float32)
  before = before[:-1].astype(jnp.int32)[:, None]
  return (sums + before).reshape(-1)[: values.shape[0]]


def cumsum_rows(
  values: jax.Array, dtype: jax.typing.DTypeLike
) -> tuple[jax.Array, jax.Array]:
  """Inclusive prefix sums within rows, and the sum before each row.

  Args:
    values: [N] counts; N is filled up with zeros to R rows of 32.
    dtype: float type that represents the sum of every row exactly.

  Returns:
    [R, 32] int32, and [R + 1] float64, whose last entry is the sum of all.
  """
  with jax.enable_x64(True):
    padded = jnp.pad(values, (0, -values.shape[0] % ROW**2)).astype(dtype)
    sums = _sum_rows(padded)
    ends = sums[:, -1].astype(jnp.float64)
    groups = _sum_rows(ends)
    last = groups[:, -1]
    after = (groups + (jnp.cumsum(last) - last)[:, None]).reshape(-1)
    return sums.astype(jnp.int32), jnp.concatenate([after[:1] * 0, after])


def _sum_rows(values: jax.Array) -> jax.Array:
  upper = jnp.triu(jnp.ones((ROW, ROW), values.dtype))
  return jnp.dot(
    values.reshape(-1, ROW), upper, precision=lax.Precision.HIGHEST
  )


def indices(mask: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Indices of true values of `mask` [N], and their number.

  Returns:
    [N] int32, ascending and filled up with N, and the number [].
  """
  number = mask.shape[0]
  ends = cumsum(mask.astype(jnp.int32))
  all_of_them = jnp.arange(number, dtype=jnp.int32)
  target = jnp.where(mask, ends - 1, number)
  found = jnp.full(number, number, jnp.int32)
  return found.at[target].set(all_of_them, mode='drop'), ends[-1]
