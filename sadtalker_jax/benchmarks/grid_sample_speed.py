"""Times of sampling, with PyTorch's beside them where it is installed.

The part of `bench` for `grid_sample`. Three cases, at the sizes of the renderer
for 256 pixels: `deform`, the last warp of the features (3-D, 32 channels, by a
smooth motion); `keypoints`, 16 shifts of the 4-channel volume that dense motion
looks at; `image`, 256 x 256 pixels, 3 channels, border, slightly zoomed out.
Each forward, and forward with the gradients of both arguments.

The peer (CPU only) is `torch.nn.functional.grid_sample` on contiguous NCHW or
NCDHW, on as many threads as the process may use; for the shifts its copies of
the volume and its grid are made beforehand. Calls of all take turns, so a ratio
compares calls that ran under the same load. For one core: `taskset -c 0`.
"""

from collections.abc import Callable, Iterator, Sequence
import importlib
import importlib.util
import os
import statistics
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.benchmarks import timing
from sadtalker_jax.ops.sampling import grid_sample, grids, shifting

SHAPE = (16, 64, 64)  # depth, height, width of the volume
SIDE = 256  # side of the image, pixels
_KEYPOINTS = 16


class _Case(NamedTuple):
  """One use of sampling, and what the peer does instead."""

  function: Callable[..., jax.Array]
  arguments: tuple[np.ndarray, np.ndarray]
  cells: np.ndarray  # for the peer, channels last
  grid: np.ndarray
  padding: str


def run(batches: Sequence[int], repeats: int) -> Iterator[timing.Line]:
  """One line for every batch size, case and direction.

  Args:
    batches: Numbers of volumes or images sampled together.
    repeats: Number of timed calls.

  Raises:
    InputError: No repeat, or a batch of none.
  """
  timing.check(batches, repeats)
  about = {
    'what': 'grid_sample',
    **timing.device(),
    'dtype': 'float32',
    'repeats': repeats,
  }
  torch = _torch() if about['platform'] == 'cpu' else None
  if torch is not None:
    about |= {'torch': torch.__version__, 'threads': torch.get_num_threads()}
  for batch in batches:
    for name, case in _cases(batch).items():
      calls = _ours(case) | ({} if torch is None else _peer(case, torch))
      times = timing.take_turns(calls, repeats)
      for direction in ('forward', 'both'):
        yield {
          **about,
          'batch': batch,
          'case': name,
          'direction': direction,
          **_summary(times, direction),
        }


def _cases(batch: int) -> dict[str, _Case]:
  rng = np.random.default_rng(0)

  def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)

  base = grids.coordinate_grid(*SHAPE)
  coarse = normal(batch, *(n // 8 for n in SHAPE), 3)
  smooth = jax.image.resize(coarse, (batch, *SHAPE, 3), 'linear')
  motion = base + 0.15 * np.asarray(smooth)
  volume = normal(batch, *SHAPE, 32)

  small = normal(batch, *SHAPE, 4)
  shift = 0.3 * normal(batch, _KEYPOINTS, 3)
  places = base + shift[:, :, None, None, None]
  copies = np.repeat(small, _KEYPOINTS, axis=0)

  image = normal(batch, SIDE, SIDE, 3)
  place = 1.05 * ((2 * np.arange(SIDE, dtype=np.float32) + 1) / SIDE - 1)
  zoom = np.stack(np.meshgrid(place, place), -1)
  zoom = np.tile(zoom, (batch, 1, 1, 1)).astype(np.float32)

  def deform(volume: jax.Array, grid: jax.Array) -> jax.Array:
    return grid_sample.grid_sample_3d(
      volume, grid, padding='zeros', align_corners=False
    )

  def warp(image: jax.Array, grid: jax.Array) -> jax.Array:
    return grid_sample.grid_sample_2d(
      image, grid, padding='border', align_corners=False
    )

  moved = places.reshape(-1, *SHAPE, 3)
  return {
    'deform': _Case(deform, (volume, motion), volume, motion, 'zeros'),
    'keypoints': _Case(
      shifting.shifted, (small, shift), copies, moved, 'zeros'
    ),
    'image': _Case(warp, (image, zoom), image, zoom, 'border'),
  }


def _ours(case: _Case) -> dict[str, timing.Call]:
  arguments = jax.device_put(case.arguments)
  forward = jax.jit(case.function)
  shape = jax.eval_shape(forward, *arguments).shape
  cotangent = jnp.asarray(np.random.default_rng(1).standard_normal(shape), 'f4')

  @jax.jit
  def both(cotangent: jax.Array, *arguments: jax.Array) -> Any:
    values, pull = jax.vjp(case.function, *arguments)
    return values, pull(cotangent)

  return {
    'forward': lambda: jax.block_until_ready(forward(*arguments)),
    'both': lambda: jax.block_until_ready(both(cotangent, *arguments)),
  }


def _torch() -> Any | None:
  """PyTorch, if it is installed; the package itself never needs it."""
  if importlib.util.find_spec('torch') is None:
    return None
  # Threads that spin while they wait would slow down all others.
  os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
  torch = importlib.import_module('torch')
  torch.set_num_threads(len(os.sched_getaffinity(0)))
  return torch


def _peer(case: _Case, torch: Any) -> dict[str, timing.Call]:
  cells = torch.tensor(np.moveaxis(case.cells, -1, 1).copy())
  grid = torch.tensor(case.grid)
  leaves = [a.clone().requires_grad_() for a in (cells, grid)]

  def forward(cells: Any, grid: Any) -> Any:
    return torch.nn.functional.grid_sample(
      cells, grid, padding_mode=case.padding, align_corners=False
    )

  cotangent = torch.randn_like(forward(cells, grid))

  def both() -> None:
    for leaf in leaves:
      leaf.grad = None
    forward(*leaves).backward(cotangent)

  return {'peer_forward': lambda: forward(cells, grid), 'peer_both': both}


def _summary(
  times: dict[str, list[tuple[float, float]]], direction: str
) -> dict[str, float]:
  """Medians and least; how many times longer the peer takes."""
  result: dict[str, float] = {}
  for prefix in ('', 'peer_'):
    if prefix + direction not in times:
      return result
    wall, cpu = zip(*times[prefix + direction], strict=True)
    result |= {
      f'{prefix}seconds': statistics.median(wall),
      f'{prefix}seconds_min': min(wall),
      f'{prefix}cpu_seconds': statistics.median(cpu),
      f'{prefix}cpu_seconds_min': min(cpu),
    }
  for what in ('seconds', 'seconds_min', 'cpu_seconds', 'cpu_seconds_min'):
    result[what.replace('seconds', 'ratio')] = (
      result[f'peer_{what}'] / result[what]
    )
  return result
