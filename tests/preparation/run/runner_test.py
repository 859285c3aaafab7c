import pytest

from sadtalker_jax import errors
from sadtalker_jax.preparation import options, parts
from sadtalker_jax.preparation.input import video_files
from sadtalker_jax.preparation.run import runner
from tests.preparation import workers


def tasks(folder, *names):
  return [
    runner.VideoTask(
      video_files.VideoSource('', n, 's', n, '0'), folder / f'{n}.part'
    )
    for n in names
  ]


def run(todo, *, worker=workers.act, timeout_s=60.0, count=1):
  return list(
    runner.run(
      todo,
      options.PreparationOptions(),
      workers=count,
      timeout_s=timeout_s,
      worker=worker,
    )
  )


def test_worker_that_dies_takes_no_other_video_with_it(tmp_path):
  todo = tasks(tmp_path, 'a', 'dies', 'b')
  done = run(todo)
  assert {d.task for d in done} == set(todo)
  found = {d.task.source.name: d.summary.rejects[0] for d in done}
  assert found['dies'].reason == 'crashed'
  assert 'SIGSEGV' in found['dies'].detail
  assert (tmp_path / 'dies.tried').read_text() == '..'  # not its fault, perhaps
  for task in todo:
    assert parts.read_summary(task.target).source == task.source.name


def test_worker_without_progress_is_given_up_and_a_slow_one_is_not(tmp_path):
  done = run(tasks(tmp_path, 'slow', 'hangs'), timeout_s=2.0, count=2)
  found = {d.task.source.name: d.summary.rejects[0].reason for d in done}
  assert found == {'slow': 'no_face', 'hangs': 'timeout'}


def test_full_disk_ends_the_run(tmp_path):
  with pytest.raises(errors.InputError, match='no room'):
    run(tasks(tmp_path, 'full', 'a'))


def test_worker_that_cannot_start_ends_the_run(tmp_path):
  with pytest.raises(errors.InputError, match='exit code 3'):
    run(tasks(tmp_path, 'a'), worker=workers.stillborn)
