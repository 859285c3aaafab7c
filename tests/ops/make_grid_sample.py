"""Makes tests/testdata/grid_sample.npz: what PyTorch's grid_sample answers.

    python tests/ops/make_grid_sample.py    # wants torch; made with 2.13 (CPU)

Per rank: cells, places and a cotangent; per padding and align_corners values,
and the gradients of both. Among the places are middles of cells, edges of the
picture, far ones; the sizes `thin` have an axis with a single cell.
"""

import itertools
import pathlib

import numpy as np
import torch

SIZES = {'2': (5, 4), '3': (3, 5, 4), '2_thin': (1, 4), '3_thin': (2, 1, 3)}
PADDINGS = ('zeros', 'border', 'reflection')


def _places(rng: np.random.Generator, lengths: tuple[int, ...]) -> np.ndarray:
  """[2, *M, R]: a third random, a third on cells or edges, a third far out."""
  shape = (2, 2, 3, 4) if len(lengths) == 3 else (2, 3, 4)
  grid = rng.uniform(-1.2, 1.2, (*shape, len(lengths)))
  special = [-1, 1, 0, -1.5, 1.5, 3.25, -4.75]
  for axis, length in enumerate(lengths[::-1]):
    aligned = [-1 + 2 * i / max(length - 1, 1) for i in range(length)]
    edged = [(2 * i + 1) / length - 1 for i in range(length)]
    chosen = rng.choice(special + aligned + edged, shape)
    grid[..., axis] = np.where(rng.random(shape) < 0.6, chosen, grid[..., axis])
  return grid.astype(np.float32)


def _last(x: torch.Tensor) -> np.ndarray:
  """Channels last."""
  return np.moveaxis(x.detach().numpy(), 1, -1)


def main() -> None:
  rng = np.random.default_rng(0)
  data = {}
  for name, lengths in SIZES.items():
    grid = _places(rng, lengths)
    cells = rng.standard_normal((2, *lengths, 3)).astype(np.float32)
    g = rng.standard_normal((*grid.shape[:-1], 3)).astype(np.float32)
    data |= {f'cells_{name}': cells, f'grid_{name}': grid}
    data[f'cotangent_{name}'] = g
    for padding, aligned in itertools.product(PADDINGS, (False, True)):
      inputs = torch.tensor(
        np.moveaxis(cells, -1, 1).copy(), requires_grad=True
      )
      places = torch.tensor(grid, requires_grad=True)
      values = torch.nn.functional.grid_sample(
        inputs, places, padding_mode=padding, align_corners=aligned
      )
      values.backward(torch.tensor(np.moveaxis(g, -1, 1).copy()))
      key = f'{name}_{padding}_{int(aligned)}'
      data[f'values_{key}'] = _last(values)
      data[f'cells_gradient_{key}'] = _last(inputs.grad)
      data[f'grid_gradient_{key}'] = places.grad.numpy()
  target = pathlib.Path(__file__).parent.parent / 'testdata/grid_sample.npz'
  np.savez_compressed(target, **data)


if __name__ == '__main__':
  main()
