"""Meshes to rasterise, and the size at which they are."""

import jax
import numpy as np

from sadtalker_jax.face3d.rasterize import rasterizer, visibility_cpu

H, W = 24, 32  # not square
CAPACITY = visibility_cpu.CHUNK

jitted = jax.jit(
  rasterizer.rasterize, static_argnums=(2, 3), static_argnames=('capacity',)
)


def rasterize(positions, triangles, capacity=CAPACITY):
  """Rasterises with padded inputs, so that few shapes have to be compiled."""
  positions = np.asarray(positions, np.float32)
  triangles = np.asarray(triangles, np.int32)
  more = -len(positions) % 1100, -len(triangles) % 1200
  positions = np.pad(positions, ((0, more[0]), (0, 0)))
  triangles = np.pad(triangles, ((0, more[1]), (0, 0)))  # without area
  return jitted(positions, triangles, H, W, capacity=capacity)


def bumpy_grid(n=25, bump=0.3, seed=0):
  """A closed-over, face-like height field and its triangles."""
  rng = np.random.default_rng(seed)
  v, u = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
  z = 6 - bump * np.exp(-4 * (u**2 + v**2)) + 0.02 * np.sin(9 * u) * v
  p = np.stack([16 + 12 * u, 12 + 9 * v, z], -1) + rng.normal(
    0, 1e-3, (n, n, 3)
  )
  i = np.arange(n * n).reshape(n, n)
  a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, :-1], i[1:, 1:]
  triangles = np.stack(
    [np.stack([a, c, b], -1), np.stack([b, c, d], -1)], 2
  ).reshape(-1, 3)
  return p.reshape(-1, 3).astype(np.float32), triangles.astype(np.int32)


def yawed(positions, angle):
  """Turned about the vertical axis through the grid's middle, perspective."""
  p = positions.astype(np.float64) - [16, 12, 6]
  c, s = np.cos(angle), np.sin(angle)
  x, z = c * p[:, 0] + 8 * s * p[:, 2], -s * p[:, 0] / 8 + c * p[:, 2] + 6
  return np.stack([16 + 6 * x / z, 12 + 6 * p[:, 1] / z, z], -1)
