"""Two processes of `jax.distributed` feed one mesh."""

import collections
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

import input_pipeline

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCHES = 9  # of 4 clips: three epochs of 12

_PROGRAM = """
import sys
import jax
import numpy as np
import input_pipeline

address, index, folder, out = sys.argv[1:]
jax.distributed.initialize(address, 2, int(index))
mesh = jax.sharding.Mesh(np.array(jax.devices()), ('data',))
sharding, everywhere = (
  jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))
  for axes in (('data',), ())
)
batches = input_pipeline.create(
  'mapping', folder, batch_size=4, seed=2, sharding=sharding
)
assert batches.rows == (2 * int(index), 2 * int(index) + 2), batches.rows
total = jax.jit(lambda x: x.sum(), out_shardings=everywhere)
pictures, sums = [], []
for _ in range(int({batches})):
  batch = next(batches)
  held = sorted(
    batch['driving'].addressable_shards, key=lambda piece: piece.index[0].start
  )
  colours = [np.asarray(piece.data)[:, 64, 4] for piece in held]
  pictures.append(np.concatenate(colours))
  sums.append(float(total(batch['driving_window'])))
assert batches.state()['next_batch'] == {batches}
batches.close()
np.savez(out, pictures=np.stack(pictures), sums=sums)
""".replace('{batches}', str(BATCHES))


@pytest.mark.slow
def test_two_processes_see_each_clip_once_an_epoch(folder, tmp_path):
  with socket.socket() as free:
    free.bind(('localhost', 0))
    address = f'localhost:{free.getsockname()[1]}'
  environment = os.environ | {
    'JAX_PLATFORMS': 'cpu',
    'XLA_FLAGS': '--xla_force_host_platform_device_count=2',
    'PYTHONPATH': str(ROOT),
  }
  outputs = [tmp_path / f'{i}.npz' for i in range(2)]
  running = [
    subprocess.Popen(
      [sys.executable, '-c', _PROGRAM, address, str(i), folder, outputs[i]],
      env=environment,
    )
    for i in range(2)
  ]
  try:
    assert [p.wait(timeout=180) for p in running] == [0, 0]
  finally:
    for process in running:
      process.kill()
  found = [np.load(path) for path in outputs]
  joined = np.concatenate([f['pictures'] for f in found], axis=1)
  alone = input_pipeline.create('mapping', folder, batch_size=4, seed=2)
  for k in range(BATCHES):
    batch = alone.local(k)
    np.testing.assert_array_equal(joined[k], batch['driving'][:, 64, 4])
    for part in found:
      # Sums of other orders; coefficients are up to 50, 7,560 of them.
      np.testing.assert_allclose(
        part['sums'][k], batch['driving_window'].sum(), rtol=1e-5
      )
  clips = np.round(joined[..., 0] / 12).astype(int).reshape(3, 12)
  for epoch in clips:
    assert collections.Counter(epoch.tolist()) == dict.fromkeys(range(12), 1)
