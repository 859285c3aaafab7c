"""Rasterizer, sampling and shifts: right, and how quick.

Triangle ids are compared with a search in float64 over all triangles of every
pixel, wherever that decides clearly; a mesh without holes must show none;
values and gradients are compared with a CPU's.
"""

from collections.abc import Callable
import statistics
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.benchmarks import rasterize_speed, timing
from sadtalker_jax.benchmarks.accelerator import plan, record
from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.ops.sampling import grid_sample, grids, shifting
from sadtalker_jax.typing import Array

_H, _W = 24, 32  # of the scenes that are searched
_CLEAR = 1e-3  # pixels, or share of the depth, from which on a pixel is clear
_LIMIT = 1e-3  # sums in another order, and products that may be TF32's

# Rows of vertices and triangles, so that scenes share a program.
_ROWS = 1100, 2100

_Scene = tuple[np.ndarray, np.ndarray]


def scenes() -> dict[str, _Scene]:
  """Positions [V, 3] and triangles [T, 3] by name, of fixed seeds."""
  rng = np.random.default_rng(0)
  middle = rng.uniform(-8, 40, (200, 1, 2)) + rng.normal(0, 6, (200, 3, 2))
  soup = np.concatenate([middle, rng.uniform(1, 9, (200, 3, 1))], -1)
  face, triangles = rasterize_speed.face(24, 25)
  near = face * [0.13, 0.1, 1]
  zoomed = (face - [112, 112, 0]) * [0.6, 0.6, 1] + [16, 12, 0]
  behind = soup * [1, 1, 1] - [0, 0, 4]
  separate = np.arange(600).reshape(-1, 3)
  return {
    name: (positions.reshape(-1, 3).astype(np.float32), ids.astype(np.int32))
    for name, positions, ids in (
      ('separate triangles', soup, separate),
      ('a face', near, triangles),
      ('a face, zoomed', zoomed, triangles),
      ('partly behind the camera', behind, separate),
    )
  }


def searched(positions: np.ndarray, triangles: np.ndarray) -> _Scene:
  """Ids [H, W] of the nearest triangles by a search in float64, and clearness.

  Args:
    positions: [V, 3].
    triangles: [T, 3].
  """
  px, py = np.meshgrid(np.arange(_W) + 0.5, np.arange(_H) + 0.5)
  best, second = np.zeros((_H, _W)), np.zeros((_H, _W))
  ids = np.full((_H, _W), -1)
  margin = np.full((_H, _W), np.inf)
  turn, turned = [1, 2, 0], [2, 0, 1]
  for number, corners in enumerate(positions.astype(np.float64)[triangles]):
    if corners[:, 2].min() <= 1e-6:
      continue
    x, y = (corners[:, i] - p[..., None] for i, p in enumerate((px, py)))
    edges = x[..., turn] * y[..., turned] - y[..., turn] * x[..., turned]
    area = edges[0, 0].sum()
    if area == 0:
      continue
    sides = np.linalg.norm((corners[turned] - corners[turn])[:, :2], axis=-1)
    signed = edges * np.sign(area)
    inside = (signed >= 0).all(-1)
    margin = np.minimum(margin, np.abs(signed / sides).min(-1))
    inverse = (edges / corners[:, 2]).sum(-1) / area
    wins = inside & (inverse > best)
    loses = np.where(inside, np.maximum(second, inverse), second)
    second = np.where(wins, best, loses)
    best, ids = np.where(wins, inverse, best), np.where(wins, number, ids)
  gap = (best - second) / np.maximum(best, 1e-9)
  return ids, np.minimum(margin, np.where(best > 0, gap, np.inf))


def golden(scale: plan.Scale) -> dict[str, np.ndarray]:
  """Values and gradients of a CPU, by case."""
  del scale
  return {
    f'{name}.{part}': array
    for name, case in _cases().items()
    for part, array in _results(*case).items()
  }


def measure(kept: record.Record, scale: plan.Scale) -> None:
  """Checks and times all of it."""
  draw = jax.jit(rasterizer.rasterize, static_argnums=(2, 3))
  for name, (positions, triangles) in scenes().items():
    found = np.asarray(draw(*_padded(positions, triangles), _H, _W).triangle_id)
    ids, margin = searched(positions, triangles)
    wrong = int(((found != ids) & (margin > _CLEAR)).sum())
    kept.check(f'wrong ids, {name}', wrong, 0)
  found = np.asarray(draw(*_padded(*_plane()), _H, _W).triangle_id)
  kept.check('holes in a plane', int((found < 0).sum()), 0)
  for name, case in _cases().items():
    for part, array in _results(*case).items():
      kept.check(f'{name}, {part}, not finite', _bad(array), 0)
      expected = kept.golden(f'geometry.{name}.{part}')
      if expected is not None:
        error = record.relative_error(array, expected)
        kept.check(f'{name}, {part}', error, _LIMIT)
  for name, case in _timed(scale).items():
    kept.put(**{f'{name}_seconds': _seconds(*case, scale.repeats)})


