"""Runs, records and bundles in an object store: that of fsspec's memory."""

import fsspec
import jax
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import download
from sadtalker_jax.cli import prepare_flags
from sadtalker_jax.stores import fetching, mirroring
from sadtalker_jax.training import data, loop, sharding
from tests.training import fakes

URL = 'memory://bucket/run'


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
  """An empty store, and a cache of its own."""
  monkeypatch.setenv('SADTALKER_CACHE', str(tmp_path / 'cache'))
  memory = fsspec.filesystem('memory')
  memory.store.clear()
  yield memory
  memory.store.clear()


def _train(path, **changes):
  mesh = sharding.make_mesh({'data': 8, 'fsdp': 1, 'model': 1})
  with mirroring.mirrored(path) as folder:
    batches = fakes.Counted(sharding.of_batch(mesh))
    feeds = data.Feeds(batches)
    plan = fakes.plan(eval_every=0, keep_best=0, summarise_every=0, **changes)
    return loop.run(fakes.FourNumbers(), plan, folder, feeds, mesh, {'a': 1})


def test_a_run_goes_on_from_a_store_and_ends_as_a_local_one(store, tmp_path):
  local = _train(str(tmp_path / 'run'))
  _train(URL, steps=4)
  # A kill while the checkpoint of step 4 is on its way: it is not said to be
  # whole, and a machine that has never seen the run goes on from step 2.
  store.rm_file('/bucket/run/complete/4.json')
  mirroring.run_folder(URL).rename(tmp_path / 'gone')
  again = _train(URL)
  for a, b in zip(
    jax.tree.leaves(local.state), jax.tree.leaves(again.state), strict=True
  ):
    np.testing.assert_array_equal(a, b)
  kept = {name.split('/')[4] for name in store.find('/bucket/run/checkpoints')}
  steps = {name.split('/')[-1] for name in store.find('/bucket/run/complete')}
  assert kept == {'4', '6'} and steps == {'4.json', '6.json'}
  figures = (tmp_path / 'run' / 'metrics.jsonl').read_text().count('\n')
  stored = store.cat_file('/bucket/run/metrics.jsonl').decode()
  assert stored.count('\n') == figures
  folder = mirroring.fetch_run(URL)
  assert (folder / 'checkpoints' / '6').is_dir()


def test_what_the_store_does_not_hold_whole_is_no_checkpoint(store):
  with mirroring.mirrored(URL) as folder:
    for step in ('2', '4'):
      (folder / 'checkpoints' / step).mkdir(parents=True)
      (folder / 'checkpoints' / step / 'array').write_text(step * 9)
  store.pipe_file('/bucket/run/checkpoints/4/array', b'4')  # cut short
  with mirroring.mirrored(URL) as folder:
    assert [p.name for p in (folder / 'checkpoints').iterdir()] == ['2']
    with pytest.raises(errors.InputError, match='no other run'):
      with mirroring.mirrored(URL):
        pass


def test_what_the_store_never_got_is_put_aside(store, monkeypatch):
  def refused(*_):
    raise OSError('no space')

  with monkeypatch.context() as broken:
    with pytest.raises(errors.InputError, match='no space; the run lies in '):
      with mirroring.mirrored(URL) as folder:
        broken.setattr(store, 'put_file', refused)
        (folder / 'checkpoints' / '2').mkdir(parents=True)
        (folder / 'checkpoints' / '2' / 'array').write_text('2')
  with mirroring.mirrored(URL) as folder:
    assert not list(folder.iterdir())
  (kept,) = folder.parent.glob(f'{folder.name}-*')
  assert (kept / 'checkpoints' / '2' / 'array').read_text() == '2'


def test_a_copy_follows_the_store(store):
  url = 'memory://bucket/records'
  with pytest.raises(errors.InputError, match='found nothing there'):
    fetching.fetch(url)
  store.pipe_file('/bucket/records/clips/a', b'one')
  store.pipe_file('/bucket/records/b', b'two')
  folder = download.folder(url)
  assert (folder / 'clips' / 'a').read_bytes() == b'one'
  store.rm_file('/bucket/records/b')
  store.pipe_file('/bucket/records/clips/a', b'three')
  assert download.folder(url) == folder and not (folder / 'b').exists()
  assert (folder / 'clips' / 'a').read_bytes() == b'three'


def test_a_finished_folder_is_put_there_once(store, tmp_path):
  (tmp_path / 'card.json').write_text('{}')
  fetching.upload(tmp_path, 'memory://bucket/mine')
  assert store.cat_file('/bucket/mine/card.json') == b'{}'
  with pytest.raises(errors.InputError, match='nothing there'):
    fetching.upload(tmp_path, 'memory://bucket/mine')


def test_paths_of_stores_are_known_and_bad_ones_told():
  assert fetching.is_remote('s3://bucket/x') and fetching.is_remote('gs://b/x')
  assert not any(map(fetching.is_remote, ('hf://a/b', '/a/b', 'a:b', 'c.py:d')))
  with pytest.raises(errors.InputError, match='nowhere://x: expected a store'):
    fetching.fetch('nowhere://x')


def test_records_are_not_prepared_into_a_store(capsys):
  with pytest.raises(SystemExit) as caught:
    prepare_flags.parser('').parse_args(['--output', 's3://bucket/records'])
  assert caught.value.code == 2
  assert 'expected a path of this machine' in capsys.readouterr().err
