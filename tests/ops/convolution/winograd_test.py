"""Convolutions with fewer products, against XLA's own."""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.ops.convolution import conv, winograd


def _draw(*shape):
  return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _plain(x, kernel, factor=1):
  for axis in (-3, -2):
    x = np.repeat(x, factor, axis=axis)
  rank = kernel.ndim - 2
  return lax.conv_general_dilated(
    jnp.asarray(x),
    kernel,
    (1,) * rank,
    [(k // 2, k // 2) for k in kernel.shape[:rank]],
    dimension_numbers=conv.channels_last(rank),
  )


SCHEMES = {
  'three': (winograd.THREE, 3, 1),
  'seven': (winograd.SEVEN, 7, 1),
  'nearest_2': (winograd.NEAREST_2, 3, 2),
  'nearest_4': (winograd.NEAREST_4, 3, 4),
}


@pytest.mark.parametrize('strip', [1, 2**18], ids=['strips', 'whole'])
@pytest.mark.parametrize('widths', [(3, 5), (5, 3)], ids=['more', 'fewer'])
@pytest.mark.parametrize('deep', [0, 3])
@pytest.mark.parametrize('name', SCHEMES)
def test_equals_a_convolution(name, deep, widths, strip, monkeypatch):
  monkeypatch.setattr(winograd, '_STRIP', strip)
  scheme, size, factor = SCHEMES[name]
  x = _draw(2, *([4] if deep else []), 8, 12, widths[0])
  kernel = _draw(*([size] if deep else []), size, size, *widths)
  deep = size if deep else 1
  got = jax.jit(lambda x, k: winograd.conv(x, k, scheme, deep=deep))(
    x, winograd.transform(kernel, scheme)
  )
  want = _plain(x, kernel, factor)
  np.testing.assert_allclose(got, want, atol=2e-5 * float(want.std()))


@pytest.mark.parametrize('strip', [1, 2**18], ids=['strips', 'whole'])
def test_rows_are_finished_with_those_beside_them(strip, monkeypatch):
  monkeypatch.setattr(winograd, '_STRIP', strip)
  x, kernel = _draw(2, 3, 8, 8, 4), _draw(3, 3, 3, 4, 5)
  same, half = _draw(2, 3, 8, 8, 5), _draw(2, 3, 4, 8, 5)

  def finish(y, same, half):
    y = y + same
    return y[:, :, ::2] + half

  got = winograd.conv(
    x,
    winograd.transform(kernel, winograd.THREE),
    winograd.THREE,
    deep=3,
    finish=finish,
    beside=(same, half),
  )
  want = finish(_plain(x, kernel), same, half)
  np.testing.assert_allclose(got, want, atol=1e-4)


def test_devices_may_share_a_batch(monkeypatch):
  monkeypatch.setattr(winograd, '_STRIP', 1)
  x = _draw(2, 8, 8, 4)
  kernel = winograd.transform(_draw(3, 3, 4, 5), winograd.THREE)

  def run(x):
    return winograd.conv(x, kernel, winograd.THREE)

  shared = jax.shard_map(
    run,
    mesh=jax.sharding.Mesh(np.array(jax.devices()[:2]), ('batch',)),
    in_specs=jax.sharding.PartitionSpec('batch'),
    out_specs=jax.sharding.PartitionSpec('batch'),
  )
  np.testing.assert_allclose(jax.jit(shared)(x), run(x), atol=1e-5)


def test_rounding_is_that_of_a_convolution_times_five():
  x, kernel = _draw(1, 32, 32, 256), _draw(3, 3, 256, 16)
  with jax.enable_x64(True):
    want = np.asarray(_plain(x.astype(np.float64), kernel.astype(np.float64)))
  got = winograd.conv(
    x, winograd.transform(kernel, winograd.THREE), winograd.THREE
  )
  error = np.abs(got - want).max() / want.std()
  plain = np.abs(_plain(x, kernel) - want).max() / want.std()
  assert error < 2e-5
  assert error < 10 * plain


def test_sizes_that_do_not_fit_are_refused():
  kernel = winograd.transform(_draw(3, 3, 2, 2), winograd.THREE)
  with pytest.raises(ValueError, match='steps of 4'):
    winograd.conv(_draw(1, 8, 6, 2), kernel, winograd.THREE)
