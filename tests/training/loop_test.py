"""The loop: reports, resuming, meshes, faults; the stage is a fake."""

import json
import os
import signal

import jax
import numpy as np
import pytest

from input_pipeline import synthetic
from sadtalker_jax import errors
from sadtalker_jax.checkpoints import manager as manager_lib
from sadtalker_jax.media import audio, image, video
from sadtalker_jax.training import data as data_lib
from sadtalker_jax.training import guards, loop, sharding
from tests.training import fakes


def run(folder, *, mesh=None, stage=None, validate=True, data=None, **changes):
  mesh = mesh or sharding.make_mesh({'data': 4, 'fsdp': 2})
  rows = sharding.of_batch(mesh)
  return loop.run(
    stage or fakes.FourNumbers(),
    fakes.plan(**changes),
    folder,
    data_lib.Feeds(
      data or fakes.Counted(rows), fakes.Counted(rows) if validate else None
    ),
    mesh,
    {'stage': 'fake'},
  )


def weight(result):
  return np.asarray(result.state.params['model']['net']['weight'])


def test_a_run_learns_and_reports(tmp_path):
  result = run(tmp_path, steps=40, log_every=10, save_every=20, eval_every=20)
  assert result.finished and result.step == 40
  np.testing.assert_allclose(weight(result), 3, atol=0.1)
  lines = [
    json.loads(x) for x in (tmp_path / 'metrics.jsonl').read_text().splitlines()
  ]
  losses = [x['total/model'] for x in lines if 'total/model' in x]
  assert len(losses) == 4 and losses[-1] < losses[0] / 10
  assert lines[0]['examples_per_second'] == pytest.approx(
    8 * lines[0]['steps_per_second']
  )
  assert [x['step'] for x in lines if 'eval/square' in x] == [20, 40]
  drawn = image.load(tmp_path / 'summaries' / 'ramp_00000040.png')
  assert drawn.shape == (64, 64, 3) and drawn.std() > 0


def test_a_run_shows_films_with_their_sound(tmp_path):
  mesh = sharding.make_mesh({'data': 8})
  whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
  clips = synthetic.create(
    'clips', batch_size=1, seed=0, sharding=whole, num_frames=9, size=32
  )
  rows = sharding.of_batch(mesh)
  loop.run(
    fakes.FourNumbers(),
    fakes.plan(clip_every=4),
    tmp_path,
    data_lib.Feeds(fakes.Counted(rows), clips=clips),
    mesh,
    {'stage': 'fake'},
  )
  names = sorted(p.name for p in (tmp_path / 'summaries').glob('*.mp4'))
  assert names == ['clip_00000004.mp4', 'clip_00000006.mp4']
  path = tmp_path / 'summaries' / names[0]
  info = video.probe(path)
  assert info.size == (32, 32) and info.num_frames == 8
  wave = audio.load(path)
  # Sound of the frames that are shown: all but the first.
  assert len(wave) / 16_000 == pytest.approx(8 / 25, abs=0.03)


def test_a_run_in_two_parts_equals_one_run(tmp_path):
  whole = run(tmp_path / 'whole')
  run(tmp_path / 'parts', steps=2)
  again = run(tmp_path / 'parts')
  np.testing.assert_array_equal(weight(whole), weight(again))
  np.testing.assert_array_equal(whole.state.key, again.state.key)


def test_a_resumed_run_goes_on_in_the_data(tmp_path):
  mesh = sharding.make_mesh({'data': 8})
  run(tmp_path, steps=4, mesh=mesh)
  data = fakes.Counted(sharding.of_batch(mesh))
  run(tmp_path, mesh=mesh, data=data)
  assert data.handed == [4, 5]


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
  first = run(tmp_path)
  mesh = sharding.make_mesh({'data': 8})
  data = fakes.Counted(sharding.of_batch(mesh))
  second = run(tmp_path, mesh=mesh, data=data)
  assert not data.handed
  np.testing.assert_array_equal(weight(first), weight(second))


def test_meshes_give_the_same_weights(tmp_path):
  found = []
  for number, shape in enumerate([{'data': 8}, {'fsdp': 8}, None]):
    mesh = sharding.make_mesh(shape or {}, None if shape else jax.devices()[:1])
    found.append(weight(run(tmp_path / str(number), mesh=mesh)))
  np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
  np.testing.assert_allclose(found[2], found[0], rtol=1e-6)


