import os
import pathlib
import pickle
import sys

import numpy as np
import pytest
import safetensors.numpy

from sadtalker_jax import errors
from sadtalker_jax.conversion import torch_files

_ARRAY = np.arange(12, dtype=np.float32).reshape(3, 4)


class _Trap:
  """Makes a folder when it is read by a careless reader."""

  def __init__(self, path: pathlib.Path):
    self._path = path

  def __reduce__(self):
    return os.mkdir, (str(self._path),)


@pytest.fixture
def torch():
  return pytest.importorskip('torch')


def test_safetensors_are_read_without_torch(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'torch', None)
  path = tmp_path / 'some.safetensors'
  safetensors.numpy.save_file({'a.weight': _ARRAY}, path)
  tensors = torch_files.read(path)
  assert list(tensors) == ['a.weight']
  np.testing.assert_array_equal(tensors['a.weight'], _ARRAY)


def test_missing_torch_names_the_extra(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'torch', None)
  path = tmp_path / 'some.pth'
  path.write_bytes(b'PK\x03\x04 and more')
  with pytest.raises(errors.InputError, match=r'sadtalker-jax\[convert\]'):
    torch_files.read(path)


@pytest.mark.parametrize('is_zip', [True, False])
def test_nested_names_are_joined(torch, tmp_path, is_zip):
  path = tmp_path / 'some.pth.tar'
  content = {
    'model': {'fc.weight': torch.from_numpy(_ARRAY)},
    'epoch': 3,
    'best': np.float64(0.5),
    'optimizer': {'state': {0: {'step': 1}}, 'param_groups': [{'lr': 0.1}]},
  }
  torch.save(content, path, _use_new_zipfile_serialization=is_zip)
  tensors = torch_files.read(path)
  assert list(tensors) == ['model.fc.weight']
  np.testing.assert_array_equal(tensors['model.fc.weight'], _ARRAY)
  assert tensors.others == {
    'epoch': 'int',
    'best': 'float64',
    'optimizer.state': 'dict',
    'optimizer.param_groups': 'list',
  }


@pytest.mark.parametrize('kind', ['zip', 'old', 'pickle'])
def test_code_in_a_pickle_is_refused_and_never_runs(torch, tmp_path, kind):
  path, trace = tmp_path / 'some.pth', tmp_path / 'ran'
  content = {'model': _Trap(trace)}
  if kind == 'pickle':
    path.write_bytes(pickle.dumps(content, protocol=2))
  else:
    torch.save(content, path, _use_new_zipfile_serialization=kind == 'zip')
  with pytest.raises(errors.InputError, match='some.pth: .*tensors alone') as e:
    torch_files.read(path)
  assert not trace.exists()
  assert len(str(e.value)) < 300
  if kind != 'pickle':
    assert 'found code: posix.mkdir' in str(e.value)


@pytest.mark.parametrize('is_zip', [True, False])
@pytest.mark.parametrize('share', [0.5, 0.98])
def test_truncated_file_is_refused(torch, tmp_path, is_zip, share):
  path = tmp_path / 'some.pth'
  torch.save(
    {'a': torch.zeros(5000)}, path, _use_new_zipfile_serialization=is_zip
  )
  whole = path.read_bytes()
  path.write_bytes(whole[: int(len(whole) * share)])
  with pytest.raises(errors.InputError, match='some.pth: truncated'):
    torch_files.read(path)


@pytest.mark.parametrize('share', [0.02, 0.98])
def test_truncated_safetensors_are_refused(tmp_path, share):
  path = tmp_path / 'some.safetensors'
  safetensors.numpy.save_file({'a': np.zeros(5000, np.float32)}, path)
  whole = path.read_bytes()
  path.write_bytes(whole[: int(len(whole) * share)])
  with pytest.raises(errors.InputError, match='some.safetensors: truncated'):
    torch_files.read(path)


@pytest.mark.parametrize('content', [b'', b'<html>Not found</html>'])
def test_other_files_are_refused(tmp_path, content):
  path = tmp_path / 'some.pth'
  path.write_bytes(content)
  with pytest.raises(errors.InputError, match='expected a PyTorch or safe'):
    torch_files.read(path)


def test_missing_file_is_refused(tmp_path):
  with pytest.raises(errors.InputError, match='nothing.pth: expected a file'):
    torch_files.read(tmp_path / 'nothing.pth')


def test_whole_modules_and_lists_are_refused(torch, tmp_path):
  path = tmp_path / 'some.pth'
  torch.save(torch.nn.Linear(2, 2), path)
  with pytest.raises(errors.InputError, match='found code: torch.nn'):
    torch_files.read(path)
  torch.save([1, 2], path)
  with pytest.raises(errors.InputError, match='expected named tensors'):
    torch_files.read(path)


def test_types_that_numpy_lacks_are_refused(torch, tmp_path):
  path = tmp_path / 'some.pth'
  torch.save({'a': torch.zeros(3, dtype=torch.bfloat16)}, path)
  tensors = torch_files.read(path)
  with pytest.raises(errors.InputError, match='a cannot be read.*BFloat16'):
    tensors['a']


def test_written_file_reads_back(tmp_path):
  path = tmp_path / 'some.safetensors'
  torch_files.write_safetensors(path, {'a': _ARRAY})
  np.testing.assert_array_equal(torch_files.read(path)['a'], _ARRAY)
  assert list(tmp_path.iterdir()) == [path]


def test_unwritable_path_is_refused(tmp_path):
  with pytest.raises(errors.InputError, match='can be written'):
    torch_files.write_safetensors(tmp_path / 'no' / 'a.safetensors', {})
