"""LipNet against a slow reference, its size, context and gradients."""

import math

import jax
import numpy as np

from sadtalker_jax.models.phonetic import lipnet
from tests.models import checks

SMALL = lipnet.LipNet(channels=4, dilations=(1, 2))
ERF = np.vectorize(math.erf)


def _noise(*shape: int) -> np.ndarray:
  return np.random.default_rng(0).normal(-2, 1.5, shape).astype(np.float32)


def _gelu(x: np.ndarray) -> np.ndarray:
  return x * (1 + ERF(x / math.sqrt(2))) / 2


def _conv(x, layer, stride=1):
  """Zeros of half the kernel around `x` [T, C], one row at a time."""
  size = len(layer['kernel'])
  x = np.pad(x, ((size // 2 - (stride > 1), size // 2), (0, 0)))
  starts = range(0, len(x) - size + (stride == 1), stride)
  rows = [np.einsum('kc,kco->o', x[t : t + size], layer['kernel']) for t in starts]  # fmt: skip  # noqa: E501
  return np.stack(rows) + layer['bias']


def _reference(params, spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """The equations, one row at a time, in float64."""
  x = _conv((spectra + 2) / 1.5, params['input'], stride=2)
  for number, dilation in enumerate(SMALL.dilations):
    block = params[f'block_{number}']
    kernel = block['depthwise']['kernel']
    y = np.empty_like(x)
    for t in range(len(x)):
      y[t] = block['depthwise']['bias']
      for tap in range(7):
        place = t + (tap - 3) * dilation
        if 0 <= place < len(x):
          y[t] += kernel[tap] * x[place]
    y = (y - y.mean(1, keepdims=True)) / np.sqrt(y.var(1, keepdims=True) + 1e-5)
    y = y * block['norm']['scale'] + block['norm']['bias']
    y = _gelu(y @ block['wide']['kernel'] + block['wide']['bias'])
    x = x + y @ block['narrow']['kernel'] + block['narrow']['bias']
  classes = x @ params['classes']['kernel'] + params['classes']['bias']
  return _conv(_gelu(x), params['lips']), classes


def test_network_is_its_equations():
  spectra = _noise(1, 40, 64)
  weights = checks.weights(SMALL, spectra, train=False)
  found = jax.jit(lambda v, x: SMALL.apply(v, x, train=False))(weights, spectra)
  want = _reference(weights['params'], spectra[0].astype(np.float64))
  for a, b in zip(found, want, strict=True):
    # float32 sums of positive weights.
    np.testing.assert_allclose(a[0], b, rtol=2e-5, atol=2e-4)


def test_gradients_are_finite():
  checks.gradients_are_finite(SMALL, _noise(1, 20, 64), train=False)


def test_size_and_shapes_are_those_of_the_weights_that_ship():
  net = lipnet.LipNet()
  spectra = jax.ShapeDtypeStruct((2, 100, 64), np.float32)
  found, shapes = jax.eval_shape(
    lambda x: net.init_with_output(jax.random.key(0), x, train=False), spectra
  )
  assert [x.shape for x in found] == [(2, 50, 5), (2, 50, 24)]
  assert sum(x.size for x in jax.tree.leaves(shapes)) == 269_405