def test_a_checkpoint_goes_onto_another_mesh(tmp_path):
  run(tmp_path / 'a', steps=2, mesh=sharding.make_mesh({'fsdp': 8}))
  moved = run(tmp_path / 'a', mesh=sharding.make_mesh({'data': 8}))
  whole = run(tmp_path / 'b', mesh=sharding.make_mesh({'fsdp': 8}))
  np.testing.assert_allclose(weight(moved), weight(whole), rtol=1e-6)


def test_newest_and_best_checkpoints_stay(tmp_path):
  run(tmp_path, steps=12, keep_last=2)
  manager = manager_lib.Manager(tmp_path / 'checkpoints', keep_last=2)
  steps = manager.steps
  manager.close()
  assert steps[-2:] == [10, 12] and len(steps) <= 3


def test_a_best_metric_that_nothing_measures_is_refused(tmp_path):
  with pytest.raises(
    errors.InputError, match="expected one of eval/square .*found 'eval/sqare'"
  ):
    run(tmp_path, best_metric='eval/sqare')
  assert not (tmp_path / 'metrics.jsonl').exists()
  assert run(tmp_path, best_metric='eval/sqare', validate=False).finished


def test_not_a_number_names_the_term_and_keeps_the_batch(tmp_path):
  with pytest.raises(guards.NotFinite, match='step 4.*square') as caught:
    run(tmp_path, stage=fakes.FourNumbers(explode_at=3))
  assert 'newest checkpoint is of step 2' in str(caught.value)
  (path,) = tmp_path.glob('not_finite_*.npz')
  with np.load(path) as stored:
    assert stored['x'].shape == (8, 4)
    np.testing.assert_array_equal(
      stored['x'], np.random.default_rng(3).random((8, 4), np.float32)
    )


def test_a_bad_step_is_never_saved(tmp_path):
  with pytest.raises(guards.NotFinite):
    run(tmp_path, stage=fakes.FourNumbers(explode_at=3))
  manager = manager_lib.Manager(tmp_path / 'checkpoints', keep_last=9)
  assert manager.steps == [2]
  manager.close()


def test_sigterm_saves_and_the_run_goes_on_later(tmp_path):
  class Interrupting(fakes.Counted):
    def __next__(self):
      if self.at == 3:
        os.kill(os.getpid(), signal.SIGTERM)
      return super().__next__()

  mesh = sharding.make_mesh({'data': 8})
  rows = sharding.of_batch(mesh)
  result = run(tmp_path / 'a', mesh=mesh, data=Interrupting(rows))
  assert not result.finished and result.step == 4
  rest = run(tmp_path / 'a', mesh=mesh)
  whole = run(tmp_path / 'b', mesh=mesh)
  np.testing.assert_array_equal(weight(rest), weight(whole))


def test_a_folder_is_for_one_run_at_a_time(tmp_path):
  class Nested(fakes.Counted):
    def __next__(self):
      with pytest.raises(errors.InputError, match='in use'):
        run(tmp_path)
      return super().__next__()

  mesh = sharding.make_mesh({'data': 8})
  data = Nested(sharding.of_batch(mesh))
  assert run(tmp_path, mesh=mesh, data=data, steps=1).finished


def test_a_checkpoint_of_other_arrays_is_refused(tmp_path, monkeypatch):
  run(tmp_path, steps=2)
  monkeypatch.setattr(fakes, 'SIZE', 5)
  with pytest.raises(
    errors.InputError, match='weight: expected \\[5\\], found'
  ):
    run(tmp_path)


def test_warm_start_takes_weights_and_refuses_others(tmp_path):
  mesh = sharding.make_mesh({'data': 8})
  rows = sharding.of_batch(mesh)

  def start(folder, warm):
    return loop.run(
      fakes.FourNumbers(),
      fakes.plan(steps=1, eval_every=0),
      folder,
      data_lib.Feeds(fakes.Counted(rows)),
      mesh,
      {},
      warm=warm,
    )

  given = {'net': {'params': {'weight': np.full(4, 3, np.float32)}}}
  np.testing.assert_allclose(weight(start(tmp_path / 'a', given)), 3, atol=0.05)
  part = {'net/weight': {'params': given['net']['params']['weight'].copy()}}
  np.testing.assert_allclose(weight(start(tmp_path / 'd', part)), 3, atol=0.05)
  with pytest.raises(errors.InputError, match='expected net/bias of the'):
    start(tmp_path / 'e', {'net/bias': part['net/weight']})
  with pytest.raises(errors.InputError, match='expected networks that this'):
    start(tmp_path / 'b', {'other': given['net']})
  given['net']['params']['weight'] = np.zeros(5, np.float32)
  with pytest.raises(errors.InputError, match='expected net of the shapes'):
    start(tmp_path / 'c', given)
