"""Times of the rasterizer, with DRTK's beside them where it is installed.

The part of `bench` for `rasterize`: triangle ids, pictures, gradients, and
gradients with silhouettes, of a bumpy face of 70,000 triangles (as many as the
Basel face model has) and of the packaged head. Calls of ours and of the peer
take turns, so that the load of the machine hits both; ratios of one line were
measured in one run. The peer is the `drtk` package (facebookresearch/DRTK, MIT
licence) with its torch, loaded only here and only if there is one.
"""

import argparse
from collections.abc import Callable, Iterator
import functools
import importlib
import importlib.util
import platform
import statistics
import time
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.face3d import camera
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.face3d.rasterize import rasterizer, silhouette
from sadtalker_jax.typing import Array

SIZE = 224
WHAT = ('ids', 'forward', 'backward', 'silhouette')

_Call: TypeAlias = Callable[[], Any]


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


def run(flags: argparse.Namespace) -> Iterator[dict[str, Any]]:
  """The lines of all meshes, batch sizes and kinds of work.

  Args:
    flags: with `batch`, a list of sizes, and `repeats`.

  Yields:
    A line as of `bench`, with `peer_seconds` and `ratio` (ours over the peer's,
    of the medians) where the peer is installed. On one core that others use
    too, `cpu_seconds` and `cpu_ratio` tell more than the clock.

  Raises:
    errors.InputError: no repeats, or a batch of none.
  """
  if flags.repeats < 1 or min(flags.batch) < 1:
    raise errors.InputError(
      f'expected at least one repeat and a batch of one, found '
      f'{flags.repeats} and {min(flags.batch)}'
    )
  for mesh, (positions, triangles) in (('face', face()), ('head', head())):
    rng = np.random.default_rng(0)
    for batch in flags.batch:
      inputs = (
        np.tile(positions, (batch, 1, 1)),
        rng.uniform(size=(batch, len(positions), 3)).astype(np.float32),
        rng.normal(size=(batch, SIZE, SIZE, 3)).astype(np.float32),
      )
      ours, compile_seconds = _ours(triangles, *inputs)
      peer = _peer(triangles, *inputs)
      for what in WHAT:
        calls = [ours[what]] + ([peer[what]] if peer else [])
        seconds, busy = _take_turns(calls, flags.repeats)
        median = statistics.median(seconds[0])
        line = {
          'what': 'rasterize',
          'work': what,
          'mesh': mesh,
          'triangles': len(triangles),
          'size': SIZE,
          'device': jax.devices()[0].device_kind,
          'platform': jax.devices()[0].platform,
          'machine': platform.processor() or platform.machine(),
          'jax': jax.__version__,
          'dtype': 'float32',
          'batch': batch,
          'repeats': flags.repeats,
          'seconds': median,
          'seconds_min': min(seconds[0]),
          'seconds_max': max(seconds[0]),
          'cpu_seconds': statistics.median(busy[0]),
          'cpu_seconds_min': min(busy[0]),
          'per_second': batch / median,
          'compile_seconds': compile_seconds[what],
        }
        if peer:
          line |= {'peer': 'drtk', 'peer_seconds_min': min(seconds[1])}
          for name, times in (('', seconds), ('cpu_', busy)):
            theirs = statistics.median(times[1])
            line[f'peer_{name}seconds'] = theirs
            line[f'{name}ratio'] = statistics.median(times[0]) / theirs
            line[f'{name}ratio_min'] = min(times[0]) / min(times[1])
        yield line


def _take_turns(
  calls: list[_Call], repeats: int
) -> tuple[list[list[float]], list[list[float]]]:
  """Seconds by the clock and of the process, of calls one after the other.

  One call of each comes before, to warm up.
  """
  seconds: list[list[float]] = [[] for _ in calls]
  busy: list[list[float]] = [[] for _ in calls]
  for repeat in range(repeats + 1):
    for number, call in enumerate(calls):
      started = time.perf_counter(), time.process_time()
      call()
      if repeat:
        seconds[number].append(time.perf_counter() - started[0])
        busy[number].append(time.process_time() - started[1])
  return seconds, busy


def _wait(function: Callable[..., Any], inputs: list[jax.Array]) -> None:
  jax.block_until_ready(function(*inputs))


def _ours(
  triangles: np.ndarray,
  positions: np.ndarray,
  colours: np.ndarray,
  cotangent: np.ndarray,
) -> tuple[dict[str, _Call], dict[str, float]]:
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
  calls: dict[str, _Call] = {}
  seconds: dict[str, float] = {}
  for what, (function, number) in kinds.items():
    started = time.perf_counter()
    compiled = jax.jit(function).lower(*arrays[:number]).compile()
    seconds[what] = time.perf_counter() - started
    calls[what] = functools.partial(_wait, compiled, arrays[:number])
  return calls, seconds


def _peer(
  triangles: np.ndarray,
  positions: np.ndarray,
  colours: np.ndarray,
  cotangent: np.ndarray,
) -> dict[str, _Call] | None:
  """The same work by DRTK on CPU or CUDA as jax's, or None without it."""
  if any(importlib.util.find_spec(n) is None for n in ('torch', 'drtk')):
    return None
  torch, drtk = map(importlib.import_module, ('torch', 'drtk'))
  device = 'cuda' if jax.default_backend() == 'gpu' else 'cpu'

  def tensor(array: np.ndarray) -> Any:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)

  half = np.array(
    [0.5, 0.5, 0], np.float32
  )  # its pixel centres are at whole numbers
  points, faces = tensor(positions - half), tensor(triangles.astype(np.int32))
  colour, pull = tensor(colours), tensor(cotangent.transpose(0, 3, 1, 2))

  def ids() -> None:
    with torch.no_grad():
      drtk.rasterize(points, faces, SIZE, SIZE)
    wait()

  def forward() -> None:
    with torch.no_grad():
      draw(points, colour, False)
    wait()

  def draw(points: Any, colour: Any, edge: bool) -> Any:
    ids = drtk.rasterize(points, faces, SIZE, SIZE)
    _, weights = drtk.render(points, faces, ids)
    image = drtk.interpolate(colour, faces, ids, weights)
    image = image * (ids != -1)[:, None]
    if edge:
      image = drtk.edge_grad_estimator(points, faces, weights, image, ids)
    return image

  def backward(edge: bool) -> None:
    leaves = [a.clone().requires_grad_() for a in (points, colour)]
    draw(leaves[0], leaves[1], edge).backward(pull)
    wait()

  def wait() -> None:
    if device == 'cuda':
      torch.cuda.synchronize()

  return {
    'ids': ids,
    'forward': forward,
    'backward': lambda: backward(False),
    'silhouette': lambda: backward(True),
  }
