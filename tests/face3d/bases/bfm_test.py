"""The Basel loaders: parity on a stand-in model, small files, bad files."""

import numpy as np
import pytest
from scipy import io

from sadtalker_jax import errors
from sadtalker_jax.face3d import camera, coeffs, lighting
from sadtalker_jax.face3d.bases import bfm, morphable
from sadtalker_jax.ops import rotation

# Tolerance of the parity data, see their README: float32 on both sides.
TOLERANCE = {'rtol': 1e-4, 'atol': 1e-4}


@pytest.fixture(scope='module')
def golden(testdata):
  out = {}
  for name in ('bfm_parity.npz', 'bfm_parity_texture.npz'):
    with np.load(testdata / name) as stored:
      out |= dict(stored)
  return out


def _front(golden) -> dict:
  prefix = 'bfm_model_'
  return {
    k.removeprefix(prefix): v for k, v in golden.items() if k.startswith(prefix)
  }


@pytest.fixture(scope='module')
def model(golden, tmp_path_factory):
  path = tmp_path_factory.mktemp('bfm') / 'BFM_model_front.mat'
  io.savemat(path, _front(golden))
  return bfm.load(path)


@pytest.fixture(scope='module')
def parts(golden):
  return coeffs.split(golden['bfm_in_coefficients'])


def _posed(model, parts):
  vertices = morphable.shape(model, parts.identity, parts.expression)
  return camera.transform(vertices, parts.angles, parts.translation)


def test_rotation_equals_the_reference(golden, parts):
  # The reference multiplies row vectors: its matrix is our transpose.
  found = np.swapaxes(rotation.matrix(parts.angles), -1, -2)
  np.testing.assert_allclose(found, golden['bfm_out_rotation'], **TOLERANCE)


def test_vertices_equal_the_reference(golden, model, parts):
  posed = np.array(_posed(model, parts))
  posed[..., 2] = camera.depth(posed)  # the camera frame of method 6.4
  np.testing.assert_allclose(
    posed, golden['bfm_out_vertices_camera'], **TOLERANCE
  )


def test_landmarks_equal_the_reference(golden, model, parts):
  points, _ = camera.project(morphable.landmarks68(model, _posed(model, parts)))
  # Pixels: the tolerance grows with the standard deviation, here about 60.
  np.testing.assert_allclose(
    points, golden['bfm_out_landmarks'], rtol=1e-4, atol=5e-3
  )


def test_texture_equals_the_reference(golden, model, parts):
  found = morphable.texture(model, parts.texture)
  np.testing.assert_allclose(found, golden['bfm_out_texture'], **TOLERANCE)


def test_normals_and_colours_equal_the_reference(golden, model, parts):
  vertices = morphable.shape(model, parts.identity, parts.expression)
  normals = morphable.vertex_normals(model, vertices)
  # The stored normals are those before the head rotation, the colours after.
  np.testing.assert_allclose(normals, golden['bfm_out_normals'], **TOLERANCE)
  normals = camera.rotate(normals, parts.angles)
  texture = morphable.texture(model, parts.texture)
  colour = lighting.shade(texture, normals, parts.gamma)
  np.testing.assert_allclose(colour, golden['bfm_out_colour'], **TOLERANCE)


def test_incidence_table_of_the_file_is_what_we_would_build(model):
  own = morphable.vertex_triangles(model.triangles, model.num_vertices)
  for found, expected in zip(model.vertex_triangles, own, strict=True):
    dummy = model.num_triangles
    assert set(found.tolist()) - {dummy} == set(expected.tolist()) - {dummy}


def test_front_region_and_skin_are_read(golden, model):
  assert model.skin_mask.shape == (480,)
  assert model.front_vertices.min() == 0
  np.testing.assert_array_equal(
    model.front_triangles + 1, golden['bfm_model_tri_mask2']
  )


def test_folder_with_the_front_file_loads_it(golden, tmp_path):
  io.savemat(tmp_path / bfm.FRONT_FILE, _front(golden))
  assert bfm.load(tmp_path).num_vertices == 480


# --- raw files --------------------------------------------------------------

V_SHAPE, V_EXP, V_FRONT = 30, 25, 20  # 53,490, 53,215 and 35,709 in the world
DIM_SHAPE, DIM_EXP = 85, 70  # 199 and 79


def _write_raw(folder, seed=0):
  """Small files in the published layout; returns what went in."""
  rng = np.random.default_rng(seed)
  raw = {}
  for kind in ('shape', 'tex'):
    raw[f'{kind}MU'] = rng.normal(size=(3 * V_SHAPE, 1)) * 1e5
    raw[f'{kind}PC'] = rng.normal(size=(3 * V_SHAPE, DIM_SHAPE))
    raw[f'{kind}EV'] = rng.uniform(1, 9, (DIM_SHAPE, 1)) * 1e4
  io.savemat(folder / '01_MorphableModel.mat', raw)
  components = rng.normal(size=(DIM_EXP, 3 * V_EXP)).astype('<f4')
  with open(folder / 'Exp_Pca.bin', 'wb') as file:
    file.write(np.int32(DIM_EXP).tobytes())
    file.write(rng.normal(size=3 * V_EXP).astype('<f4').tobytes())
    file.write(components.tobytes())
  deviations = rng.uniform(1e3, 1e4, DIM_EXP)
  np.savetxt(folder / 'std_exp.txt', deviations[None])
  front = 1 + rng.permutation(V_EXP)[:V_FRONT]
  trim = 1 + rng.permutation(V_SHAPE)[:V_EXP]
  io.savemat(folder / 'BFM_front_idx.mat', {'idx': front[:, None]})
  io.savemat(folder / 'BFM_exp_idx.mat', {'trimIndex': trim[:, None]})
  triangles = 1 + rng.integers(0, V_FRONT, (40, 3))
  info = {
    'tri': triangles,
    'point_buf': 1 + rng.integers(0, 41, (V_FRONT, 8)),
    'keypoints': 1 + rng.integers(0, V_FRONT, (1, 68)),
    'frontmask2_idx': 1 + rng.integers(0, V_FRONT, (11, 1)),
    'tri_mask2': triangles[:7],
    'skinmask': rng.integers(0, 2, (1, V_FRONT)),
  }
  io.savemat(folder / 'facemodel_info.mat', info)
  return raw, components, deviations, front, trim, info


