"""Which examples come when: seeds, processes, threads, workers, resuming."""

import collections
import itertools

import grain
import numpy as np
import orbax.checkpoint as ocp
import pytest

import input_pipeline
from input_pipeline import batches, random_records
from sadtalker_jax import errors

CLIPS = 12  # in the split


def _create(folder, *, threads=2, workers=0, **options):
  options = {'batch_size': 4, 'seed': 7, 'target': 'real'} | options
  reading = batches.ReadSettings(threads=threads, workers=workers)
  return input_pipeline.create('expnet', folder, reading=reading, **options)


def _take(made, number):
  found = list(itertools.islice(made, number))
  made.close()
  return found


def _same(one, other):
  assert len(one) == len(other)
  for left, right in zip(one, other, strict=True):
    for key in left:
      np.testing.assert_array_equal(left[key], right[key])


def _clips(found):
  """Clip numbers of batches, in order."""
  return np.concatenate([b['coefficients'][:, 0] for b in found]).tolist()


def test_seed_decides_on_everything(folder):
  one, again = (_take(_create(folder), 7) for _ in range(2))
  _same(one, again)
  assert _clips(one) != _clips(_take(_create(folder, seed=8), 7))


def test_every_epoch_has_each_clip_once_in_another_order(folder):
  seen = _clips(_take(_create(folder, batch_size=5), 12))  # five epochs
  epochs = [seen[i : i + CLIPS] for i in range(0, 60, CLIPS)]
  for epoch in epochs:
    assert sorted(epoch) == list(range(CLIPS))
  assert len({tuple(epoch) for epoch in epochs}) == 5
  still = _clips(_take(_create(folder, shuffle=False), 6))
  assert still == list(range(CLIPS)) * 2


def test_examples_of_a_clip_differ_between_epochs(folder):
  found = _take(_create(folder, batch_size=12, shuffle=False), 3)
  starts = np.stack([batch['target'][:, 0, 0] for batch in found])
  assert (starts != starts[0]).any(1).tolist() == [False, True, True]


@pytest.mark.parametrize('processes', [2, 4])
def test_processes_share_the_very_batches_of_one(folder, processes):
  whole = _take(_create(folder), 9)  # three epochs
  parts = [
    _take(_create(folder, process=(i, processes)), 9) for i in range(processes)
  ]
  joined = [
    {key: np.concatenate([part[k][key] for part in parts]) for key in whole[0]}
    for k in range(9)
  ]
  _same(whole, joined)
  seen = collections.Counter(
    clip for part in parts for clip in _clips(part[:3])
  )
  assert seen == dict.fromkeys(range(CLIPS), 1)


@pytest.mark.parametrize('threads', [1, 3])
def test_resumed_iterator_goes_on(folder, threads):
  made = _create(folder)
  _take(made, 5)
  state = made.state()
  wanted = _take(made, 6)
  other = _create(folder, threads=threads)
  other.restore(state)
  _same(_take(other, 6), wanted)
  assert other.state()['next_batch'] == 11
  made.restore(state)  # backwards
  _same(_take(made, 6), wanted)
  _same([other.local(k) for k in range(5, 11)], wanted)


def test_worker_processes_change_nothing(folder):
  wanted = _take(_create(folder), 7)
  made = _create(folder, workers=2, threads=1)
  made.seek(3)
  _same(_take(made, 4), wanted[3:])


@pytest.mark.parametrize(
  ('change', 'named'),
  [
    ({'batch_size': 2}, 'found batch_size 2 in place of 4'),
    ({'seed': 8}, 'found seed 8 in place of 7'),
    ({'reference': 'first'}, "reference='first'.* in place of .*'mixed'"),
    ({'shuffle': False}, 'found shuffle False in place of True'),
  ],
)
def test_state_of_other_batches_is_refused(folder, change, named):
  state = _create(folder).state()
  with pytest.raises(errors.InputError, match=named):
    _create(folder, **change).restore(state)


def test_state_is_saved_and_restored_by_orbax(folder, tmp_path):
  made = _create(folder)
  _take(made, 3)
  with ocp.CheckpointManager(tmp_path) as manager:
    save = ocp.args.Composite(
      data=grain.checkpoint.CheckpointSave(made),
      state=ocp.args.JsonSave(made.state()),
    )
    manager.save(3, args=save)
    manager.wait_until_finished()
    wanted = _take(made, 3)
    other, third = _create(folder, threads=1), _create(folder)
    restore = ocp.args.Composite(
      data=grain.checkpoint.CheckpointRestore(other),
      state=ocp.args.JsonRestore(),
    )
    third.restore(manager.restore(3, args=restore)['state'])
  _same(_take(other, 3), wanted)
  _same(_take(third, 3), wanted)


def test_speakers_are_sampled_alike_however_many_clips_they_have(folder):
  made = _create(folder, sampling='speakers', batch_size=3)
  assert made.num_examples == 3
  # Clips 0-2 are Anna's, 3-7 Bert's, 8-11 Cleo's.
  owners = np.repeat(['anna', 'bert', 'cleo'], [3, 5, 4])
  found = [_clips([batch]) for batch in _take(made, 30)]
  for clips in found:
    assert len({owners[int(c)] for c in clips}) == 3
  assert len(set(itertools.chain(*found))) == CLIPS


def test_one_clip_fills_batches(tmp_path):
  random_records.write(tmp_path, {'train': {'anna': 1}})
  made = _create(tmp_path, batch_size=6)
  assert _clips(_take(made, 2)) == [0.0] * 12
