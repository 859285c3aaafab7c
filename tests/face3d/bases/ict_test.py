"""The ICT-FaceKit loader on folders of OBJ files written here."""

import json

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.face3d import alignment
from sadtalker_jax.face3d.bases import ict, morphable


def _obj(vertices, polygons=(), uv=None, uv_polygons=None) -> str:
  lines = [
    '# a comment',
    *(f'v {x:.6f} {y:.6f} {z:.6f}' for x, y, z in vertices),
  ]
  if uv is not None:
    lines += [f'vt {u:.6f} {v:.6f}' for u, v in uv]
  for i, polygon in enumerate(polygons):
    corners = [
      f'{p + 1}/{uv_polygons[i][k] + 1}/1' if uv is not None else f'{p + 1}'
      for k, p in enumerate(polygon)
    ]
    lines.append('f ' + ' '.join(corners))
  return '\n'.join(lines) + '\n'


def _write(folder, neutral, identity, expression, names, landmarks, **mesh):
  (folder / ict.NEUTRAL_FILE).write_text(_obj(neutral, **mesh))
  for i, delta in enumerate(identity):
    (folder / f'identity{i:03d}.obj').write_text(_obj(neutral + delta))
  for name, delta in zip(names, expression, strict=True):
    (folder / f'{name}.obj').write_text(_obj(neutral + delta))
  (folder / ict.INDEX_FILE).write_text(
    json.dumps({ict.INDEX_KEY: [int(i) for i in landmarks]})
  )


NAMES = ['browDown_L', 'jawOpen', 'mouthClose']


@pytest.fixture
def tiny(tmp_path):
  """A strip of 40 quads and a triangle; 82 identities, 3 expressions."""
  rng = np.random.default_rng(0)
  neutral = rng.normal(0, 5, (82, 3)).round(4)
  quads = [(i, i + 1, i + 42, i + 41) for i in range(40)]
  polygons = [*quads, (0, 1, 81)]
  identity = rng.normal(0, 0.3, (82, 82, 3)).round(4)
  expression = rng.normal(0, 1, (3, 82, 3)).round(4)
  uv = rng.uniform(0, 1, (90, 2)).round(4)
  uv_polygons = [tuple(c + 5 for c in p) for p in polygons]
  landmarks = rng.permutation(82)[:68]
  _write(
    tmp_path,
    neutral,
    identity,
    expression,
    NAMES,
    landmarks,
    polygons=polygons,
    uv=uv,
    uv_polygons=uv_polygons,
  )
  return tmp_path, neutral, identity, expression, landmarks, uv


def test_bases_are_differences_in_decimetre(tiny):
  folder, _, identity, expression, *_ = tiny
  model = ict.load(folder)
  assert model.identity.shape == (80, 82, 3)
  assert model.expression.shape == (64, 82, 3)
  np.testing.assert_allclose(model.identity, identity[:80] / 10, atol=1e-5)
  np.testing.assert_allclose(model.expression[:3], expression / 10, atol=1e-5)
  assert not model.expression[3:].any()
  assert model.expression_names == tuple(NAMES)


def test_mean_stands_where_the_standard_face_stands(tiny):
  folder, neutral, *_, landmarks, _ = tiny
  model = ict.load(folder)
  shift = model.mean - neutral / 10
  np.testing.assert_allclose(shift, np.tile(shift[0], (82, 1)), atol=1e-6)
  np.testing.assert_array_equal(model.landmark_ids[:, 0], landmarks)
  points = np.asarray(morphable.landmarks68(model, model.mean))
  np.testing.assert_allclose(
    alignment.five_points(points).mean(0),
    alignment.STANDARD_POINTS.mean(0),
    atol=1e-5,
  )


def test_polygons_become_fans_with_their_uv(tiny):
  folder, *_, uv = tiny
  model = ict.load(folder)
  assert model.triangles.shape == (81, 3)
  np.testing.assert_array_equal(model.triangles[:2], [[0, 1, 42], [0, 42, 41]])
  np.testing.assert_array_equal(model.triangles[-1], [0, 1, 81])
  np.testing.assert_allclose(model.uv[1], uv[[5, 47, 46]], atol=1e-6)


