"""Counts of multiplications, compared with counts by hand."""

import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax.ops import products
from sadtalker_jax.ops.convolution import conv


def _shape(*shape):
  return jax.ShapeDtypeStruct(shape, jnp.float32)


def _count(function, *inputs):
  return products.count(function, *inputs, platform='cpu')


def test_a_matrix_product():
  shapes = _shape(5, 2, 3), _shape(5, 3, 4)
  assert _count(jnp.matmul, *shapes) == 5 * 2 * 3 * 4


def test_a_convolution():
  def run(x, kernel):
    return lax.conv_general_dilated(
      x, kernel, (2, 2), 'SAME', dimension_numbers=conv.channels_last(2)
    )

  shapes = _shape(2, 8, 6, 5), _shape(3, 3, 5, 7)
  assert _count(run, *shapes) == 2 * 4 * 3 * 7 * 3 * 3 * 5


def test_loops_count_as_often_as_they_run():
  def run(x, y):
    inner = jax.jit(jnp.matmul)
    return lax.map(lambda row: inner(row, y), x)

  shapes = _shape(6, 2, 3), _shape(3, 4)
  assert _count(run, *shapes) == 6 * 2 * 3 * 4


def test_the_rest_is_free():
  assert _count(lambda x: jnp.sin(x) * x + 1, _shape(9)) == 0


def test_only_the_form_of_this_platform_counts():
  def run(x):
    return lax.platform_dependent(
      x, cpu=lambda x: x + 1, default=lambda x: x @ x
    )

  assert _count(run, _shape(3, 3)) == 0


def test_another_platform_can_be_asked_for():
  def run(x):
    return lax.platform_dependent(
      x, cpu=lambda x: x + 1, default=lambda x: x @ x
    )

  trace = jax.make_jaxpr(run)(_shape(3, 3))
  assert products.of_trace(trace, 'cpu') == 0
  assert products.of_trace(trace, 'gpu') == 27


def test_a_gradient_takes_twice_the_products():
  def run(x, kernel):
    return lax.conv_general_dilated(
      x, kernel, (2, 2), 'SAME', dimension_numbers=conv.channels_last(2)
    ).sum()

  shapes = _shape(2, 8, 6, 5), _shape(3, 3, 5, 7)
  forward = _count(run, *shapes)
  both = _count(jax.value_and_grad(run, (0, 1)), *shapes)
  # Not the zeros that a stride of 2 puts between the gradients of outputs.
  assert both == 3 * forward


def test_operations_without_an_output_are_passed_over():
  def run(x):
    jax.debug.callback(lambda y: None, x)
    return x @ x

  assert _count(run, _shape(3, 3)) == 27


def test_what_no_result_depends_on_does_not_count():
  def run(x):
    unused = jax.jit(lambda x: (x @ x) @ x)(x)
    del unused
    return lax.scan(lambda c, _: (c @ x, c @ c), x, length=5)[0]

  # The loop's body alone, and of that the product which is carried.
  assert _count(run, _shape(3, 3)) == 5 * 27


def test_what_both_forms_of_a_platform_leave_unused_does_not_count():
  def run(x):
    used, _ = lax.platform_dependent(
      x, cpu=lambda x: (x @ x, x @ x @ x), default=lambda x: (x, x)
    )
    return used

  assert _count(run, _shape(3, 3)) == 27


def test_the_largest_map_of_a_convolution():
  def run(x, kernel):
    y = lax.conv_general_dilated(
      x, kernel, (1, 1), 'SAME', dimension_numbers=conv.channels_last(2)
    )
    return lax.map(lambda row: row @ row.T, y[:, 0]), jnp.zeros((99, 99, 99))

  trace = jax.make_jaxpr(run)(_shape(2, 8, 6, 5), _shape(3, 3, 5, 7))
  assert products.largest_map(trace, 'gpu') == 2 * 8 * 6 * 7
  assert products.largest_map(jax.make_jaxpr(jnp.sin)(1.0), 'gpu') == 0
