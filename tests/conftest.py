"""Shared set-up of the tests: devices, strictness, sample folders.

Eight CPU devices, so that sharding is testable everywhere; strict dtype
promotion; warnings are errors (pyproject.toml). The environment must be set
before jax starts, hence at the top of this file.
"""

from collections.abc import Iterator
import ctypes
import gc
import os
import pathlib
import shutil
import sys
from typing import Any

import jaxlib.version

# Much of the time goes into compiling programs that run once, on little. What
# is computed stays the same but for rounding; `.ci/run` makes the README's
# video as users do.
_PLAIN = '--xla_llvm_disable_expensive_passes=true'
if jaxlib.version.__version_info__ < (0, 11):  # later ones do not know it
  _PLAIN += ' --xla_cpu_use_fusion_emitters=false'
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
if os.environ['JAX_PLATFORMS'] == 'cpu':
  # Of two flags of one name the last counts: the caller's.
  os.environ['XLA_FLAGS'] = (
    f'--xla_force_host_platform_device_count=8 {_PLAIN}'
    ' --xla_backend_optimization_level=1 ' + os.environ.get('XLA_FLAGS', '')
  ).strip()

import hypothesis  # noqa: E402
import jax  # noqa: E402
from jax.experimental.compilation_cache import compilation_cache  # noqa: E402
import pytest  # noqa: E402
from xdist.scheduler import loadscope  # noqa: E402

jax.config.update('jax_numpy_dtype_promotion', 'strict')
jax.config.update('jax_default_matmul_precision', 'highest')

# For inference/damaged_inputs_test.py: --hypothesis-profile=soak.
hypothesis.settings.register_profile('soak', max_examples=20_000)

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTDATA = pathlib.Path(__file__).resolve().parent / 'testdata'


# Files that take gigabytes: one worker runs them, one after the other, and
# begins with them, for they are also the longest.
HEAVY = (
  'tests/notebooks_test.py',
  'tests/conversion/convert_test.py',
)
# Takes as much, and must not run at that time.
LATE = 'tests/conversion/parity_test.py'
# In this order at the end: the longest before the short ones, or one worker
# would wait for the other.
LATER = (
  'tests/training/stages_test.py',
  'tests/ops/',
  'tests/preparation/',
  'tests/training/',
)


def _turn(item: pytest.Item) -> int:
  file = item.path.relative_to(ROOT).as_posix()
  if file in HEAVY:
    return 0
  if file == LATE:
    return 2
  parts = (i for i, part in enumerate(LATER, 3) if file.startswith(part))
  return next(parts, 1)


class ByFile(loadscope.LoadScopeScheduling):
  """A file's tests stay together, as its fixtures are worth minutes.

  xdist's own groups (`--dist loadgroup`) do not see the marks under pytest 9.
  """

  def _split_scope(self, nodeid: str) -> str:
    file = nodeid.split('::')[0]
    return 'heavy' if file in HEAVY else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
  return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
  """Decides on the order of the files."""
  items.sort(key=_turn)


@pytest.fixture(scope='session', autouse=True)
def _compiled_once(
  tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
  """A program is compiled once for all files, and for processes they start.

  Each worker has a folder of its own, for jax does not write atomically.
  """
  folder = tmp_path_factory.mktemp('programs')
  options = {
    'jax_compilation_cache_dir': str(folder),
    'jax_persistent_cache_min_compile_time_secs': 0.0,
  }
  for name, value in options.items():
    os.environ[name.upper()] = str(value)
    jax.config.update(name, value)
  compilation_cache.reset_cache()  # collecting may have begun one
  yield
  shutil.rmtree(folder)


@pytest.fixture(scope='module', autouse=True)
def _forget() -> Iterator[None]:
  """Lets go of a file's programs: those of full-size networks add up."""
  yield
  jax.clear_caches()
  gc.collect()
  if sys.platform == 'linux':  # glibc keeps what was freed, gigabytes of it
    ctypes.CDLL('libc.so.6').malloc_trim(0)


@pytest.fixture(scope='session')
def quick_flags() -> str:
  """XLA_FLAGS of processes that do little more than compile; one device."""
  return f'{_PLAIN} --xla_backend_optimization_level=0'


@pytest.fixture(scope='session')
def testdata() -> pathlib.Path:
  return TESTDATA


@pytest.fixture(scope='session')
def shared() -> pathlib.Path:
  """The folder of real samples; tests that want it skip when it is absent."""
  path = pathlib.Path(
    os.environ.get('SADTALKER_SHARED', ROOT.parent / 'shared')
  )
  if not (path / 'samples').is_dir():
    pytest.skip(f'no sample folder at {path}')
  return path