def test_landmarks_may_come_from_a_text_file(tiny, tmp_path):
  folder, *_ = tiny
  path = tmp_path / 'landmarks.txt'
  path.write_text('\n'.join(str(i) for i in range(68)))
  model = ict.load(folder, indices=path, num_identity=3)
  np.testing.assert_array_equal(model.landmark_ids[:, 1], range(68))
  assert not model.identity[3:].any()


def test_faces_without_uv_load(tmp_path):
  neutral = np.random.default_rng(0).normal(size=(70, 3))
  _write(
    tmp_path, neutral, [], [neutral], ['jawOpen'], range(68),
    polygons=[(0, 1, 2, 3, 4)],
  )  # fmt: skip
  model = ict.load(tmp_path, num_identity=0)
  assert model.uv is None and model.num_triangles == 3


def _remove_neutral(folder):
  (folder / ict.NEUTRAL_FILE).unlink()


def _remove_identities(folder):
  for i in range(60, 82):
    (folder / f'identity{i:03d}.obj').unlink()


def _short_expression(folder):
  (folder / 'jawOpen.obj').write_text(_obj(np.zeros((81, 3))))


def _too_many_expressions(folder):
  for i in range(62):
    (folder / f'extra{i}.obj').write_text('')


def _words(folder):
  (folder / 'jawOpen.obj').write_text('v one two three\n')


def _ragged(folder):
  (folder / 'jawOpen.obj').write_text('v 1 2 3\nv 1 2\n')


def _far_corner(folder):
  path = folder / ict.NEUTRAL_FILE
  path.write_text(path.read_text() + 'f 1/1/1 2/1/1 99/1/1\n')


def _no_indices(folder):
  (folder / ict.INDEX_FILE).unlink()


def _few_landmarks(folder):
  (folder / ict.INDEX_FILE).write_text(json.dumps({ict.INDEX_KEY: [1, 2]}))


def _broken_json(folder):
  (folder / ict.INDEX_FILE).write_text('{')


@pytest.mark.parametrize(
  ('damage', 'message'),
  [
    (_remove_neutral, 'generic_neutral_mesh.obj'),
    (_remove_identities, 'expected 80 files identityNNN.obj, found 60'),
    (_short_expression, 'expected 82 vertices.*found 81.*jawOpen.obj'),
    (_too_many_expressions, 'expected 1 to 64 expression.*found 65'),
    (_words, 'expected lines "v x y z"'),
    (_ragged, 'jawOpen.obj'),
    (_far_corner, 'from 1 to 82'),
    (_no_indices, 'vertex_indices.json'),
    (_few_landmarks, 'expected 68 vertices.*found 2'),
    (_broken_json, 'found neither'),
  ],
)
def test_damaged_folders_are_named_in_one_line(tiny, damage, message):
  folder, *_ = tiny
  damage(folder)
  with pytest.raises(errors.InputError, match=message) as caught:
    ict.load(folder)
  assert '\n' not in str(caught.value)


def test_absent_folder_is_named(tmp_path):
  with pytest.raises(errors.InputError, match='nowhere'):
    ict.load(tmp_path / 'nowhere')


def test_the_real_model_loads_from_obj_files(shared, tmp_path):
  with np.load(shared / 'samples' / 'morphable' / 'ict_full.npz') as z:
    neutral = z['neutral'].astype(np.float64)
    names = [str(n) for n in z['expression_names']]
    _write(
      tmp_path,
      neutral,
      z['identity'][:2].astype(np.float64),
      z['expression'][:3].astype(np.float64),
      names[:3],
      json.loads(str(z['indices']))[ict.INDEX_KEY],
      polygons=z['quads'],
      uv=z['uv'],
      uv_polygons=z['quads_uv'],
    )
    identity = z['identity'][1].astype(np.float32)
  model = ict.load(tmp_path, num_identity=2)
  assert model.num_vertices == 26719 and model.num_triangles == 2 * 25836
  # Six decimals in the files, float16 in the sample.
  np.testing.assert_allclose(model.identity[1], identity / 10, atol=1e-5)
  five = alignment.five_points(
    np.asarray(morphable.landmarks68(model, model.mean))
  )
  # A face of the right size, the right way up, looking at the camera.
  assert np.abs(five - alignment.STANDARD_POINTS).max() < 0.2
  normals = np.asarray(morphable.vertex_normals(model, model.mean))
  nose = model.landmark_ids[30, 0]
  assert normals[nose, 2] > 0.5
