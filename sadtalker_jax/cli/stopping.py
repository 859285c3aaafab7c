"""SIGTERM and SIGHUP end a program as Ctrl-C does: by an exception."""

import _thread
from collections.abc import Iterator
import contextlib
import os
import signal
import sys
import threading
from typing import Any

# Seconds between looks at a program that was stopped, and looks in a row that
# find it at work as before.
_POLL, _CALM = 0.05, 8


class Terminated(KeyboardInterrupt):
  """SIGTERM or SIGHUP has arrived; the work is undone as after Ctrl-C."""


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
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
