"""A test made into jobs of the renderer."""

import json

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.evaluation import generation, protocol
from sadtalker_jax.inference.batch import manifest
from sadtalker_jax.media import audio, video
from tests.evaluation import stubs

T = 40


@pytest.fixture
def videos(tmp_path):
  good = stubs.write(
    tmp_path / 'in/s1/a.mp4', stubs.frames(60), stubs.sound(60)
  )
  mute = stubs.write(tmp_path / 'in/b.mp4', stubs.frames(T))
  return {'s1/a': good, 'b': mute}


def prepare(videos, tmp_path, **options):
  rules = protocol.Protocol(size=256, seconds=T / 25)
  return generation.prepare(
    videos,
    rules,
    tmp_path / 'test',
    landmarker=stubs.Landmarker(),
    options=options,
  )


def test_clips_are_cut_and_listed_as_jobs(videos, tmp_path):
  left_out = prepare(videos, tmp_path, seed=3)
  assert [(f.name, f.reason) for f in left_out] == [('b', 'no sound')]
  real = tmp_path / 'test/real/s1/a.mp4'
  info = video.probe(real)
  assert info.size == (256, 256) and info.num_frames == T and info.fps == 25
  wave = audio.load(real)
  likeness = np.corrcoef(wave[: 640 * T], stubs.sound(60)[: 640 * T])[0, 1]
  assert likeness > 0.9  # AAC
  (job,) = manifest.read(tmp_path / 'test/manifest.jsonl')
  assert job.image == job.audio == real
  assert job.output == tmp_path / 'test/generated/s1/a.mp4'
  assert job.output.parent.is_dir()
  assert job.options.preprocess == 'resize' and job.options.size == 256
  assert job.options.seed == 3


def test_clips_that_are_there_are_kept(videos, tmp_path):
  prepare(videos, tmp_path)
  real = tmp_path / 'test/real/s1/a.mp4'
  before = real.stat().st_mtime_ns
  prepare(videos, tmp_path)
  assert real.stat().st_mtime_ns == before


def test_options_reach_every_job(videos, tmp_path):
  prepare(videos, tmp_path, preprocess='full', still=True)
  text = (tmp_path / 'test/manifest.jsonl').read_text()
  job = json.loads(text)
  assert job['preprocess'] == 'full' and job['still'] is True


def test_folder_that_cannot_be_made_is_refused(videos, tmp_path):
  (tmp_path / 'test').touch()
  with pytest.raises(errors.InputError, match='folder'):
    prepare(videos, tmp_path)
