"""Stand-ins for worker processes: what they do is the name of their video."""

import os
import signal
import time

from sadtalker_jax import errors
from sadtalker_jax.preparation import parts, rejects


def act(pipe, options, cores):
  pipe.send(('ready', None))
  while True:
    try:
      task = pipe.recv()
    except EOFError:
      return
    kind = task.source.name
    with task.target.with_suffix('.tried').open('a') as file:
      file.write('.')
    if kind == 'dies':
      os.kill(os.getpid(), signal.SIGSEGV)
    if kind == 'hangs':
      time.sleep(1000)
    if kind == 'slow':
      for _ in range(8):
        time.sleep(0.5)
        pipe.send(('alive', None))
    if kind == 'full':
      pipe.send(('error', errors.InputError('no room')))
    reject = rejects.Reject(rejects.Reason.NO_FACE, kind)
    pipe.send(('done', parts.write_failed(task.target, reject)))


def stillborn(pipe, options, cores):
  os._exit(3)
