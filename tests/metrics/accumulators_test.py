"""Sums that merge: of batches, devices and hosts."""

import os
import pathlib
import socket
import subprocess
import sys

import jax
from jax.sharding import NamedSharding, PartitionSpec
import numpy as np
import pytest

from sadtalker_jax.metrics import accumulators, frechet

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Two processes of one device each: moments of both, and rows of a shared array.
_HOST = """
import sys
import jax
import numpy as np
rank = int(sys.argv[2])
jax.distributed.initialize(f'localhost:{sys.argv[1]}', 2, rank)
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from sadtalker_jax.metrics import accumulators, frechet
features = np.arange(40.0).reshape(10, 4) ** 1.5 + 1e6
own = frechet.of(features[:3] if rank else features[3:])
whole = accumulators.across_hosts(own, frechet.merge)
want = frechet.of(features)
assert whole.number == 10
np.testing.assert_allclose(whole.mean, want.mean, rtol=1e-15)
np.testing.assert_allclose(whole.scatter, want.scatter, rtol=1e-9)
mesh = Mesh(np.array(jax.devices()), ('data',))
for spec in (PartitionSpec('data'), PartitionSpec()):
  rows = jax.make_array_from_callback(
    (4, 2), NamedSharding(mesh, spec),
    lambda i: np.arange(8, dtype=np.float32).reshape(4, 2)[i])
  mean = accumulators.mean_of(accumulators.host_rows(rows))
  mean = accumulators.across_hosts(mean, accumulators.merge_means)
  np.testing.assert_array_equal(mean.number, 4)
  np.testing.assert_array_equal(accumulators.mean_value(mean), [3, 4])
print('same on both')
"""


def test_means_merge():
  first = accumulators.mean_of([1.0, 2.0])
  second = accumulators.mean_of(np.array([6.0], np.float32))
  both = accumulators.merge_means(first, second)
  assert accumulators.mean_value(both) == 3
  none = accumulators.mean_of(np.zeros(0))
  assert accumulators.mean_value(accumulators.merge_means(both, none)) == 3
  rows = accumulators.mean_of([[1.0, 2.0], [3.0, 6.0]])
  np.testing.assert_array_equal(accumulators.mean_value(rows), [2, 4])
  with pytest.raises(ValueError, match='found none'):
    accumulators.mean_value(none)


def test_rows_of_devices_come_to_the_host():
  mesh = jax.make_mesh((4,), ('data',), (jax.sharding.AxisType.Auto,))
  rows = np.arange(16, dtype=np.float32).reshape(8, 2)
  sharded = jax.device_put(rows, NamedSharding(mesh, PartitionSpec('data')))
  np.testing.assert_array_equal(accumulators.host_rows(sharded), rows)
  np.testing.assert_array_equal(accumulators.host_rows(rows), rows)


def test_one_host_has_all():
  moments = frechet.of(np.eye(3))
  assert accumulators.across_hosts(moments, frechet.merge) is moments


def test_two_hosts_agree_on_the_moments_of_both():
  with socket.socket() as server:
    server.bind(('localhost', 0))
    port = server.getsockname()[1]
  environment = {**os.environ, 'XLA_FLAGS': '', 'JAX_PLATFORMS': 'cpu'}
  hosts = [
    subprocess.Popen(
      [sys.executable, '-c', _HOST, str(port), str(rank)],
      cwd=ROOT,
      env=environment,
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )
    for rank in range(2)
  ]
  try:
    answers = [host.communicate(timeout=120)[0] for host in hosts]
  finally:
    for host in hosts:
      host.kill()
  assert all('same on both' in answer for answer in answers), answers
