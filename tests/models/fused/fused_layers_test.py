"""Layers of the fused render: all forms are the same convolution."""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models.fused import fused_layers
from sadtalker_jax.models.layers import basic
from sadtalker_jax.ops.convolution import conv

EXACT = lax.Precision.HIGHEST


def _draw(*shape):
  return np.random.default_rng(0).standard_normal(shape)


def _plain(x, kernel, bias, factor):
  rank = kernel.ndim - 2
  x = basic.nearest(x, [1] * (rank - 2) + [factor] * 2)
  y = lax.conv_general_dilated(
    x,
    jnp.asarray(kernel, x.dtype),
    (1,) * rank,
    [(k // 2, k // 2) for k in kernel.shape[:rank]],
    dimension_numbers=conv.channels_last(rank),
  )
  return y + jnp.asarray(bias, x.dtype)


CASES = {
  '3 x 3': ((3, 3), 1),
  '7 x 7 x 7': ((7, 7, 7), 1),
  '3 x 3 x 3': ((3, 3, 3), 1),
  'twice': ((3, 3), 2),
  'four times': ((3, 3), 4),
  'twice, 3-D': ((3, 3, 3), 2),
  '1 x 1': ((1, 1), 1),
}


@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('platform', ['cpu', 'cuda'])
@pytest.mark.parametrize('least', [1, 1000], ids=['wide', 'narrow'])
def test_forms_agree(case, platform, least, monkeypatch):
  size, factor = CASES[case]
  monkeypatch.setattr(fused_layers, '_LEAST', {2: least, 3: least})
  kernel, bias = _draw(*size, 3, 5), _draw(5)
  target = fused_layers.Target(platform, jnp.float32)
  layer = fused_layers.pack(kernel, bias, target, factor=factor)
  sparing = platform == 'cpu' and (factor > 1 or (least == 1 and size[0] > 1))
  assert ('patches' in layer) == sparing
  deep = (4,) if len(size) == 3 else ()
  x = jnp.asarray(_draw(2, *deep, 8, 4, 3), jnp.float32)
  beside = jnp.asarray(_draw(2, *deep, 8, 4 * factor, 5), jnp.float32)

  def finish(y, beside):
    return jax.nn.relu(y) + basic.nearest(
      beside, [1] * (len(size) - 2) + [factor, 1]
    )

  got = jax.jit(
    lambda x, beside, layer: fused_layers.conv(
      x, layer, finish, (beside,), factor=factor, precision=EXACT
    )
  )(x, beside, layer)
  want = finish(_plain(x, kernel, bias, factor), beside)
  np.testing.assert_allclose(got, want, atol=1e-5 * np.prod(size))


def test_bfloat16_is_kept():
  target = fused_layers.Target('cpu', jnp.bfloat16)
  layer = fused_layers.pack(_draw(3, 3, 2, 200), _draw(200), target)
  kept = layer['bias'].dtype, layer['kernel'].stored.dtype
  assert kept == (jnp.bfloat16, jnp.bfloat16)
  x = jnp.asarray(_draw(1, 4, 4, 2), jnp.float32)
  y = fused_layers.conv(x, layer, precision=None)
  assert y.dtype == jnp.bfloat16


def test_halves_are_means():
  x = jnp.asarray(_draw(2, 3, 4, 6, 5), jnp.float32)
  want = basic.avg_pool(x, (1, 2, 2))
  np.testing.assert_allclose(fused_layers.halved(x), want, atol=1e-6)
