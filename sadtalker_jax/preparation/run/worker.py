"""A process that prepares videos for a pool (`runner`)."""

from collections.abc import Sequence
from multiprocessing import connection
import os
import signal

from sadtalker_jax import errors
from sadtalker_jax.preparation import options as options_lib


def work(
  pipe: connection.Connection,
  options: options_lib.PreparationOptions,
  cores: Sequence[int],
) -> None:
  """A worker: loads the networks on its cores, then takes videos.

  It sends `ready`, then for every `runner.VideoTask` that it receives `alive`
  from time to time and `done` with its summary; `error` ends the whole run.

  Args:
    pipe: Connection to the pool.
    options: Options of the preparation.
    cores: Numbers of the processors to keep to.
  """
  # Ctrl-C reaches the parent, which ends its workers.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  if hasattr(os, 'sched_setaffinity'):
    os.sched_setaffinity(0, cores)  # before jax counts them
  # Imported here, so that the pool never loads jax, and workers not too early.
  from sadtalker_jax.preparation import experts
  from sadtalker_jax.preparation.run import video_job

  try:
    loaded = experts.load(options)
    pipe.send(('ready', None))
    while True:
      task = pipe.recv()
      summary = video_job.prepare(
        task.source,
        options,
        loaded,
        task.target,
        progress=lambda: _say_alive(pipe),
      )
      pipe.send(('done', summary))
  except (EOFError, BrokenPipeError):  # the parent is gone
    return
  except errors.InputError as error:
    pipe.send(('error', error))


def _say_alive(pipe: connection.Connection) -> None:
  """Sends a sign of life; ends this process if there is no pool any more.

  The next run may be at work already, and both would write the same part.
  """
  try:
    pipe.send(('alive', None))
  except OSError:
    os._exit(1)
