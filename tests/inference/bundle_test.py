import pathlib
import subprocess
import sys

import numpy as np
import pytest

import sadtalker_jax
from sadtalker_jax import errors
from sadtalker_jax.models import zoo
from tests.checkpoints import hub as hub_lib
from tests.checkpoints import made


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> pathlib.Path:
  """A bundle with a small MappingNet."""
  path = tmp_path_factory.mktemp('bundles') / 'bundle'
  config = {'features': 8}
  weights = {'mapping': zoo.noise('mapping', **config)}
  return made.bundle(path, weights, {'mapping': config}, size=512)


def test_default_bundle_has_the_networks_of_motion_alone():
  bundle = sadtalker_jax.load()
  assert bundle is sadtalker_jax.load('default')
  assert bundle.ships and bundle.number == 1
  assert bundle.has('expnet') and not bundle.has('mapping')
  with pytest.raises(errors.InputError, match="'default', found expnet, pose"):
    bundle.variables('mapping')
  with pytest.raises(errors.InputError, match='a neural renderer'):
    _ = bundle.size


def test_converted_bundle_gives_its_networks(folder):
  bundle = sadtalker_jax.load(str(folder))
  assert bundle.name == str(folder)
  assert bundle.size == 512
  assert bundle.has('mapping') and not bundle.has('generator')
  found = bundle.variables('mapping')
  assert bundle.variables('mapping') is found
  expected = zoo.noise('mapping', features=8)
  np.testing.assert_array_equal(
    found['params']['first']['kernel'], expected['params']['first']['kernel']
  )
  with pytest.raises(errors.InputError, match='found mapping'):
    bundle.variables('generator')
  default = sadtalker_jax.load()
  assert bundle.detector is default.detector
  assert not default.has('mapping')


def test_changed_bundle_is_refused_before_anything_is_read(folder, tmp_path):
  copy = tmp_path / 'copy'
  copy.mkdir()
  for path in folder.rglob('*'):
    if path.is_file():
      target = copy / path.relative_to(folder)
      target.parent.mkdir(parents=True, exist_ok=True)
      target.write_bytes(path.read_bytes())
  sadtalker_jax.load(copy)
  (copy / 'networks/mapping/_METADATA').write_text('{}')
  with pytest.raises(errors.InputError, match='damaged or was changed'):
    sadtalker_jax.load(copy)


def test_unknown_bundles_are_refused(tmp_path):
  for name in ('nothing', tmp_path, 'a/b/c', '/owner/repo', 'owner/'):
    with pytest.raises(errors.InputError, match=f"found '{name}'"):
      sadtalker_jax.load(name)
  with pytest.raises(errors.InputError, match='hf://owner/repo'):
    sadtalker_jax.load('hf://nothing')


def test_saved_bundles_are_loaded_again(folder, tmp_path):
  animator = sadtalker_jax.Animator.from_pretrained(folder)
  copy = animator.save_pretrained(tmp_path / 'copy')
  assert sadtalker_jax.load(copy).card == sadtalker_jax.load(folder).card
  with pytest.raises(errors.InputError, match='something there'):
    animator.save_pretrained(copy)
  # The networks that ship are those of any bundle then, and no longer "ship".
  sadtalker_jax.Animator().save_pretrained(tmp_path / 'shipped')
  bundle = sadtalker_jax.load(tmp_path / 'shipped')
  assert bundle.has('posevae') and bundle.basis == 'makehuman'
  assert not bundle.ships and bundle.number > 1


@pytest.mark.parametrize('prefix', ['', 'hf://'])
def test_bundle_of_the_hub_is_loaded_by_name(folder, tmp_path, prefix):
  code = (
    'import sys, sadtalker_jax\n'
    'bundle = sadtalker_jax.load(sys.argv[1])\n'
    "print(bundle.size, len(bundle.variables('mapping')['params']))"
  )
  with hub_lib.serving(folder) as hub:
    # The client reads its settings once, when it is imported.
    result = subprocess.run(
      [sys.executable, '-c', code, prefix + hub_lib.REPOSITORY],
      env={
        'PATH': '',
        'JAX_PLATFORMS': 'cpu',
        'HF_HOME': str(tmp_path),
        'HF_ENDPOINT': hub.url,
        'HF_HUB_DISABLE_PROGRESS_BARS': '1',
      },
      capture_output=True,
      text=True,
      timeout=300,
    )
  assert result.returncode == 0, result.stderr
  assert result.stdout.split()[0] == '512'
