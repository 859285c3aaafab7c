"""Times of the rasterizer, with DRTK's beside them where it is installed.

The part of `bench` for `rasterize`: triangle ids, pictures, gradients, and
gradients with silhouettes, of a bumpy face of 70,000 triangles (as many as the
Basel face model has) and of the packaged head. Calls of ours and of the peer
take turns, so that the load of the machine hits both; ratios of one line were
measured in one run. The peer is DRTK (`drtk_peer`).
"""

from collections.abc import Callable, Iterator, Sequence
import functools
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.benchmarks import drtk_peer, timing
from sadtalker_jax.face3d import camera
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.face3d.rasterize import rasterizer, silhouette
from sadtalker_jax.typing import Array

SIZE = 224
WHAT = ('ids', 'forward', 'backward', 'silhouette')


def face(rows: int = 190, columns: int = 188) -> tuple[np.ndarray, np.ndarray]:
  """Positions [V, 3] in a picture of 224 pixels and triangles [T, 3].

  Half an ellipsoid with a nose, eyes and a mouth, a little turned, before the
  camera of Deep3DFaceRecon: focal length 1015 pixels at a distance of 10.
  """
  v, u = np.meshgrid(
    np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing='ij'
  )
  azimuth, height = np.deg2rad(100) * u, np.deg2rad(80) * v
  normal = np.stack(
    [
      np.sin(azimuth) * np.cos(height),
      np.sin(height),
      np.cos(azimuth) * np.cos(height),
    ],
    -1,
  )
  features = (  # across, down, radius, how far out
    (0, 0.05, 0.12, 0.35),
    (-0.25, -0.25, 0.12, -0.08),
    (0.25, -0.25, 0.12, -0.08),
    (0, 0.45, 0.1, 0.08),
  )
  bump = 0.01 * np.sin(23 * u) * np.cos(19 * v)
  for across, down, radius, out in features:
    square = (u - across) ** 2 + (v - down) ** 2
    bump += out * np.exp(-square / radius**2)
  points = normal * [0.75, 1.0, 0.8] + bump[..., None] * normal
  noise = np.random.default_rng(0).normal(0, 2e-4, points.shape)
  x, y, z = (points + noise).reshape(-1, 3).T
  turn = 0.2
  x, z = (
    np.cos(turn) * x + np.sin(turn) * z,
    np.cos(turn) * z - np.sin(turn) * x,
  )
  scale = camera.FOCAL / (10 - z)
  positions = np.stack([scale * x + 112, scale * y + 112, 10 - z], -1)
  i = np.arange(rows * columns).reshape(rows, columns)
  a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, :-1], i[1:, 1:]
  triangles = np.stack([np.stack([a, c, b], -1), np.stack([b, c, d], -1)], 2)
  triangles = triangles.reshape(-1, 3)
  return positions.astype(np.float32), triangles.astype(np.int32)


def head() -> tuple[np.ndarray, np.ndarray]:
  """Positions and triangles of the packaged head."""
  model = makehuman.load()
  points, depth = (np.asarray(a) for a in camera.project(model.mean))
  flipped = camera.CENTER * 2 - points[:, 1]  # y down
  positions = np.stack([points[:, 0], flipped, depth], -1)
  return positions.astype(np.float32), np.asarray(model.triangles)


