"""Every stage takes steps on random batches, through the public function."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from input_pipeline import synthetic
from sadtalker_jax import errors
from sadtalker_jax.checkpoints import keeping
from sadtalker_jax.models import zoo
from sadtalker_jax.training import networks, sharding
from tests.models import checks
from tests.training import cases


class Plain(NamedTuple):
  """A stage of one device; jax knows a traced function by its object."""

  config: Any
  stage: Any
  init: Any
  train_step: Any


@functools.cache
def plain(name):
  config = cases.config_of(name)
  stage = cases.build(name, config)
  return Plain(config, stage, stage.init, stage.train_step)


@pytest.fixture(scope='module', autouse=True)
def _forgotten():
  yield
  plain.cache_clear()


@pytest.mark.parametrize('name', ['expnet', 'mapping', 'posevae', 'renderer'])
def test_stages_of_motion_make_films(name):
  config, stage, init, _ = plain(name)
  size = config.size or 256
  clips = synthetic.create(
    'clips', batch_size=1, seed=0, num_frames=65, size=size
  )
  clip = {k: v[0] for k, v in clips.local(0).items()}
  state = jax.eval_shape(init, jax.random.key(0))
  film = jax.eval_shape(stage.clip, state, clip, stage.frozen)
  frames = 64 if name == 'posevae' else 65
  columns = 2 if name in ('mapping', 'renderer') else 3
  assert film.shape == (frames, size, columns * size, 3)


def test_validation_uses_lpips_where_a_bundle_has_it():
  config = cases.config_of('renderer')
  frozen = {'lpips': networks.Frozen(zoo.noise('lpips'), {})}
  stage = cases.build('renderer', config, frozen)
  state = jax.eval_shape(stage.init, jax.random.key(0))
  found = jax.eval_shape(
    stage.eval_step, state, cases.batch_of(config), stage.frozen
  )
  assert {'lpips', 'lpips_of_source', 'ssim'} <= set(found)
  assert type(stage.stage).measures_with(config) == ('lpips',)


# The others are made of the same parts, and are traced only.
COMPUTED = ('expnet', 'posevae', 'recon', 'renderer', 'syncnet')


@pytest.mark.parametrize('name', sorted(cases.CASES | cases.MORE))
def test_every_stage_can_be_traced(name):
  config, stage, init, train_step = plain(name)
  state = jax.eval_shape(init, jax.random.key(0))
  batch = cases.batch_of(config)
  after, terms = jax.eval_shape(train_step, state, batch, stage.frozen)
  assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(
    lambda x: (x.shape, x.dtype), state
  )
  assert {f'total/{g}' for g in state.params} <= set(terms)
  found = jax.eval_shape(stage.eval_step, state, batch, stage.frozen)
  assert (
    keeping.figure(config.best_metric, {f'eval/{name}': 0.0 for name in found})
    is not None
  )
  pictures = jax.eval_shape(stage.summaries, state, batch, stage.frozen)
  assert all(p.ndim == 3 and p.shape[-1] == 3 for p in pictures.values())


@pytest.fixture(scope='module', params=COMPUTED)
def taken(request):
  """A stage, its state before and after two steps on one batch, the terms."""
  config, stage, init, train_step = plain(request.param)
  first = checks.jit(init)(jax.random.key(0))
  batch = cases.batch_of(config)
  step = checks.jit(train_step)
  state, terms = step(first, batch, stage.frozen)
  state, again = step(state, batch, stage.frozen)
  return config, stage, first, state, batch, [terms, again]


def test_terms_are_finite_and_weights_have_names(taken):
  config, _, _, state, _, terms = taken
  assert int(state.step) == 2
  for found in terms:
    for name, value in found.items():
      assert np.isfinite(value), name
  used = {n.split('/')[0] for n in terms[0]}
  weighted = {n for n, w in config.loss.by_term().items() if w}
  assert weighted <= used, weighted - used


def test_a_total_is_the_sum_of_its_weighted_terms(taken):
  config, _, _, _, _, terms = taken
  weights = config.loss.by_term() or {'sync': 1.0}  # that of the expert
  for step, found in enumerate(terms):
    rising = {}
    if config.stage == 'posevae':
      share = (step + 1) / config.loss.kl_warmup_steps
      rising = {'kl': share, 'aggregate': share, 'spread': max(share - 1, 0)}
    total = sum(
      w * rising.get(n, 1) * found[n] for n, w in weights.items() if w
    )
    np.testing.assert_allclose(found['total/model'], total, rtol=1e-5)


def test_every_trained_network_moves(taken):
  _, _, first, state, _, _ = taken
  for group, nets in state.params.items():
    for name, params in nets.items():
      before = first.params[group][name]
      moved = [
        not np.array_equal(a, b)
        for a, b in zip(
          jax.tree.leaves(before), jax.tree.leaves(params), strict=True
        )
      ]
      assert np.mean(moved) > 0.5, name


@pytest.mark.parametrize('taken', ['posevae'], indirect=True)
def test_validation_and_pictures_come_out(taken):
  _, stage, _, state, batch, _ = taken
  found = checks.jit(stage.eval_step)(state, batch, stage.frozen)
  assert all(np.isfinite(v) for v in found.values())
  picture = checks.jit(stage.summaries)(state, batch, stage.frozen)['motion']
  assert picture.shape == (6 * 64, 8 * 31, 3)
  assert picture.min() >= 0 and picture.max() <= 1 and picture.std() > 0


def test_a_mesh_changes_nothing(taken, monkeypatch):
  config, _, first, _, batch, (single, _) = taken
  monkeypatch.setattr(sharding, 'MIN_SIZE', 2**8)  # small networks, too
  mesh = sharding.make_mesh({'data': 4, 'fsdp': 2})
  sharding.check_batch(config.batch_size, 1, mesh)
  stage = cases.build(config.stage, config, mesh=mesh)
  placed = jax.device_put(first, sharding.of_state(first, mesh))
  cut = [not x.sharding.is_fully_replicated for x in jax.tree.leaves(placed)]
  assert np.mean(cut) > 0.1
  state, spread = checks.jit(stage.train_step)(
    placed, jax.device_put(batch, sharding.of_batch(mesh)), stage.frozen
  )
  assert int(state.step) == 1
  assert set(spread) == set(single)
  for name, value in single.items():
    # Sums in another order: those of gradients cancel more.
    rtol = 5e-3 if name.startswith('gradient_norm/') else 2e-4
    np.testing.assert_allclose(
      spread[name], value, rtol=rtol, atol=1e-6, err_msg=name
    )


def test_a_lip_reader_sees_more_frames_than_count():
  config = cases.config_of(
    'expnet', loss__read=0.01, batch_size=1, data__options__num_frames=5
  )
  fields = {'widths': (8, 8, 8, 8), 'temporal_width': 8, 'num_blocks': 1}
  given = {
    'lipreader': networks.Frozen(zoo.noise('lipreader', **fields), fields)
  }
  stage = cases.build('expnet', config, given)
  state = checks.jit(stage.init)(jax.random.key(0))

  @checks.jit
  def terms(state, batch, frozen):
    # Without gradients, for those of the rasteriser take long to compile.
    nets = stage._evaluated(state, frozen)
    found = stage.stage.objective(nets, batch, jax.random.key(0), state.step)
    return {**found.terms, 'total/model': found.totals['model']}

  batch = cases.batch_of(config)
  before = terms(state, batch, stage.frozen)
  target = batch['target'].copy()
  target[:, -1] += 1
  after = terms(state, {**batch, 'target': target}, stage.frozen)
  # Only the lip reader, and so the weighted sum, depends on the last frames.
  for name in ('read', 'total/model'):
    assert after.pop(name) != before.pop(name)
  assert after == before
  few = {
    k: v[:, :4] if k in ('mel', 'blink', 'target') else v
    for k, v in batch.items()
  }
  with pytest.raises(
    errors.InputError, match='num_frames: expected more than the 4 .*found 4'
  ):
    terms(state, few, stage.frozen)


def test_half_precision_keeps_float32_masters():
  config = cases.config_of('syncnet', dtype='bfloat16')
  stage = cases.build('syncnet', config)
  state = jax.eval_shape(stage.init, jax.random.key(0))
  batch = jax.eval_shape(lambda: cases.batch_of(config))
  after, _ = jax.eval_shape(stage.train_step, state, batch, stage.frozen)
  for leaf in jax.tree.leaves((after.params, after.opt_state, after.stats)):
    assert leaf.dtype in (jnp.float32, jnp.int32)
