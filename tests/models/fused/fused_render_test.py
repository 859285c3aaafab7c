"""The fused render gives the frames of the plain one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.models import zoo
from sadtalker_jax.models.facevid2vid import render
from sadtalker_jax.models.fused import fused_layers, fused_render
from sadtalker_jax.ops import products
from sadtalker_jax.ops.convolution import winograd
from tests import hlo
from tests.models import checks
from tests.models.facevid2vid import render_test

COUNT = 4

_prepare = checks.jit(fused_render.prepare_source)
_draw = checks.jit(fused_render.draw)
_render = checks.jit(fused_render.render)


def _weights():
  """Narrow networks."""
  return {
    name: zoo.noise(name, **config)
    for name, config in render_test.SMALL.items()
  }


def _params(dtype=jnp.float32, platform='cpu', **how):
  weights = _weights()
  mapping = fused_render.fold_mapping(weights.pop('mapping'), **how)
  folded = fused_render.fold(weights, platform=platform, dtype=dtype)
  return folded, mapping


@functools.cache
def _inputs():
  rng = np.random.default_rng(1)
  image = rng.uniform(0, 1, (COUNT, 32, 32, 3)).astype(np.float32)
  source = rng.standard_normal((COUNT, 27, 70)).astype(np.float32)
  windows = 2 * rng.standard_normal((COUNT, 27, 70)).astype(np.float32)
  angles = np.full((COUNT, 3), np.nan, np.float32)
  angles[1] = [20, np.nan, -5]
  return image, source, windows, angles


@functools.cache
def _plain(zero_t_xz=True) -> np.ndarray:
  image, source, windows, angles = _inputs()
  run = functools.partial(
    render.render, networks=render_test.NETWORKS, zero_t_xz=zero_t_xz
  )
  return np.asarray(
    checks.jit(run)(_weights(), image, source, windows, angles=angles)
  )


def _fused(params, pick=slice(None)):
  image, source, windows, angles = (x[pick] for x in _inputs())
  prepared = _prepare(params, image, source)
  return prepared, windows, angles


@pytest.fixture
def sparing(monkeypatch):
  """Fewer products in all layers, in many strips, as in wide networks."""
  monkeypatch.setattr(fused_layers, '_LEAST', {2: 1, 3: 1})
  monkeypatch.setattr(winograd, '_STRIP', 1)


def _agree(frames, zero_t_xz):
  want = _plain(zero_t_xz)
  assert want.std() > 0.05
  # The cut of the mask turns rounding into steps where a share is 1e-3.
  error = np.abs(np.asarray(frames) - want)
  assert error.max() < 1e-3
  assert error.mean() < 1e-5


def test_fewer_products_give_the_frames_of_the_plain_render(sparing):
  params = _params()
  _agree(_draw(params, *_fused(params)), zero_t_xz=True)


def test_frames_are_those_of_the_plain_render():
  params = _params()
  # The program that users run; others here are compiled in less time.
  frames = jax.jit(fused_render.draw)(params, *_fused(params))
  _agree(frames, zero_t_xz=True)


def test_whole_translations_are_those_of_the_plain_render():
  params = _params(zero_t_xz=False)
  _agree(_draw(params, *_fused(params)), zero_t_xz=False)


def test_frames_are_rounded_to_bytes():
  params = _params()
  frames = _render(params, *_fused(params))
  assert frames.dtype == jnp.uint8
  error = np.abs(np.asarray(frames, int) - 255 * _plain())
  assert error.max() < 0.8


def test_frames_do_not_depend_on_their_batch():
  params = _params()
  together = np.asarray(_render(params, *_fused(params)))
  alone = [
    np.asarray(_render(params, *_fused(params, slice(i, i + 1))))
    for i in range(COUNT)
  ]
  gap = np.abs(together.astype(int) - np.concatenate(alone).astype(int))
  assert gap.max() <= 1


def test_frames_do_not_depend_on_the_number_of_devices():
  params = _params()
  inputs = _fused(params)
  mesh = jax.sharding.Mesh(np.array(jax.devices()[:2]), ('frames',))
  whole, split = (jax.sharding.PartitionSpec(x) for x in (None, 'frames'))
  shared = jax.shard_map(
    fused_render.render,
    mesh=mesh,
    in_specs=(whole, *[split] * 3),
    out_specs=split,
  )
  np.testing.assert_array_equal(
    checks.jit(shared)(params, *inputs),
    _render(params, *inputs),
  )


def test_weights_of_an_accelerator_give_the_same_frames_as_a_batch():
  one_by_one = _draw(_params(), *_fused(_params()))
  params = _params(platform='cuda')
  as_a_batch = _draw(params, *_fused(params))
  np.testing.assert_allclose(one_by_one, as_a_batch, atol=1e-3)


def test_no_map_is_too_large_for_a_gpu(monkeypatch):
  params = _params(platform='cuda')
  whole = _fused(params)
  want = _draw(params, *whole)[:3]
  inputs = jax.tree.map(lambda x: x[:3], whole)
  # The hidden maps of three layers of SPADE, and room for two frames of three:
  # two parts, of which one is filled up.
  monkeypatch.setattr(fused_render, '_MOST', 3 * 32 * 32 * 3 * 128 - 1)
  traced = jax.jit(lambda *args: fused_render.draw(*args)).trace(
    params, *inputs
  )
  assert products.largest_map(traced.jaxpr, 'gpu') < fused_render._MOST
  lowered = traced.lower()
  assert (2, 32, 32, 3) in hlo.convolutions(lowered.as_text())
  frames = lowered.compile(checks.QUICK)(params, *inputs)
  np.testing.assert_allclose(frames, want, atol=1e-5)


@pytest.mark.parametrize(('size', 'count'), [(256, 63), (512, 15)])
def test_frames_of_the_published_network_that_are_drawn_together(size, count):
  shape = lambda *s: jax.ShapeDtypeStruct(s, jnp.bfloat16)  # noqa: E731
  block = {'shared': {'bias': shape(384)}, 'spade_0': {'bias': shape(512)}}
  networks = {
    'target': fused_layers.Target('cuda', jnp.bfloat16),
    'decoder': {'up': [block]},
    'motion': {'last': {'kernel': shape(3, 3, 3, 112, 112)}},
  }
  volume = shape(1, 16, size // 4, size // 4, 32)
  source = fused_render.PortraitFeatures(volume, volume, volume, volume)
  # Of gamma and beta at full size there are 512 a pixel.
  assert fused_render._together(networks, source) == count
  assert count * size**2 * 512 < 2**31 <= (count + 1) * size**2 * 512


@pytest.mark.parametrize('platform', ['cpu', 'cuda', 'tpu'])
def test_the_program_for_a_platform_has_its_forms(sparing, platform):
  params = _params(platform=platform)
  image, source, *rest = _inputs()
  prepared = jax.eval_shape(fused_render.prepare_source, params, image, source)
  traced = jax.jit(fused_render.draw).trace(params, prepared, *rest)
  text = traced.lower(lowering_platforms=(platform,)).as_text()
  shapes = hlo.convolutions(text)
  assert (5 in {len(shape) for shape in shapes}) == (platform == 'tpu')
  # A CPU draws frames one by one.
  assert (1 in {shape[0] for shape in shapes}) == (platform == 'cpu')
  packed = {k for layer in params[0]['motion']['down'] for k in layer}
  assert packed == {'bias', 'patches' if platform == 'cpu' else 'kernel'}


def test_free_view_turns_one_frame_alone():
  params = _params()
  prepared, windows, angles = _fused(params)
  turned = _draw(params, prepared, windows, angles)
  straight = _draw(params, prepared, windows, np.full_like(angles, np.nan))
  change = np.abs(np.asarray(turned - straight)).max((1, 2, 3))
  assert change[1] > 1e-3
  assert {*change[[0, 2, 3]]} == {0}


def test_bfloat16_is_near():
  params = _params(jnp.bfloat16)
  frames = _draw(params, *_fused(params))
  assert frames.dtype == jnp.float32
  error = np.abs(np.asarray(frames) - _plain())
  assert 1e-5 < error.mean() < 0.05
