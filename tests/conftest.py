"""Shared set-up of the tests: devices, strictness, sample folders.

Eight CPU devices, so that sharding is testable everywhere; strict dtype
promotion; warnings are errors (pyproject.toml). The environment must be set
before jax starts, hence at the top of this file.
"""

from collections.abc import Iterator
import contextlib
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
  # Parts of a program in parallel are a quarter more work: two workers test.
  _PLAIN += ' --xla_cpu_parallel_codegen_split_count=1'
# Level 0 compiles in a third of the time of 1; loops then take some three times
# as long, which costs more where frames are drawn or faces are fitted.
_LITTLE_COMPUTED = (
  'tests/checkpoints/',
  'tests/conversion/parity_test.py',
  'tests/evaluation/',
  'tests/inference/motion/learned/',
  'tests/inference/neural_pipeline_test.py',
  'tests/input_pipeline/',
  'tests/losses/',
  'tests/metrics/',
  'tests/models/',
  'tests/train_test.py',
  'tests/training/',
)
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
if os.environ['JAX_PLATFORMS'] == 'cpu':
  # Of two flags of one name the last counts: the caller's.
  os.environ['XLA_FLAGS'] = (
    f'--xla_force_host_platform_device_count=8 {_PLAIN}'
    ' --xla_backend_optimization_level=1 ' + os.environ.get('XLA_FLAGS', '')
  ).strip()

import hypothesis  # noqa: E402
import jax  # noqa: E402
from jax._src import compiler  # noqa: E402
from jax.experimental.compilation_cache import compilation_cache  # noqa: E402
import pytest  # noqa: E402
from scipy.io import wavfile  # noqa: E402
from xdist.scheduler import loadscope  # noqa: E402

jax.config.update('jax_numpy_dtype_promotion', 'strict')
jax.config.update('jax_default_matmul_precision', 'highest')

# For inference/damaged_inputs_test.py: --hypothesis-profile=soak.
hypothesis.settings.register_profile('soak', max_examples=20_000)

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTDATA = pathlib.Path(__file__).resolve().parent / 'testdata'
_IS_WORKER = 'PYTEST_XDIST_WORKER' in os.environ  # of several


# The longest begin. The first takes gigabytes, too.
DRAWING = ('tests/notebooks_test.py', 'tests/chain_test.py')  # clips of heads
FIRST = ('tests/conversion/convert_test.py', *DRAWING)
# Takes gigabytes, and must not run while the first of all does.
LATE = 'tests/conversion/parity_test.py'
# One after the other, by one worker, as they animate the portrait that ships:
# its programs are kept from file to file. To trace them again takes 7 s, to
# compile them another 7, to animate 3.
ANIMATING = (
  'tests/app/',
  'tests/benchmarks/likeness/',
  'tests/benchmarks/live_speed_test.py',
  'tests/examples_test.py',
  'tests/infer_test.py',
  'tests/inference/',
  'tests/jax_settings_test.py',
  'tests/media/spoken_test.py',
  'tests/serving/',
)
# Not those that change what programs are made of, or count them.
NOT_ANIMATING = ('tests/inference/enhance/', 'tests/inference/motion/')
# In this order at the end: the longest before the short ones, or one worker
# would wait for the other.
LATER = (
  'tests/training/stages_test.py',
  'tests/ops/',
  'tests/preparation/',
  'tests/training/',
)


def _file(of: pytest.Item | pytest.FixtureRequest) -> str:
  return of.path.relative_to(ROOT).as_posix()


def _animates(file: str) -> bool:
  return file.startswith(ANIMATING) and not file.startswith(NOT_ANIMATING)


def _turn(item: pytest.Item) -> int:
  file = _file(item)
  if file in FIRST:
    return FIRST.index(file) - len(FIRST)
  if _animates(file):
    return 0
  if file == LATE:
    return 2
  parts = (i for i, part in enumerate(LATER, 3) if file.startswith(part))
  return next(parts, 1)


