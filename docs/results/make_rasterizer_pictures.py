"""Draws the pictures of docs/results/rasterizer.md into docs/pictures.

    python docs/results/make_rasterizer_pictures.py

Diagrams are drawn with the rasterizer itself and Pillow; the accuracy that is
printed at the end is against a brute force in float64 that lives here.
"""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw

from sadtalker_jax.benchmarks import rasterize_speed
from sadtalker_jax.face3d.rasterize import rasterizer, silhouette

FOLDER = pathlib.Path(__file__).resolve().parent.parent / 'pictures'
SIZE = rasterize_speed.SIZE
INK, PAPER = (30, 30, 40), (255, 255, 255)
FIRST, LATER, MISS = (214, 96, 77), (67, 147, 195), (222, 222, 222)


def work_items(corners: np.ndarray, scale: int = 36) -> Image.Image:
  """Two triangles, their boxes, and the items: first, further, and misses."""
  canvas = Image.new('RGB', (12 * scale, 8 * scale), PAPER)
  draw = ImageDraw.Draw(canvas)
  for x in range(13):
    draw.line([(x * scale, 0), (x * scale, 8 * scale)], fill=MISS)
  for y in range(9):
    draw.line([(0, y * scale), (12 * scale, y * scale)], fill=MISS)
  for triangle in corners:
    low = np.ceil(triangle.min(0) - 0.5).astype(int)
    high = np.floor(triangle.max(0) - 0.5).astype(int)
    draw.rectangle(
      [*(low * scale), *((high + 1) * scale)], outline=(160, 160, 160), width=2
    )
    draw.polygon([tuple(p * scale) for p in triangle], outline=INK, width=3)
    number = 0
    for row in range(low[1], high[1] + 1):
      for column in range(low[0], high[0] + 1):
        centre = np.array([column, row]) + 0.5
        a = triangle - centre
        e = a[:, 0] * np.roll(a[:, 1], -1) - a[:, 1] * np.roll(a[:, 0], -1)
        inside = (e >= 0).all() or (e <= 0).all()
        fill = (LATER if number else FIRST) if inside else PAPER
        x, y = centre * scale
        outline = LATER if number else FIRST
        draw.ellipse([x - 7, y - 7, x + 7, y + 7], fill, outline, width=2)
        number += 1
  return canvas


def fragments(size: int) -> Image.Image:
  """Triangles, depth and weights of the face, side by side."""
  positions, triangles = rasterize_speed.face()
  scaled = positions * np.array([size / SIZE, size / SIZE, 1], np.float32)
  found = rasterizer.rasterize(scaled, triangles, size, size)
  weights = rasterizer.barycentrics(scaled, triangles, found)
  ids, depth = np.asarray(found.triangle_id), np.asarray(found.depth)
  colours = np.random.default_rng(1).uniform(0.25, 1, (len(triangles), 3))
  hit = (ids >= 0)[..., None]
  seen = depth[ids >= 0]
  near = 1 - (depth - seen.min()) / (seen.max() - seen.min())
  grey = np.repeat(np.where(ids >= 0, 0.15 + 0.85 * near, 0)[..., None], 3, -1)
  panels = [np.where(hit, colours[ids], 0), grey, np.asarray(weights)]
  row = np.concatenate(panels, 1)
  return Image.fromarray((255 * row).astype(np.uint8))


def slopes(size: int) -> Image.Image:
  """How much brighter pixels get as a striped face moves right by a pixel.

  By differences of finer pictures, by the gradient of interpolation alone, and
  with the silhouette gradient; each pixel is differentiated on its own.
  """
  positions, triangles = rasterize_speed.face()
  positions = positions * np.array([size / SIZE, size / SIZE, 1], np.float32)
  stripes = 0.6 + 0.35 * np.sin(25 * positions[:, :1] / size)
  shade = stripes.astype(np.float32)

  @functools.partial(jax.jit, static_argnums=(1, 2))
  def draw(shift: jax.Array, fine: int, edge: bool) -> jax.Array:
    points = positions + shift * jnp.array([1, 0, 0], jnp.float32)
    points = points * jnp.array([fine, fine, 1], jnp.float32)
    side = size * fine
    found = rasterizer.rasterize(points, triangles, side, side)
    image = rasterizer.interpolate(points, shade, triangles, found)
    if edge:
      image = silhouette.edge_gradient(
        points, image, triangles, found.triangle_id
      )
    return image.reshape(size, fine, size, fine).mean((1, 3))

  true = draw(jnp.float32(0.5), 8, False) - draw(jnp.float32(-0.5), 8, False)
  panels = [np.asarray(true)]
  for edge in (False, True):
    _, pull = jax.vjp(
      functools.partial(draw, fine=1, edge=edge), jnp.float32(0)
    )
    one_hot = jnp.eye(size, dtype=jnp.float32)

    def row(y: jax.Array, pull=pull, one_hot=one_hot) -> jax.Array:
      rows = jnp.zeros((size, size, size), jnp.float32).at[:, y].set(one_hot)
      return jax.lax.map(lambda g: pull(g)[0], rows)

    panels.append(np.asarray(jax.lax.map(row, jnp.arange(size))))
  scale = 0.5
  rgb = []
  for panel in panels:
    value = np.clip(panel / scale, -1, 1)[..., None]
    red, blue = np.array(FIRST) / 255, np.array(LATER) / 255
    rgb.append(
      1 - np.maximum(value, 0) * (1 - red) - np.maximum(-value, 0) * (1 - blue)
    )
  picture = Image.fromarray((255 * np.concatenate(rgb, 1)).astype(np.uint8))
  return picture.resize((picture.width * 3, picture.height * 3), 0)


