"""A run and a bundle in s3:// and gs://, against servers of these machines.

For want of a bucket: moto is a stand-in for Amazon's, gcp-storage-emulator for
Google's. Both are installed by hand (`pip install moto[server] s3fs`, `pip
install gcp-storage-emulator gcsfs`); without, there is nothing to test here.
"""

import socket

import fsspec
import jax
import numpy as np
import pytest

from sadtalker_jax.stores import fetching, mirroring
from tests.stores import mirroring_test

pytestmark = pytest.mark.filterwarnings('ignore')  # of both servers' packages


def _free_port():
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    return free.getsockname()[1]


def _amazon(monkeypatch):
  pytest.importorskip('s3fs')
  server = pytest.importorskip('moto.server')
  port = _free_port()
  running = server.ThreadedMotoServer(port=port, verbose=False)
  running.start()
  monkeypatch.setenv('AWS_ENDPOINT_URL', f'http://127.0.0.1:{port}')
  for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'):
    monkeypatch.setenv(name, 'any')
  monkeypatch.setenv('AWS_DEFAULT_REGION', 'us-east-1')
  return running


def _google(monkeypatch):
  pytest.importorskip('gcsfs')
  server = pytest.importorskip('gcp_storage_emulator.server')
  port = _free_port()
  running = server.create_server('127.0.0.1', port, in_memory=True)
  running.start()
  monkeypatch.setenv('STORAGE_EMULATOR_HOST', f'http://127.0.0.1:{port}')
  monkeypatch.setenv('GOOGLE_CLOUD_PROJECT', 'any')
  return running


@pytest.fixture(params=['s3', 'gs'])
def url(request, tmp_path, monkeypatch):
  """A run's folder in a bucket of a server that runs here."""
  monkeypatch.setenv('SADTALKER_CACHE', str(tmp_path / 'cache'))
  server = {'s3': _amazon, 'gs': _google}[request.param](monkeypatch)
  fsspec.get_filesystem_class(request.param).clear_instance_cache()
  fsspec.filesystem(request.param).mkdir('bucket')
  yield f'{request.param}://bucket/run'
  server.stop()


def test_a_run_goes_on_from_the_store_as_a_local_one_does(url, tmp_path):
  local = mirroring_test._train(str(tmp_path / 'run'))
  mirroring_test._train(url, steps=4)
  mirroring.run_folder(url).rename(tmp_path / 'gone')  # as on another machine
  again = mirroring_test._train(url)
  for a, b in zip(
    jax.tree.leaves(local.state), jax.tree.leaves(again.state), strict=True
  ):
    np.testing.assert_array_equal(a, b)
  mirroring.run_folder(url).rename(tmp_path / 'gone_again')
  folder = mirroring.fetch_run(url)
  assert {p.name for p in (folder / 'checkpoints').iterdir()} >= {'4', '6'}
  store, path = fetching.system(url)
  assert store.exists(f'{path}/complete/6.json')
