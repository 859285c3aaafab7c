"""The work of `rasterize_speed` by DRTK, where it is installed.

The package `drtk` (facebookresearch/DRTK, MIT licence) and its torch are loaded
only here, and only if there are both.
"""

import importlib
import importlib.util
from typing import Any

import jax
import numpy as np

from sadtalker_jax.benchmarks import timing


def calls(
  triangles: np.ndarray,
  positions: np.ndarray,
  colours: np.ndarray,
  cotangent: np.ndarray,
) -> dict[str, timing.Call] | None:
  """The same work by DRTK, on a CPU or a GPU as jax; None without DRTK.

  Args:
    triangles: [T, 3] vertices of the triangles.
    positions: [B, V, 3] positions in the picture, and depths.
    colours: [B, V, 3] colours of the vertices.
    cotangent: [B, S, S, 3] derivative of some loss by the picture.
  """
  side = cotangent.shape[1]
  if any(importlib.util.find_spec(n) is None for n in ('torch', 'drtk')):
    return None
  torch, drtk = map(importlib.import_module, ('torch', 'drtk'))
  device = 'cuda' if jax.devices()[0].platform == 'gpu' else 'cpu'

  def tensor(array: np.ndarray) -> Any:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)

  # Pixel centres of DRTK are at whole numbers.
  half = np.array([0.5, 0.5, 0], np.float32)
  points, faces = tensor(positions - half), tensor(triangles.astype(np.int32))
  colour, pull = tensor(colours), tensor(cotangent.transpose(0, 3, 1, 2))

  def ids() -> None:
    with torch.no_grad():
      drtk.rasterize(points, faces, side, side)
    wait()

  def forward() -> None:
    with torch.no_grad():
      draw(points, colour, False)
    wait()

  def draw(points: Any, colour: Any, edge: bool) -> Any:
    ids = drtk.rasterize(points, faces, side, side)
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