def test_raw_files_give_scaled_bases_of_the_chosen_vertices(tmp_path):
  raw, components, deviations, front, trim, info = _write_raw(tmp_path)
  model = bfm.load(tmp_path)
  assert model.mean.shape == (V_FRONT, 3)
  assert model.expression_names[-1] == 'exp63'
  vertex, component = 7, 4
  into_exp = front[vertex] - 1
  into_shape = trim[into_exp] - 1
  rows = slice(3 * into_shape, 3 * into_shape + 3)
  scale = raw['shapeEV'][component, 0]
  np.testing.assert_allclose(
    model.identity[component, vertex],
    raw['shapePC'][rows, component] * scale / 1e5,
    rtol=1e-5,
  )
  np.testing.assert_allclose(
    model.expression[component, vertex],
    components[component].reshape(-1, 3)[into_exp]
    * deviations[component]
    / 1e5,
    rtol=1e-5,
  )
  np.testing.assert_allclose(
    model.texture_mean[vertex], raw['texMU'][rows, 0] / 255, rtol=1e-5
  )
  np.testing.assert_allclose(model.mean.mean(0), 0, atol=1e-6)
  other = slice(3 * (trim[front[3] - 1] - 1), 3 * trim[front[3] - 1])
  np.testing.assert_allclose(
    model.mean[vertex] - model.mean[3],
    (raw['shapeMU'][rows, 0] - raw['shapeMU'][other, 0]) / 1e5,
    atol=1e-5,
  )
  np.testing.assert_array_equal(model.triangles, info['tri'] - 1)
  np.testing.assert_array_equal(
    model.landmark_ids[:, 0], info['keypoints'][0] - 1
  )


def test_missing_raw_files_are_all_named(tmp_path):
  _write_raw(tmp_path)
  (tmp_path / 'std_exp.txt').unlink()
  (tmp_path / 'Exp_Pca.bin').unlink()
  with pytest.raises(errors.InputError, match='Exp_Pca.bin, std_exp.txt'):
    bfm.load(tmp_path)


def _cut(path):
  path.write_bytes(path.read_bytes()[:-8])


def _drop_deviation(path):
  np.savetxt(path, np.ones(DIM_EXP - 1))


def _words(path):
  path.write_text('not numbers')


def _far_index(path):
  io.savemat(path, {'idx': np.array([[1], [V_EXP + 1]])})


def _zero_index(path):
  io.savemat(path, {'idx': np.array([[0], [1]])})


def _other_key(path):
  io.savemat(path, {'index': np.array([[1]])})


@pytest.mark.parametrize(
  ('name', 'damage', 'message'),
  [
    ('Exp_Pca.bin', _cut, 'K = 70'),
    ('std_exp.txt', _drop_deviation, 'expected 70 .*found 69'),
    ('std_exp.txt', _words, 'expected numbers'),
    ('BFM_front_idx.mat', _far_index, 'idx from 1 to 25, found 1 to 26'),
    ('BFM_front_idx.mat', _zero_index, 'found 0 to 1'),
    ('BFM_front_idx.mat', _other_key, "expected 'idx', found index"),
    ('01_MorphableModel.mat', _words, 'expected a MATLAB file'),
    ('facemodel_info.mat', _other_key, "expected 'tri'"),
  ],
)
def test_damaged_raw_files_are_named_in_one_line(
  tmp_path, name, damage, message
):
  _write_raw(tmp_path)
  damage(tmp_path / name)
  with pytest.raises(errors.InputError, match=message) as caught:
    bfm.load(tmp_path)
  assert name in str(caught.value) and '\n' not in str(caught.value)


@pytest.mark.parametrize(
  ('key', 'value', 'message'),
  [
    ('idBase', np.zeros((1440, 79)), r'idBase of shape \(1440, 80\)'),
    ('meanshape', np.zeros(1441), 'x, y, z'),
    ('meantex', np.zeros(30), 'expected 1440 numbers in meantex, found 30'),
    ('keypoints', np.ones(67), r'keypoints of shape \(68,\)'),
    ('tri', np.full((5, 3), 481), 'tri from 1 to 480'),
  ],
)
def test_damaged_front_files_are_named(golden, tmp_path, key, value, message):
  path = tmp_path / 'front.mat'
  io.savemat(path, _front(golden) | {key: value})
  with pytest.raises(errors.InputError, match=message):
    bfm.load(path)


def test_absent_path_is_named(tmp_path):
  with pytest.raises(errors.InputError, match='nowhere.mat'):
    bfm.load(tmp_path / 'nowhere.mat')
