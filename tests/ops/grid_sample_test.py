"""grid_sample against PyTorch's answers, a slow reference, and at its edges.

`testdata/grid_sample.npz` holds what torch 2.13 (CPU) answered: values, and
gradients of both arguments, for places on cells, on edges and far outside.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.ops import grid_sample

PADDINGS = ('zeros', 'border', 'reflection')


def _sampler(rank: int, padding: str, align_corners: bool):
  function = {2: grid_sample.grid_sample_2d, 3: grid_sample.grid_sample_3d}
  return functools.partial(
    function[rank], padding=padding, align_corners=align_corners
  )


def _places(place: float, length: int, padding: str, align_corners: bool):
  """(index, weight) of the one or two cells at a coordinate."""
  if align_corners:
    x = (place + 1) / 2 * (length - 1)
  else:
    x = ((place + 1) * length - 1) / 2
  if padding == 'reflection':
    low, high = (0, length - 1) if align_corners else (-0.5, length - 0.5)
    while high > low and not low <= x <= high:
      x = 2 * low - x if x < low else 2 * high - x
  if padding != 'zeros':
    x = min(max(x, 0), length - 1)
  first = int(np.floor(x))
  pairs = [(first, first + 1 - x), (first + 1, x - first)]
  return [(i, w) for i, w in pairs if 0 <= i < length]


def _slow(cells, grid, padding, align_corners):
  out = np.zeros((*grid.shape[:-1], cells.shape[-1]))
  for at in np.ndindex(grid.shape[:-1]):
    axes = [
      _places(float(place), length, padding, align_corners)
      for place, length in zip(grid[at][::-1], cells.shape[1:-1], strict=True)
    ]
    for taps in itertools.product(*axes):
      weight = np.prod([w for _, w in taps])
      out[at] += weight * cells[(at[0], *(i for i, _ in taps))]
  return out


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize('padding', PADDINGS)
@pytest.mark.parametrize('rank', [2, 3])
def test_values_and_gradients_are_those_of_torch(
  rank, padding, align_corners, testdata
):
  data = np.load(testdata / 'grid_sample.npz')
  key = f'{rank}_{padding}_{int(align_corners)}'

  @jax.jit
  def run(cells, grid, cotangent):
    values, pull = jax.vjp(_sampler(rank, padding, align_corners), cells, grid)
    return values, pull(cotangent)

  values, (of_cells, of_grid) = run(
    data[f'cells_{rank}'], data[f'grid_{rank}'], data[f'cotangent_{rank}']
  )
  # Sums of 8 products of size 1, in another order.
  np.testing.assert_allclose(values, data[f'values_{key}'], atol=2e-6)
  np.testing.assert_allclose(of_cells, data[f'cells_gradient_{key}'], atol=2e-6)
  np.testing.assert_allclose(
    of_grid, data[f'grid_gradient_{key}'], rtol=1e-5, atol=1e-5
  )


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize('padding', PADDINGS)
@pytest.mark.parametrize('size', [(1, 4), (3, 1), (1, 1), (2, 1, 3), (3, 4, 2)])
def test_values_equal_a_slow_reference(size, padding, align_corners):
  rng = np.random.default_rng(len(size))
  cells = rng.standard_normal((2, *size, 2)).astype(np.float32)
  grid = rng.uniform(-3, 3, (2, *[3] * len(size), len(size)))
  grid = grid.astype(np.float32)
  sample = _sampler(len(size), padding, align_corners)
  want = _slow(cells, grid, padding, align_corners)
  # Places are rounded to 2e-7 of up to 10 cells.
  np.testing.assert_allclose(sample(cells, grid), want, atol=1e-5)


def test_grid_of_the_cells_returns_the_input():
  image = np.random.default_rng(1).standard_normal((1, 3, 4, 2))
  image = image.astype(np.float32)
  y, x = np.meshgrid(
    np.linspace(-1, 1, 3), np.linspace(-1, 1, 4), indexing='ij'
  )
  grid = np.stack([x, y], -1)[None].astype(np.float32)
  same = grid_sample.grid_sample_2d(
    image, grid, padding='zeros', align_corners=True
  )
  np.testing.assert_allclose(same, image, atol=1e-6)


@pytest.mark.parametrize('padding', PADDINGS)
def test_odd_places_give_finite_values_and_gradients(padding):
  image = np.random.default_rng(2).standard_normal((1, 3, 4, 2))
  image = image.astype(np.float32)
  grid = np.float32([np.nan, np.inf, -np.inf, 3e38, 0, 0, 1, np.nan])
  grid = grid.reshape(1, 2, 2, 2)
  sample = _sampler(2, padding, False)

  def total(image, grid):
    return jnp.square(sample(image, grid)).sum()

  assert np.isfinite(sample(image, grid)).all()
  for gradient in jax.grad(total, (0, 1))(image, grid):
    assert np.isfinite(gradient).all()
  if padding == 'zeros':
    np.testing.assert_array_equal(sample(image, grid)[0, 0], 0)


def test_halves_are_summed_in_float32():
  image = np.random.default_rng(3).standard_normal((1, 5, 5, 4))
  image = jnp.asarray(image, jnp.bfloat16)
  grid = np.random.default_rng(4).uniform(-1, 1, (1, 6, 6, 2))
  grid = jnp.asarray(grid, jnp.float32)
  sample = _sampler(2, 'border', False)
  found = sample(image, grid)
  assert found.dtype == jnp.bfloat16
  want = sample(image.astype(jnp.float32), grid)
  np.testing.assert_array_equal(found, want.astype(jnp.bfloat16))


@pytest.mark.parametrize('align_corners', [False, True])
def test_matrices_of_the_axes_equal_sampling(align_corners):
  place = np.float32([-2.1, -1, -0.9, -0.3, 0, 0.55, 1, 1.05, 7])
  cells = np.random.default_rng(5).standard_normal((1, 1, 5, 2))
  cells = cells.astype(np.float32)
  grid = np.stack([place, np.zeros_like(place)], -1)[None, None]
  want = grid_sample.grid_sample_2d(
    cells, grid, padding='zeros', align_corners=align_corners
  )
  matrix = grid_sample.interpolation(place, 5, align_corners=align_corners)
  np.testing.assert_allclose(matrix @ cells[0, 0], want[0, 0], atol=1e-6)


def test_wrong_arguments_are_refused():
  image, grid = np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 2, 3))
  with pytest.raises(ValueError, match='grid'):
    grid_sample.grid_sample_2d(
      image, grid, padding='zeros', align_corners=False
    )
  with pytest.raises(ValueError, match='padding'):
    _sampler(2, 'edge', False)(image, grid[..., :2])
