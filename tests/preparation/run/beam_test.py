"""The pipeline runs the function of the local pool."""

import warnings

import pytest

from sadtalker_jax.preparation import options, parts
from sadtalker_jax.preparation.input import video_files
from sadtalker_jax.preparation.run import runner

# Beam and its libraries warn about one another.
pytestmark = pytest.mark.filterwarnings('ignore')
with warnings.catch_warnings():
  warnings.simplefilter('ignore')
  pytest.importorskip('apache_beam')


def test_pipeline_writes_the_parts_and_leaves_those_that_are_there(tmp_path):
  from sadtalker_jax.preparation.run import beam

  todo = []
  for name in ('a', 'b'):
    path = tmp_path / f'{name}.mp4'
    path.write_text('no film')
    source = video_files.VideoSource(str(path), name, name, name, '0')
    todo.append(runner.VideoTask(source, tmp_path / f'{name}.part'))
  arguments = ['--runner=DirectRunner']
  beam.run(todo, options.PreparationOptions(), arguments)
  before = [task.target.stat().st_mtime_ns for task in todo]
  for task in todo:
    (reject,) = parts.read_summary(task.target).rejects
    assert reject.reason == 'unreadable'
  beam.run(todo, options.PreparationOptions(), arguments)
  assert [task.target.stat().st_mtime_ns for task in todo] == before