class ByFile(loadscope.LoadScopeScheduling):
  """A file's tests stay together, as its fixtures are worth minutes.

  So do files whose programs are the same. xdist's own groups (`--dist
  loadgroup`) do not see the marks under pytest 9.
  """

  def _split_scope(self, nodeid: str) -> str:
    file = nodeid.split('::')[0]
    if file in DRAWING:
      return DRAWING[0]
    return 'animating' if _animates(file) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
  return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
  """Decides on the order of the files."""
  items.sort(key=_turn)


def pytest_collection_finish() -> None:
  """The collector leaves alone what was collected, and tracing's new objects.

  It took a tenth of the time of tests that trace, and a third of a second for
  every file.
  """
  gc.collect()
  gc.freeze()
  gc.set_threshold(10_000, 10, 10)


@pytest.fixture(scope='session', autouse=True)
def _programs(
  tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[pathlib.Path]:
  """A program is compiled once for all files, and for processes they start.

  Each worker has a folder of its own, for jax does not write atomically; after
  every file they exchange what they have.
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
  yield folder
  shutil.rmtree(folder)
  run = tmp_path_factory.getbasetemp().parent
  others = run.glob('popen-*/programs*')  # and pytest's links to them
  if _IS_WORKER and not any(path.is_dir() for path in others):
    shutil.rmtree(run / 'programs', ignore_errors=True)


def _exchange(own: pathlib.Path, common: pathlib.Path) -> None:
  """Gives a worker's programs to the others, and takes theirs."""
  common.mkdir(exist_ok=True)
  for source, target in ((own, common), (common, own)):
    for name in {*os.listdir(source)} - {*os.listdir(target)}:
      with contextlib.suppress(FileExistsError):  # another was quicker
        os.link(source / name, target / name)  # appears as a whole


@pytest.fixture(scope='module', autouse=True)
def _level(request: pytest.FixtureRequest) -> Iterator[None]:
  """Programs of files that compute little are compiled at level 0."""
  with pytest.MonkeyPatch.context() as patch:
    is_cpu = os.environ['JAX_PLATFORMS'] == 'cpu'
    if is_cpu and _file(request).startswith(_LITTLE_COMPUTED):
      # XLA reads its flags once a process; jax has no public default for them.
      make = compiler.get_compile_options

      def quick(*args: Any, **named: Any) -> Any:
        given = named.pop('env_options_overrides', None) or {}
        given = {'xla_backend_optimization_level': 0, **given}
        return make(*args, env_options_overrides=given, **named)

      patch.setattr(compiler, 'get_compile_options', quick)
    yield


def _forget() -> None:
  """Lets go of programs: those of full-size networks add up."""
  jax.clear_caches()
  gc.collect()
  if sys.platform == 'linux':  # glibc keeps what was freed, gigabytes of it
    ctypes.CDLL('libc.so.6').malloc_trim(0)


@pytest.fixture(scope='module', autouse=True)
def _of_one_file(
  request: pytest.FixtureRequest,
  _programs: pathlib.Path,
  tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
  """Programs of other files are not there, but for those that are shared."""
  is_alone = not _animates(_file(request))
  if is_alone:
    _forget()
  yield
  if _IS_WORKER:  # its folder lies in one of all workers
    run = tmp_path_factory.getbasetemp().parent
    _exchange(_programs, run / 'programs')
  if is_alone:
    _forget()
  else:  # what tests left open is closed here, not at the end of all
    gc.collect()


@pytest.fixture(scope='session')
def quick_flags() -> str:
  """XLA_FLAGS of processes that do little more than compile; one device."""
  return f'{_PLAIN} --xla_backend_optimization_level=0'


@pytest.fixture(scope='session')
def short(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """A recording of 8 frames, a batch: the beginning of the one that ships."""
  from sadtalker_jax.inference import bundle
  from sadtalker_jax.media import audio

  path = tmp_path_factory.mktemp('sound') / 'short.wav'
  wavfile.write(path, 16_000, audio.load(bundle.SAMPLE_SPEECH)[: 8 * 640])
  return path


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
