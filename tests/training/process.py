"""A run of the stage of `fakes` as a process: folder, steps, pause, process.

The arguments are the folder, the steps, seconds that a batch takes, and, for a
run of two processes, the coordinator and the number of this one.
"""

import pathlib
import signal
import sys
import time

import jax
import numpy as np

from sadtalker_jax.training import data as data_lib
from sadtalker_jax.training import loop, sharding
from tests.training import fakes


class Slow(fakes.Counted):
  """Batches that take their time, of the rows that this process holds."""

  pause = 0.0

  def __next__(self):
    time.sleep(self.pause)
    rng = np.random.default_rng(self.at)
    x = rng.random((self._batch_size, fakes.SIZE), np.float32)
    self.at += 1
    make = jax.make_array_from_callback
    return {'x': make(x.shape, self._sharding, lambda index: x[index])}


def main() -> None:
  # Ignored where the tests themselves run in the background of a shell.
  signal.signal(signal.SIGINT, signal.default_int_handler)
  folder, steps, pause, *rest = sys.argv[1:]
  if rest:
    jax.distributed.initialize(rest[0], 2, int(rest[1]))
  mesh = sharding.make_mesh({'data': -1, 'fsdp': 2})
  data = Slow(sharding.of_batch(mesh))
  data.pause = float(pause)
  plan = fakes.plan(steps=int(steps), eval_every=0, summarise_every=0)
  result = loop.run(
    fakes.FourNumbers(),
    plan,
    pathlib.Path(folder),
    data_lib.Feeds(data),
    mesh,
    {},
  )
  weight = result.state.params['model']['net']['weight']
  whole = np.asarray(weight.addressable_shards[0].data)
  print('weight', result.step, *(float(x).hex() for x in whole), flush=True)


if __name__ == '__main__':
  main()
