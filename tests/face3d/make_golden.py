"""Makes testdata/rasterizer.npz: a picture and gradients by DRTK's CPU kernels.

    PYTHONPATH=. python tests/face3d/make_golden.py tests/testdata

Needs torch and a build of the `drtk` package (facebookresearch/DRTK, MIT
licence; commit 01f9d76 made the stored file). The tests need neither.
"""

import importlib
import pathlib
import sys

import numpy as np

SIZE = 48


def scene(n: int = 60) -> dict[str, np.ndarray]:
  """A bumpy egg, turned aside; corners in pixels, centres at half-integers."""
  v, u = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
  azimuth, height = u * 1.8 + 0.6, v * 1.4
  x, y, z = (
    0.75 * np.sin(azimuth) * np.cos(height),
    np.sin(height),
    0.8 * np.cos(azimuth) * np.cos(height),
  )
  z = z + 0.5 * np.exp(-((u / 0.15) ** 2) - (v / 0.2) ** 2)
  depth = 8 - z
  points = [170 * x / depth + SIZE / 2, 170 * y / depth + SIZE / 2, depth]
  positions = np.stack(points, -1).reshape(-1, 3).astype(np.float32)
  i = np.arange(n * n).reshape(n, n)
  a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, :-1], i[1:, 1:]
  triangles = np.stack([np.stack([a, c, b], -1), np.stack([b, c, d], -1)], 2)
  rng = np.random.default_rng(0)
  return {
    'positions': positions,
    'triangles': triangles.reshape(-1, 3).astype(np.int32),
    'colours': rng.uniform(size=(n * n, 3)).astype(np.float32),
    'cotangent': rng.normal(size=(SIZE, SIZE, 3)).astype(np.float32),
  }


def main(folder: str) -> None:
  """Writes the file."""
  torch, drtk = map(importlib.import_module, ('torch', 'drtk'))
  data = scene()
  triangles = torch.from_numpy(data['triangles'])
  half = torch.tensor([0.5, 0.5, 0.0])  # its centres are at whole numbers
  for name in ('inner', 'edge'):
    positions = torch.from_numpy(data['positions'])[None].requires_grad_()
    colours = torch.from_numpy(data['colours'])[None].requires_grad_()
    shifted = positions - half
    ids = drtk.rasterize(shifted, triangles, SIZE, SIZE)
    _, weights = drtk.render(shifted, triangles, ids)
    image = drtk.interpolate(colours, triangles, ids, weights)
    image = image * (ids != -1)[:, None]
    if name == 'edge':
      image = drtk.edge_grad_estimator(shifted, triangles, weights, image, ids)
    cotangent = torch.from_numpy(data['cotangent'].transpose(2, 0, 1)[None])
    image.backward(cotangent)
    data[f'{name}_positions'] = positions.grad[0].numpy()
    data['to_colours'] = colours.grad[0].numpy()
  data['ids'] = ids[0].numpy()
  data['image'] = image.detach()[0].numpy().transpose(1, 2, 0)
  np.savez_compressed(pathlib.Path(folder) / 'rasterizer.npz', **data)


if __name__ == '__main__':
  main(sys.argv[1])
