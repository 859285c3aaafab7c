"""SIGTERM and SIGHUP end a program as Ctrl-C does: by an exception."""

from collections.abc import Iterator
import contextlib
import os
import signal
import sys
import threading
from typing import Any


class Terminated(KeyboardInterrupt):
  """SIGTERM or SIGHUP has arrived; the work is undone as after Ctrl-C."""


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
  """Lets SIGTERM and SIGHUP raise `Terminated`, once, in the main thread.

  A signal that comes while Python runs a finaliser, or a callback of a C
  library, is lost there: Python reports such an exception as unraisable and
  goes on. It is then sent again.
  """
  if threading.current_thread() is not threading.main_thread():
    yield  # only the main thread may set handlers
    return

  def handle(*_: Any) -> None:
    # Another one would break off the removal of what is half written.
    for number in before:
      signal.signal(number, signal.SIG_IGN)
    raise Terminated

  def lost(unraisable: Any) -> None:
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
      report(unraisable)
      return
    again = signal.SIGINT
    if unraisable.exc_type is Terminated:
      signal.signal(signal.SIGTERM, handle)
      again = signal.SIGTERM
    # Not from here: what a handler raises in this hook is lost, too.
    timer = threading.Timer(0.01, os.kill, (os.getpid(), again))
    timer.daemon = True
    timer.start()

  before = {
    number: signal.getsignal(number) for number in (signal.SIGTERM, *_hangup())
  }
  report, sys.unraisablehook = sys.unraisablehook, lost
  try:
    for number in before:
      signal.signal(number, handle)
    yield
  finally:
    sys.unraisablehook = report
    for number, handler in before.items():
      signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _hangup() -> tuple[signal.Signals, ...]:
  """SIGHUP, unless `nohup` has it ignored or the system lacks it."""
  number = getattr(signal, 'SIGHUP', None)
  if number is None or signal.getsignal(number) != signal.SIG_DFL:
    return ()
  return (number,)
