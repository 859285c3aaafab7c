"""Manifests in object stores: that of fsspec's memory, and Beam where it is."""

import dataclasses
import json
import warnings
import wave

import fsspec
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.cli import animate
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.batch import elsewhere, jobs

_BASE = 'memory://bucket/films'


@pytest.fixture
def store(tmp_path):
  """A store with a portrait and two sounds of three frames."""
  memory = fsspec.filesystem('memory')
  memory.store.clear()
  memory.put_file(str(bundle.SAMPLE_PORTRAIT), '/bucket/films/a.png')
  for name, hertz in (('a', 150), ('b', 190)):
    path = tmp_path / f'{name}.wav'
    with wave.open(str(path), 'wb') as file:
      file.setnchannels(1)
      file.setsampwidth(2)
      file.setframerate(16000)
      waves = np.sin(2 * np.pi * hertz * np.arange(1920) / 16000)
      file.writeframes((9000 * waves).astype('<i2').tobytes())
  memory.put_file(str(tmp_path / 'a.wav'), '/bucket/other/a.wav')
  yield memory
  memory.store.clear()


def _manifest(store, *lines: dict) -> str:
  text = '\n\n'.join(json.dumps(line) for line in lines)
  store.pipe_file('/bucket/films/jobs.jsonl', text.encode())
  return f'{_BASE}/jobs.jsonl'


def _work(notes: str) -> elsewhere.Work:
  return elsewhere.Work(
    'default', 'float32', options_lib.Options(), 4, False, notes
  )


def test_files_come_from_a_store_and_go_to_one(store, tmp_path, monkeypatch):
  monkeypatch.setenv('SOURCE_DATE_EPOCH', '1700000000')
  lines = [
    {'image': 'a.png', 'audio': 'memory://bucket/other/a.wav',
     'output': 'made/a.mp4', 'seed': 1},
    {'image': 'a.png', 'audio': str(tmp_path / 'b.wav'),
     'output': str(tmp_path / 'b.mp4')},
    {'image': 'a.png', 'audio': 'none.wav', 'output': 'made/c.mp4'},
  ]  # fmt: skip
  assert animate.main(['--manifest', _manifest(store, *lines)]) == 1
  made = store.cat_file('/bucket/films/made/a.mp4')
  path = f'{_BASE}/jobs.jsonl.summary.json'.removeprefix('memory:/')
  found = json.loads(store.cat_file(path))['jobs']
  assert [job['status'] for job in found] == ['done', 'done', 'failed']
  assert [job['line'] for job in found] == [1, 3, 5]
  assert found[0]['output'] == f'{_BASE}/made/a.mp4'
  assert found[2]['error'] == (f'{_BASE}/none.wav: expected a file, found none')
  # The same bytes as of local files.
  here = tmp_path / 'here.jsonl'
  line = lines[0] | {
    'image': str(bundle.SAMPLE_PORTRAIT), 'audio': 'a.wav', 'output': 'a.mp4',
  }  # fmt: skip
  here.write_text(json.dumps(line))
  (done,) = jobs.run_jobs(elsewhere.Maker(_work(''))._animator, here)
  assert done.status == 'done'
  assert (tmp_path / 'a.mp4').read_bytes() == made
  # Nothing else is left, and what is there is left alone.
  names = {name for name in store.find('/bucket') if 'made' in name}
  assert names == {'/bucket/films/made/a.mp4'}
  assert not [name for name in store.find('/bucket') if 'notes' in name]
  groups = elsewhere.read(f'{_BASE}/jobs.jsonl', options_lib.Options(), 2)
  maker = elsewhere.Maker(_work('memory://bucket/notes'))
  for group in groups:
    maker.make(group)
  again = list(elsewhere.results_of(groups, 'memory://bucket/notes'))
  assert [result.status for result in again] == ['skipped', 'skipped', 'failed']


def test_all_faults_of_a_manifest_elsewhere_are_named_at_once(store):
  good = {'image': 'a.png', 'audio': 'a.wav', 'output': 'a.mp4'}
  path = _manifest(
    store,
    good,
    good | {'output': f'{_BASE}/a.mp4'},
    good | {'seed': 'x', 'output': 'b.mp4'},
    {'image': 3},
  )
  with pytest.raises(errors.InputError) as found:
    elsewhere.read(path, options_lib.Options())
  text = str(found.value)
  assert text.startswith(f'{path}: line 3: output: expected a file of its own')
  assert 'line 5: seed' in text and 'line 7: image' in text
  with pytest.raises(errors.InputError, match='expected a file, found none'):
    elsewhere.read('memory://bucket/none', options_lib.Options())


@pytest.mark.filterwarnings('ignore')  # Beam and its libraries warn
def test_beam_makes_the_groups(tmp_path, monkeypatch):
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    pytest.importorskip('apache_beam')
  from sadtalker_jax.inference.batch import beam

  class Maker:
    def __init__(self, work):
      self.work = work

    def make(self, group):
      results = [
        jobs.JobResult(number, text, 'done', 1, 0.0)
        for number, text in group.lines
      ]
      facts = json.dumps([dataclasses.asdict(result) for result in results])
      (tmp_path / f'{group.lines[0][0]}.json').write_text(facts)
      return results

  monkeypatch.setattr(elsewhere, 'Maker', Maker)
  groups = [
    elsewhere.Group('.', ((1, 'a'), (2, 'b'))),
    elsewhere.Group('.', ((5, 'c'),)),
  ]
  beam.run(groups, _work(str(tmp_path)), ['--runner=DirectRunner'])
  found = list(elsewhere.results_of(groups, str(tmp_path)))
  assert [result.output for result in found] == ['a', 'b', 'c']