def run(batches: Sequence[int], repeats: int) -> Iterator[timing.Line]:
  """The lines of all meshes, batch sizes and kinds of work.

  Args:
    batches: Numbers of pictures drawn together.
    repeats: Number of timed calls.

  Yields:
    A line as of `bench`, with `peer_seconds` and `ratio` (ours over the peer's,
    of the medians) where the peer is installed. On one core that others use
    too, `cpu_seconds` and `cpu_ratio` tell more than the clock.

  Raises:
    InputError: No repeats, or a batch of none.
  """
  timing.check(batches, repeats)
  for mesh, (positions, triangles) in (('face', face()), ('head', head())):
    rng = np.random.default_rng(0)
    for batch in batches:
      inputs = (
        np.tile(positions, (batch, 1, 1)),
        rng.uniform(size=(batch, len(positions), 3)).astype(np.float32),
        rng.normal(size=(batch, SIZE, SIZE, 3)).astype(np.float32),
      )
      ours, compile_seconds = _ours(triangles, *inputs)
      peer = drtk_peer.calls(triangles, *inputs)
      for what in WHAT:
        calls = {'ours': ours[what]} | ({'peer': peer[what]} if peer else {})
        yield {
          'what': 'rasterize',
          'work': what,
          'mesh': mesh,
          'triangles': len(triangles),
          'size': SIZE,
          **timing.device(),
          'dtype': 'float32',
          'batch': batch,
          'repeats': repeats,
          'compile_seconds': compile_seconds[what],
          **_summary(timing.take_turns(calls, repeats), batch),
        }


def _summary(
  times: dict[str, list[tuple[float, float]]], batch: int
) -> timing.Line:
  """Medians and least of seconds; ratios to the peer, if there is one."""
  seconds, busy = zip(*times['ours'], strict=True)
  median = statistics.median(seconds)
  line: timing.Line = {
    'seconds': median,
    'seconds_min': min(seconds),
    'seconds_max': max(seconds),
    'cpu_seconds': statistics.median(busy),
    'cpu_seconds_min': min(busy),
    'per_second': batch / median,
  }
  if 'peer' in times:
    of_peer = tuple(zip(*times['peer'], strict=True))
    line |= {'peer': 'drtk', 'peer_seconds_min': min(of_peer[0])}
    for name, ours, peer in (
      ('', seconds, of_peer[0]),
      ('cpu_', busy, of_peer[1]),
    ):
      theirs = statistics.median(peer)
      line[f'peer_{name}seconds'] = theirs
      line[f'{name}ratio'] = statistics.median(ours) / theirs
      line[f'{name}ratio_min'] = min(ours) / min(peer)
  return line


def _wait(function: Callable[..., Any], inputs: list[jax.Array]) -> None:
  jax.block_until_ready(function(*inputs))


def _ours(
  triangles: np.ndarray,
  positions: np.ndarray,
  colours: np.ndarray,
  cotangent: np.ndarray,
) -> tuple[dict[str, timing.Call], dict[str, float]]:
  """Compiled work of each kind, and the seconds its compilation took."""

  def ids(positions: Array) -> Array:
    return rasterizer.rasterize(positions, triangles, SIZE, SIZE).triangle_id

  def forward(positions: Array, colours: Array) -> Array:
    fragments = rasterizer.rasterize(positions, triangles, SIZE, SIZE)
    return rasterizer.interpolate(positions, colours, triangles, fragments)

  def edges(positions: Array, colours: Array) -> Array:
    fragments = rasterizer.rasterize(positions, triangles, SIZE, SIZE)
    image = rasterizer.interpolate(positions, colours, triangles, fragments)
    return silhouette.edge_gradient(
      positions, image, triangles, fragments.triangle_id
    )

  def backward(draw: Callable[..., Array]) -> Callable[..., Any]:
    def both(p: Array, c: Array, g: Array) -> Any:
      image, pull = jax.vjp(draw, p, c)
      return image, pull(g)

    return both

  arrays = [jnp.asarray(a) for a in (positions, colours, cotangent)]
  kinds: dict[str, tuple[Callable[..., Any], int]] = {
    'ids': (ids, 1),
    'forward': (forward, 2),
    'backward': (backward(forward), 3),
    'silhouette': (backward(edges), 3),
  }
  calls: dict[str, timing.Call] = {}
  seconds: dict[str, float] = {}
  for what, (function, number) in kinds.items():
    started = time.perf_counter()
    compiled = jax.jit(function).lower(*arrays[:number]).compile()
    seconds[what] = time.perf_counter() - started
    calls[what] = functools.partial(_wait, compiled, arrays[:number])
  return calls, seconds
