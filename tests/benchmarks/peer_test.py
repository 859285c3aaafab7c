"""The published modules are run from a checkout, here from a made-up one."""

import sys
import types

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.benchmarks.accelerator import peer, plan, record
from sadtalker_jax.cli import bench

_MODULES = {
  'generator': 'OcclusionAwareSPADEGenerator',
  'keypoint_detector': 'KPDetector',
  'mapping': 'MappingNet',
}
_NETWORK = """
class {name}:
  def __init__(self, **fields):
    assert fields.pop('own') == '{file}'
    assert fields == ({{}} if '{file}' == 'mapping' else {{'num_kp': 15}})
  def to(self, device):
    return self
  def eval(self):
    return self
"""
_LOOP = """
import numpy as np
def make_animation(picture, window, windows, generator, detector, he, mapping):
  names = [type(x).__name__ for x in (generator, detector, he, mapping)]
  assert names == [
    'OcclusionAwareSPADEGenerator', 'KPDetector', 'NoneType', 'MappingNet']
  assert window.shape == (2, 70, 27) and windows.shape[2:] == (70, 27)
  return np.stack([picture] * {frames}, axis=1)
"""


class _Tensor(np.ndarray):
  def to(self, device):
    assert device == 'cpu'
    return self


class _NoGrad:
  __enter__ = __exit__ = lambda *unused: None


def _torch():
  module = types.ModuleType('torch')
  module.__version__ = '0'
  module.cuda = types.SimpleNamespace(is_available=lambda: False)
  module.no_grad = _NoGrad
  module.from_numpy = lambda array: array.view(_Tensor)
  return module


def _checkout(folder, frames):
  modules = folder / 'src' / 'facerender' / 'modules'
  modules.mkdir(parents=True)
  for file, name in _MODULES.items():
    code = _NETWORK.format(name=name, file=file)
    (modules / f'{file}.py').write_text(code)
  (modules / 'make_animation.py').write_text(_LOOP.format(frames=frames))
  (folder / 'src' / 'config').mkdir()
  (folder / 'src' / 'config' / 'facerender.yaml').write_text(
    'model_params:\n'
    '  common_params: {num_kp: 15}\n'
    '  generator_params: {own: generator}\n'
    '  kp_detector_params: {own: keypoint_detector}\n'
    '  mapping_params: {own: mapping}\n'
  )
  return folder


@pytest.fixture
def as_in_a_child(monkeypatch):
  monkeypatch.setitem(sys.modules, 'torch', _torch())
  monkeypatch.setattr(sys, 'path', [*sys.path])
  yield
  for name in [n for n in sys.modules if n.partition('.')[0] == 'src']:
    del sys.modules[name]


@pytest.mark.parametrize(('frames', 'state'), [(4, 'done'), (3, 'failed')])
def test_the_loop_of_a_checkout_is_timed(
  tmp_path, as_in_a_child, frames, state
):
  assert plan.SMALL.frames == 4
  folder = _checkout(tmp_path, frames)
  peer.check(folder)
  kept = record.Record(tmp_path / 'found.json', peer=folder)
  peer.measure(kept, plan.SMALL)
  kept.end('done')
  assert kept.content['state'] == state
  assert kept.content['torch_device'] == 'cpu'
  found = kept.content
  assert found['frames_per_second'] == pytest.approx(8 / found['call_seconds'])


def test_a_folder_that_is_no_checkout_is_one_line(tmp_path, capsys):
  out = tmp_path / 'out'
  flags = ['--out', str(out), '--peer', str(tmp_path)]
  assert bench.main(['accelerator', *flags]) == 2
  said = capsys.readouterr().err
  assert '--peer: expected a checkout' in said and said.count('\n') == 1
  assert not out.exists()
  folder = _checkout(tmp_path / 'checkout', 1)
  (folder / 'src' / 'facerender' / 'modules' / 'mapping.py').unlink()
  with pytest.raises(errors.InputError, match=r'without .*mapping\.py'):
    peer.check(folder)


def test_without_a_checkout_the_item_says_so(tmp_path):
  with pytest.raises(record.Skipped, match='--peer CHECKOUT'):
    peer.measure(record.Record(tmp_path / 'found.json'), plan.SMALL)
