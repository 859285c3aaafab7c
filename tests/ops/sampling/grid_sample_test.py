"""grid_sample against PyTorch's answers, a slow reference, and at its edges.

`testdata/grid_sample.npz` holds what torch 2.13 (CPU) answered: values, and
gradients of both arguments, for places on cells, on edges and far outside. It
is made by `make_grid_sample.py`.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jax.test_util import check_grads
import numpy as np
import pytest

from sadtalker_jax.ops import backends
from sadtalker_jax.ops.sampling import cells, grid_sample

PADDINGS = ('zeros', 'border', 'reflection')


def _sampler(rank: int, padding: str, align_corners: bool):
  function = {2: grid_sample.grid_sample_2d, 3: grid_sample.grid_sample_3d}
  return functools.partial(
    function[rank], padding=padding, align_corners=align_corners
  )


def _pulled(sample):
  """Jitted values and both gradients."""

  @jax.jit
  def run(cells, grid, cotangent):
    values, pull = jax.vjp(sample, cells, grid)
    return values, *pull(cotangent)

  return run


def _example(seed: int, size: tuple[int, ...], places: int, channels: int):
  """Cells, places inside and outside, and a cotangent; batch of 2."""
  rng = np.random.default_rng(seed)
  shapes = (
    (2, *size, channels),
    (2, *[1] * (len(size) - 1), places, len(size)),
    (2, *[1] * (len(size) - 1), places, channels),
  )
  cells, _, cotangent = (rng.standard_normal(s).astype('f4') for s in shapes)
  return cells, rng.uniform(-1.4, 1.4, shapes[1]).astype('f4'), cotangent


@pytest.fixture(params=['cpu', 'others'])
def form(request, monkeypatch):
  """Runs the form of other devices on this one too."""

  def by_device(cpu, others):
    return {'cpu': cpu, 'others': others}[request.param]

  monkeypatch.setattr(backends, 'by_device', by_device)
  return request.param


@pytest.fixture
def cpu_only(monkeypatch):
  """Spares tracing the form of other devices, which is compared elsewhere."""
  monkeypatch.setattr(backends, 'by_device', lambda cpu, others: cpu)


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
@pytest.mark.parametrize('name', ['2', '3'])
def test_values_and_gradients_are_those_of_torch(
  name, padding, align_corners, testdata, cpu_only
):
  _check_golden(testdata, name, padding, align_corners)


@pytest.mark.parametrize('padding', PADDINGS)
@pytest.mark.parametrize(
  ('name', 'align_corners'), [('2_thin', True), ('3_thin', False)]
)
def test_axes_of_one_cell_are_those_of_torch(
  name, padding, align_corners, testdata, cpu_only
):
  _check_golden(testdata, name, padding, align_corners)


def _check_golden(testdata, name, padding, align_corners):
  data = np.load(testdata / 'grid_sample.npz')
  key = f'{name}_{padding}_{int(align_corners)}'
  run = _pulled(_sampler(int(name[0]), padding, align_corners))
  values, of_cells, of_grid = run(
    *(data[f'{what}_{name}'] for what in ('cells', 'grid', 'cotangent'))
  )
  # Sums of 8 products of size 1, in another order.
  np.testing.assert_allclose(values, data[f'values_{key}'], atol=2e-6)
  np.testing.assert_allclose(of_cells, data[f'cells_gradient_{key}'], atol=2e-6)
  np.testing.assert_allclose(
    of_grid, data[f'grid_gradient_{key}'], rtol=1e-5, atol=1e-5
  )


@pytest.mark.parametrize('padding', PADDINGS)
def test_values_equal_a_slow_reference(padding):
  size = 3, 4, 2
  rng = np.random.default_rng(len(size))
  cells = rng.standard_normal((2, *size, 2)).astype(np.float32)
  grid = rng.uniform(-3, 3, (2, *[3] * len(size), len(size)))
  grid = grid.astype(np.float32)
  for align_corners in (False, True):
    sample = jax.jit(_sampler(len(size), padding, align_corners))
    want = _slow(cells, grid, padding, align_corners)
    # Places are rounded to 2e-7 of up to 10 cells.
    np.testing.assert_allclose(sample(cells, grid), want, atol=1e-5)


@pytest.mark.parametrize(('size', 'channels'), [((5, 4), 3), ((3, 5, 4), 9)])
def test_forms_of_devices_agree(size, channels, monkeypatch):
  # 7 places a chunk: 3 chunks, the last of them not full.
  monkeypatch.setattr(cells, '_CHUNK', 7 * channels)
  inputs = _example(1, size, 10, channels)
  sample = _sampler(len(size), 'zeros', False)
  found = []
  for which in (0, 1):
    monkeypatch.setattr(
      backends, 'by_device', lambda *forms, which=which: forms[which]
    )
    found.append(_pulled(sample)(*inputs))
  for one, other in zip(*found, strict=True):
    # Sums in another order.
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('padding', ['zeros', 'reflection'])
def test_gradients_are_those_of_finite_differences(padding, cpu_only):
  with jax.enable_x64(True):
    rng = np.random.default_rng(6)
    volume = rng.standard_normal((1, 3, 4, 3, 2))
    # Between the middles of cells, where the values are smooth.
    index = rng.integers(-2, 5, (1, 1, 2, 3, 3)) + rng.uniform(
      0.1, 0.9, (1, 1, 2, 3, 3)
    )
    grid = (2 * index + 1) / np.array([3, 4, 3]) - 1
    sample = jax.jit(_sampler(3, padding, False))
    check_grads(sample, (volume, grid), 1, modes=['rev'], atol=1e-7, rtol=1e-7)


def test_integer_shift_moves_the_cells():
  image = np.random.default_rng(7).standard_normal((1, 4, 6, 2)).astype('f4')
  y, x = np.meshgrid(np.arange(4), np.arange(6), indexing='ij')
  place = np.stack([x + 2, y - 1], -1)[None]
  grid = ((2 * place + 1) / np.array([6, 4]) - 1).astype('f4')
  moved = jax.jit(_sampler(2, 'zeros', False))(image, grid)
  want = np.zeros_like(image)
  want[:, 1:, :-2] = image[:, :-1, 2:]
  np.testing.assert_allclose(moved, want, atol=1e-5)  # places are rounded


def test_arrays_may_be_views():
  cells, grid, _ = _example(8, (5, 4), 6, 3)
  sample = jax.jit(_sampler(2, 'border', True))
  view = np.moveaxis(np.moveaxis(cells, -1, 1).copy(), 1, -1)
  np.testing.assert_array_equal(sample(view, grid), sample(cells, grid))


def test_vmap_equals_a_loop():
  cells, grid, cotangent = (
    np.stack([a, 2 * a[::-1]]) for a in _example(9, (5, 4), 6, 3)
  )
  run = _pulled(_sampler(2, 'reflection', False))
  together = jax.vmap(run)(cells, grid, cotangent)
  shared = jax.vmap(run, (None, 0, 0))(cells[1], grid, cotangent)
  for i in (0, 1):
    for one, many in zip(
      run(cells[i], grid[i], cotangent[i]), together, strict=True
    ):
      np.testing.assert_allclose(many[i], one, atol=1e-6)
  np.testing.assert_allclose(shared[0][1], together[0][1], atol=1e-6)


def test_forward_mode_is_refused():
  cells, grid, _ = _example(10, (5, 4), 6, 3)
  with pytest.raises(TypeError, match='custom_vjp'):
    jax.jvp(_sampler(2, 'zeros', False), (cells, grid), (cells, grid))


def test_sharding_the_batch_changes_nothing(form):
  inputs = _example(11, (4, 4), 8, 9)
  run = _pulled(_sampler(2, 'border', False))
  mesh = jax.make_mesh((2,), ('data',), axis_types=(AxisType.Auto,))
  along = NamedSharding(mesh, PartitionSpec('data'))
  apart = jax.device_put(inputs, along)
  program = jax.jit(run, out_shardings=along).lower(*apart).compile()
  for one, other in zip(program(*apart), run(*inputs), strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
  if form == 'others':
    text = program.as_text()
    for collective in ('all-gather', 'all-reduce', 'all-to-all', 'permute'):
      assert collective not in text


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

  values = jax.jit(sample)(image, grid)
  assert np.isfinite(values).all()
  for gradient in jax.jit(jax.grad(total, (0, 1)))(image, grid):
    assert np.isfinite(gradient).all()
  if padding == 'zeros':
    np.testing.assert_array_equal(values[0, 0], 0)


def test_halves_are_summed_in_float32():
  image = np.random.default_rng(3).standard_normal((1, 5, 5, 4))
  image = jnp.asarray(image, jnp.bfloat16)
  grid = np.random.default_rng(4).uniform(-1, 1, (1, 6, 6, 2))
  grid = jnp.asarray(grid, jnp.float32)
  sample = jax.jit(_sampler(2, 'border', False))
  found = sample(image, grid)
  assert found.dtype == jnp.bfloat16
  want = sample(image.astype(jnp.float32), grid)
  np.testing.assert_array_equal(found, want.astype(jnp.bfloat16))


def test_gradients_of_halves_are_summed_in_float32(form):
  cells, grid, cotangent = _example(12, (3, 3), 200, 9)
  cells, cotangent = (jnp.asarray(a, jnp.bfloat16) for a in (cells, cotangent))
  run = _pulled(_sampler(2, 'border', False))
  _, of_cells, of_grid = run(cells, grid, cotangent)
  assert of_cells.dtype == jnp.bfloat16 and of_grid.dtype == jnp.float32
  _, want_cells, want_grid = run(
    cells.astype(jnp.float32), grid, cotangent.astype(jnp.float32)
  )
  np.testing.assert_array_equal(of_cells, want_cells.astype(jnp.bfloat16))
  np.testing.assert_allclose(of_grid, want_grid, rtol=1e-6, atol=1e-5)


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
  with pytest.raises(ValueError, match='floating'):
    _sampler(2, 'zeros', False)(image.astype(np.uint8), grid[..., :2])
