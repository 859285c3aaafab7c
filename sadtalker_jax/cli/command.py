"""How every program ends: an exit code, and at most one line that says why.

    def main(argv: Sequence[str] | None = None) -> int:
      flags = parser().parse_args(argv)
      return command.run(lambda: _work(flags), 'convert')

Code 2 stands for bad input and for a package that is not installed, 130 for
Ctrl-C, 143 for SIGTERM and SIGHUP (a terminal that was closed). All else that
is raised is a defect and keeps its traceback. Programs import what they work
with inside the body, so that `--help` is quick and needs no optional package.
"""

import _thread
import argparse
from collections.abc import Callable, Iterator
import contextlib
import importlib.util
import io
import os
import pathlib
import signal
import sys
import threading
from typing import Any, NoReturn

from sadtalker_jax import errors, jax_settings

BAD_INPUT = 2
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
# Seconds between looks at a program that was stopped, and looks in a row that
# find it at work as before.
_POLL, _CALM = 0.05, 8
_MOST_SHOWN = 500  # characters of a fault of the command line

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
  'librosa': 'train',
  'ml_collections': 'train',
  'optax': 'train',
  'pocketsphinx': 'lips',
  'prometheus_client': 'server',
  'python_multipart': 'server',
  'tensorboardX': 'train',
  'tensorflow_datasets': 'train',
  'torch': 'convert',
  'uvicorn': 'server',
}


class Terminated(KeyboardInterrupt):
  """SIGTERM or SIGHUP has arrived; the work is undone as after Ctrl-C."""


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
    with _signals_raise():
      return body()
  except errors.InputError as error:
    return _end(name, str(error), BAD_INPUT)
  except ModuleNotFoundError as error:
    package = (error.name or '').partition('.')[0]
    if package not in EXTRAS:
      raise
    return _end(name, missing(package), BAD_INPUT)
  except Terminated:
    return _end(name, stopped, TERMINATED)
  except KeyboardInterrupt:
    return _end(name, stopped, INTERRUPTED)


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


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
  """Lets SIGTERM and SIGHUP raise `Terminated`, once, in the main thread.

  What a handler raises can be lost: while Python runs a finaliser or a callback
  of a C library, which Python reports as unraisable, and inside of extensions
  that drop the errors of what they call. Such a signal is sent again, and a
  Ctrl-C, too.
  """
  if threading.current_thread() is not threading.main_thread():
    yield  # only the main thread may set handlers
    return
  arrived: set[int] = set()  # signals that have raised
  done = threading.Event()

  def handle(number: int, _: Any) -> None:
    # Another one would break off the removal of what is half written, unless
    # it is somebody at the keyboard.
    if arrived and number != signal.SIGINT:
      return
    arrived.add(number)
    _thread.start_new_thread(watch, (number,))  # takes no lock of threading's
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated

  def watch(number: int) -> None:
    calm = 0
    while not done.wait(_POLL):
      calm = 0 if _handles_exception(threading.main_thread()) else calm + 1
      if calm >= _CALM:
        arrived.clear()
        os.kill(os.getpid(), number)
        return

  def report(unraisable: Any) -> None:
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
      usual(unraisable)

  numbers = [signal.SIGTERM, *_hangup()]
  if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    numbers.append(signal.SIGINT)
  before = {number: signal.getsignal(number) for number in numbers}
  usual, sys.unraisablehook = sys.unraisablehook, report
  try:
    for number in before:
      signal.signal(number, handle)
    yield
  finally:
    done.set()
    sys.unraisablehook = usual
    for number, handler in before.items():
      signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _handles_exception(thread: threading.Thread) -> bool:
  """Whether a thread is amid `except`, `finally` or the end of a `with`."""
  # Private, but there since 3.11, and the only way to ask about other threads.
  found: Any = sys._current_exceptions().get(thread.ident)  # type: ignore[arg-type]
  if isinstance(found, tuple):  # before 3.12: as of `sys.exc_info`
    found = found[1]
  return found is not None


def _hangup() -> tuple[signal.Signals, ...]:
  """SIGHUP, unless `nohup` has it ignored or the system lacks it."""
  number = getattr(signal, 'SIGHUP', None)
  if number is None or signal.getsignal(number) != signal.SIG_DFL:
    return ()
  return (number,)
