"""Settings of jax under which the package computes, whatever the caller's are.

A process may work in 64 bits or forbid promotion of types; the package's
programs are written, tested and compiled for jax's defaults. Programs set them
for good (`enforce`), the library only while it computes (`standard`, `each`).
"""

from collections.abc import Iterable, Iterator
import contextlib
import importlib
import os
import sys
from typing import TypeVar

from absl import logging

from sadtalker_jax import errors

_Item = TypeVar('_Item')

_DEFAULTS: dict[str, bool | str] = {
  'jax_enable_x64': False,
  'jax_numpy_dtype_promotion': 'standard',
  'jax_numpy_rank_promotion': 'allow',
}


def enforce() -> None:
  """Undoes settings of the environment that programs cannot serve.

  Jax reads them while it is imported. Where it has been imported before, a
  program was called as a function, and its process is not changed.
  """
  if 'jax' in sys.modules:
    return
  for name, value in _DEFAULTS.items():
    found = os.environ.pop(name.upper(), None)
    if found and found.lower() not in ('0', 'false', str(value)):
      logging.warning('%s=%s has no effect here', name.upper(), found)


@contextlib.contextmanager
def standard() -> Iterator[None]:
  """Jax's defaults in this thread."""
  import jax

  with (
    jax.enable_x64(False),
    jax.numpy_dtype_promotion('standard'),
    jax.numpy_rank_promotion('allow'),
  ):
    yield


def each(items: Iterable[_Item]) -> Iterator[_Item]:
  """The same items, each computed under `standard`."""
  source = iter(items)
  while True:
    with standard():
      try:
        item = next(source)
      except StopIteration:
        return
    yield item


def cudnn_version() -> str | None:
  """Version of cuDNN as jax's plugin has loaded it; None where there is none.

  The wheel may be another than the library that is found first.
  """
  for generation in ('13', '12'):
    try:
      loaded = importlib.import_module(f'jax_cuda{generation}_plugin._versions')
      number = int(loaded.cudnn_get_version())
    except (ImportError, AttributeError, RuntimeError):
      continue
    major, rest = divmod(number, 10000 if number >= 90000 else 1000)
    return f'{major}.{rest // 100}.{rest % 100}'
  return None


def note_cudnn(platform: str) -> None:
  """Logs the version of cuDNN on a GPU: some compute wrong numbers.

  Args:
    platform: Platform of the devices at work.
  """
  if platform in ('gpu', 'cuda') and (version := cudnn_version()):
    logging.info('cuDNN %s', version)


def check_platform() -> None:
  """Refuses an environment whose platform is not here.

  Raises:
    InputError: jax finds no device.
  """
  import jax

  try:
    jax.devices()
  except (RuntimeError, AssertionError) as error:
    wanted = os.environ.get('JAX_PLATFORMS', 'a device')
    reason = (str(error).splitlines() or ['no such device'])[0]
    raise errors.InputError(
      f'JAX_PLATFORMS: expected a platform that is here (cpu always is), found '
      f'{wanted!r}: {reason}'
    ) from error