def _padded(positions: np.ndarray, triangles: np.ndarray) -> _Scene:
  """A scene with triangles without area behind its own."""
  more = [
    n - len(a) for n, a in zip(_ROWS, (positions, triangles), strict=True)
  ]
  return (
    np.pad(positions, ((0, more[0]), (0, 0))),
    np.pad(triangles, ((0, more[1]), (0, 0))),
  )


def _bad(array: np.ndarray) -> int:
  return int((~np.isfinite(array)).sum())


def _plane() -> tuple[np.ndarray, np.ndarray]:
  """A crooked mesh in a plane that covers the picture."""
  rng = np.random.default_rng(1)
  n = 33
  x, y = np.meshgrid(np.linspace(-2, _W + 2, n), np.linspace(-2, _H + 2, n))
  p = np.stack([x, y, np.full_like(x, 7.3)], -1)
  p[..., :2] += rng.uniform(-0.25, 0.25, (n, n, 2))
  i = np.arange(n * n).reshape(n, n)
  a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, :-1], i[1:, 1:]
  triangles = np.stack([np.stack([a, c, b], -1), np.stack([b, c, d], -1)], 2)
  return (
    p.reshape(-1, 3).astype(np.float32),
    triangles.reshape(-1, 3).astype(np.int32),
  )


_Case = tuple[Callable[..., Array], tuple[np.ndarray, ...]]


def _interpolation(mesh: _Scene, size: tuple[int, int]) -> _Case:
  """Colours of a mesh in a picture."""
  positions, triangles = mesh
  rng = np.random.default_rng(2)
  colours = rng.uniform(size=(len(positions), 3)).astype(np.float32)

  def draw(positions: Array, colours: Array) -> Array:
    fragments = rasterizer.rasterize(positions, triangles, *size)
    return rasterizer.interpolate(positions, colours, triangles, fragments)

  return draw, (positions, colours)


def _sampling(
  batch: int, shape: tuple[int, int, int], channels: int
) -> dict[str, _Case]:
  """Sampling of volumes at places, and their shifts."""
  rng = np.random.default_rng(3)

  def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)

  volume = normal(batch, *shape, channels)
  places = np.asarray(grids.coordinate_grid(*shape))
  places = places + 0.15 * normal(batch, *shape, 3)
  shift = 0.3 * normal(batch, 16, 3)

  def warp(volume: jax.Array, places: jax.Array) -> jax.Array:
    return grid_sample.grid_sample_3d(
      volume, places, padding='zeros', align_corners=False
    )

  return {
    'grid_sample': (warp, (volume, places)),
    'shifts': (shifting.shifted, (volume[..., :4], shift)),
  }


def _cases() -> dict[str, _Case]:
  """What is compared with a CPU."""
  face = scenes()['a face']
  return {
    'interpolation': _interpolation(face, (_H, _W)),
    **_sampling(1, (4, 8, 8), 8),
  }


def _timed(scale: plan.Scale) -> dict[str, _Case]:
  """What is timed: forward and backward."""
  cases = {
    'rasterizer': _interpolation(
      rasterize_speed.face(*scale.mesh), (scale.picture,) * 2
    ),
    **_sampling(scale.middle, scale.volume, 32),
  }
  found: dict[str, _Case] = {}
  for name, (function, arrays) in cases.items():
    found[f'{name}_forward'] = function, arrays
    found[f'{name}_both'] = _pulled(function), arrays
  return found


def _pulled(function: Callable[..., Array]) -> Callable[..., Any]:
  """Value of a function and gradients, for a cotangent of fixed numbers."""

  def both(*arrays: Array) -> Any:
    value, pull = jax.vjp(function, *arrays)
    cotangent = jnp.cos(jnp.arange(value.size, dtype=jnp.float32))
    return value, *pull(cotangent.reshape(value.shape))

  return both


def _results(
  function: Callable[..., Array], arrays: tuple[np.ndarray, ...]
) -> dict[str, np.ndarray]:
  """Value and gradients of a case."""
  found = jax.jit(_pulled(function))(*arrays)
  names = ('value', *(f'gradient {i}' for i in range(len(arrays))))
  return {n: np.asarray(a) for n, a in zip(names, found, strict=True)}


def _seconds(
  function: Callable[..., Any], arrays: tuple[np.ndarray, ...], repeats: int
) -> float:
  """Median seconds of a function on arrays that lie on the device."""
  placed = jax.device_put(arrays)
  return statistics.median(timing.seconds(jax.jit(function), placed, repeats))
