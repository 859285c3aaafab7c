import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards, download
from tests.checkpoints import hub as hub_lib

_FETCH = """
import sys
from sadtalker_jax import errors
from sadtalker_jax.checkpoints import download
try:
  print(download.fetch(sys.argv[1]))
except errors.InputError as error:
  sys.exit(str(error))
"""
BIG = 'networks/some/d/big'


@pytest.fixture(scope='module')
def bundle(tmp_path_factory) -> pathlib.Path:
  """A bundle whose network is noise; nobody reads it."""
  folder = tmp_path_factory.mktemp('hub') / 'bundle'
  (folder / BIG).parent.mkdir(parents=True)
  # The client keeps what it has of a broken download in steps of 10 MiB.
  (folder / BIG).write_bytes(np.random.default_rng(0).bytes(12 << 20))
  (folder / 'networks/some/_METADATA').write_text('{}')
  bundles.seal(
    folder,
    size=None,
    networks={'some': cards.NetworkEntry({}, 1, ())},
    sources=(),
    versions={},
    licence='',
  )
  (folder / 'README.md').write_text('not needed')
  return folder


def _fetch(name, home, url, **env) -> subprocess.CompletedProcess[str]:
  # The client reads its settings once, when it is imported.
  clean = {k: v for k, v in os.environ.items() if not k.startswith('HF_')}
  return subprocess.run(
    [sys.executable, '-c', _FETCH, name],
    env={
      **clean,
      'HF_HOME': str(home),
      'HF_ENDPOINT': url,
      'HF_HUB_DISABLE_PROGRESS_BARS': '1',
      'HF_HUB_DISABLE_TELEMETRY': '1',
      **env,
    },
    capture_output=True,
    text=True,
    timeout=120,
  )


def _name(revision: str = '') -> str:
  return f'hf://{hub_lib.REPOSITORY}{revision}'


def _folder(result) -> pathlib.Path:
  assert result.returncode == 0, result.stderr
  return pathlib.Path(result.stdout.strip())


def test_broken_download_goes_on_and_is_found_offline(bundle, tmp_path):
  with hub_lib.serving(bundle) as hub:
    hub.piece = 11 << 20
    folder = _folder(_fetch(_name(), tmp_path, hub.url))
    ranges = [wanted for name, wanted in hub.gets if name == BIG]
    assert ranges[0] == ''
    assert [int(r[6:-1]) > 0 for r in ranges[1:]] == [True], ranges
    bundles.verify(folder, cards.read(folder))
    assert not (folder / 'README.md').exists()
    # What is here is not fetched again.
    count = len(hub.gets)
    again = _fetch(_name(f'@{hub_lib.COMMIT}'), tmp_path, hub.url)
    assert _folder(again) == folder
    assert len(hub.gets) == count
    url = hub.url
  offline = _fetch(_name(), tmp_path, url, HF_HUB_OFFLINE='1')
  assert _folder(offline) == folder
  # Without the variable too, as the server is gone.
  assert _folder(_fetch(_name(), tmp_path, url)) == folder


def test_failed_download_keeps_what_it_has(bundle, tmp_path):
  with hub_lib.serving(bundle) as hub:
    hub.refused = {BIG}
    failed = _fetch(_name(), tmp_path, hub.url)
    assert failed.returncode == 1
    assert 'cannot be had from the Hugging Face Hub' in failed.stderr
    hub.refused.clear()
    hub.gets.clear()
    folder = _folder(_fetch(_name(), tmp_path, hub.url))
    assert {name for name, _ in hub.gets} == {BIG}
  bundles.verify(folder, cards.read(folder))


def test_unknown_repository_is_refused(bundle, tmp_path):
  with hub_lib.serving(bundle) as hub:
    result = _fetch('hf://someone/else', tmp_path, hub.url)
  assert result.returncode == 1
  assert "'hf://someone/else' cannot be had" in result.stderr


def test_nothing_in_the_cache_is_refused_offline(tmp_path):
  result = _fetch(_name(), tmp_path, 'http://127.0.0.1:9', HF_HUB_OFFLINE='1')
  assert result.returncode == 1
  assert 'cannot be had from the Hugging Face Hub' in result.stderr


@pytest.mark.parametrize(
  'name', ['hf://', 'hf://owner', 'hf://a/b/c', 'hf://a/b@']
)
def test_other_names_are_refused(name):
  with pytest.raises(errors.InputError, match='expected .hf://owner/repo'):
    download.fetch(name)