def brute_force(positions: np.ndarray, triangles: np.ndarray) -> np.ndarray:
  """Triangle of every pixel by a loop over triangles in float64."""
  best, ids = np.zeros((SIZE, SIZE)), np.full((SIZE, SIZE), -1)
  for t, q in enumerate(positions.astype(np.float64)[triangles]):
    low = np.maximum(np.ceil(q[:, :2].min(0) - 0.5), 0).astype(int)
    high = np.minimum(np.floor(q[:, :2].max(0) - 0.5), SIZE - 1).astype(int)
    if (high < low).any() or q[:, 2].min() <= 0:
      continue
    y, x = np.mgrid[low[1] : high[1] + 1, low[0] : high[0] + 1] + 0.5
    a, b = q[:, 0] - x[..., None], q[:, 1] - y[..., None]
    i, j = [1, 2, 0], [2, 0, 1]
    e = a[..., i] * b[..., j] - b[..., i] * a[..., j]
    area = e.sum(-1)
    inside = ((e >= 0).all(-1) | (e <= 0).all(-1)) & (area != 0)
    key = (e / q[:, 2]).sum(-1) / np.where(area == 0, 1, area)
    window = slice(low[1], high[1] + 1), slice(low[0], high[0] + 1)
    wins = inside & (key > best[window])
    best[window] = np.where(wins, key, best[window])
    ids[window] = np.where(wins, t, ids[window])
  return ids


def accuracy() -> None:
  """Prints wrong pixels of several views against the brute force."""
  face, triangles = rasterize_speed.face()
  middle = np.array([SIZE / 2, SIZE / 2, 0], np.float32)
  side = face - middle  # a profile: depth takes the place of x
  depth = 100 * (side[:, 2] - 9.5)
  profile = np.stack([depth, side[:, 1], 10 + side[:, 0] / 100], -1) + middle
  zoom = np.array([4, 4, 1], np.float32)
  near = np.array([40, 40, 1], np.float32)
  views = {
    'face': face,
    'profile': profile,
    'zoomed 4 times': (face - middle) * zoom + middle,
    'zoomed 40 times': (face - middle) * near + middle,
    'half outside': face + np.array([90, 0, 0], np.float32),
  }
  for name, positions in views.items():
    positions = positions.astype(np.float32)
    expected = brute_force(positions, triangles)
    wrong = [
      int(
        np.sum(
          np.asarray(
            rasterizer.rasterize(
              positions, triangles, SIZE, SIZE, backend=backend
            ).triangle_id
          )
          != expected
        )
      )
      for backend in ('cpu', 'gpu', 'tpu')
    ]
    print(f'{name}: {(expected >= 0).sum()} pixels, wrong {wrong}')


def main() -> None:
  """Writes the pictures and prints the accuracy."""
  FOLDER.mkdir(exist_ok=True)
  corners = np.array(
    [
      [[0.8, 1.1], [2.2, 0.9], [1.4, 1.9]],
      [[4.3, 0.7], [11.2, 2.6], [6.4, 7.2]],
      [[2.1, 4.6], [2.35, 4.7], [2.2, 4.9]],
    ]
  )
  work_items(corners).save(FOLDER / 'rasterizer_items.png', optimize=True)
  fragments(SIZE).save(FOLDER / 'rasterizer_fragments.png', optimize=True)
  slopes(64).save(FOLDER / 'rasterizer_slopes.png', optimize=True)
  accuracy()


if __name__ == '__main__':
  main()
