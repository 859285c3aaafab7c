"""The linear face model on a tetrahedron with random bases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.face3d.bases import morphable


def _tetrahedron() -> np.ndarray:
  return np.int32([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])


@pytest.fixture(scope='module')
def model() -> morphable.MorphableModel:
  """A tetrahedron with random bases, counter-clockwise from outside."""
  rng = np.random.default_rng(0)
  mean = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
  ids, weights = morphable.at_vertices(rng.integers(0, 4, 68))
  dense = rng.uniform(0, 1, (468, 3))
  return morphable.MorphableModel(
    name='tetrahedron',
    mean=mean,
    identity=rng.normal(0, 0.1, (80, 4, 3)).astype(np.float32),
    expression=rng.normal(0, 0.1, (64, 4, 3)).astype(np.float32),
    triangles=_tetrahedron(),
    vertex_triangles=morphable.vertex_triangles(_tetrahedron(), 4),
    landmark_ids=ids,
    landmark_weights=weights,
    dense_ids=rng.integers(0, 4, (468, 3)).astype(np.int32),
    dense_weights=(dense / dense.sum(1, keepdims=True)).astype(np.float32),
    dense_valid=np.ones(468, bool),
    triangle_group=np.int32([0, 1, 1, 0]),
    group_names=('front', 'back'),
  )


def _weights(*shape):
  return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def test_no_weights_give_the_mean(model):
  np.testing.assert_array_equal(morphable.shape(model), model.mean)
  zero = morphable.shape(model, np.zeros(80, 'f4'), np.zeros(64, 'f4'))
  np.testing.assert_array_equal(zero, model.mean)


def test_shape_is_linear_and_broadcasts_identity_over_frames(model):
  identity, expression = _weights(80), _weights(5, 64)
  out = morphable.shape(model, identity, expression)
  expected = (
    model.mean
    + np.tensordot(identity, model.identity, 1)
    + np.tensordot(expression, model.expression, 1)
  )
  assert out.shape == (5, 4, 3)
  np.testing.assert_allclose(out, expected, atol=1e-5)


def test_model_is_a_pytree_argument_of_jit_and_vmap(model):
  expression = _weights(3, 64)
  plain = morphable.shape(model, None, expression)
  jitted = jax.jit(morphable.shape)(model, None, expression)
  mapped = jax.vmap(lambda e: morphable.shape(model, None, e))(expression)
  np.testing.assert_allclose(jitted, plain, atol=1e-6)
  np.testing.assert_allclose(mapped, plain, atol=1e-6)
  leaves, tree = jax.tree.flatten(model)
  again = jax.tree.unflatten(tree, leaves)
  assert again.name == 'tetrahedron' and again.uv is None
  assert again.group_names == ('front', 'back')


def test_normals_point_outwards_and_have_unit_length(model):
  normals = np.asarray(morphable.vertex_normals(model, model.mean))
  np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1, rtol=1e-6)
  outward = model.mean - model.mean.mean(0)
  assert ((normals * outward).sum(-1) > 0).all()
  # Vertex 0: the mean of -z, -y and -x.
  np.testing.assert_allclose(normals[0], -np.ones(3) / np.sqrt(3), atol=1e-6)


def test_normals_turn_with_the_vertices(model):
  turn = np.float32([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
  before = morphable.vertex_normals(model, model.mean)
  after = morphable.vertex_normals(model, model.mean @ turn.T)
  np.testing.assert_allclose(after, before @ turn.T, atol=1e-6)


def test_normals_of_degenerate_meshes_are_zero_with_finite_gradients(model):
  flat = jnp.zeros((4, 3))
  np.testing.assert_array_equal(morphable.vertex_normals(model, flat), flat)
  total = jax.jit(jax.grad(lambda v: morphable.vertex_normals(model, v).sum()))
  assert np.isfinite(total(flat)).all()


def test_vertex_triangles_lists_every_incidence_once():
  triangles = np.int32([[0, 1, 2], [2, 1, 3], [4, 4, 0]])
  table = morphable.vertex_triangles(triangles, 6)
  found = [set(row.tolist()) - {3} for row in table]
  assert found == [{0, 2}, {0, 1}, {0, 1}, {1}, {2}, set()]
  assert table.shape == (6, 2)


def test_surface_points_mix_corners():
  vertices = np.float32([[0, 0, 0], [2, 0, 0], [0, 4, 0]])
  points = morphable.surface_points(
    vertices,
    np.int32([[0, 1, 2], [2, 2, 2]]),
    np.float32([[0.5, 0.25, 0.25], [1, 0, 0]]),
  )
  np.testing.assert_allclose(points, [[0.5, 1, 0], [0, 4, 0]])


def test_landmarks_commute_with_the_linear_model(model):
  identity, expression = _weights(80), _weights(64)
  vertices = morphable.shape(model, identity, expression)
  for points, ids, weights in (
    (
      morphable.landmarks68(model, vertices),
      model.landmark_ids,
      model.landmark_weights,
    ),
    (
      morphable.dense_landmarks(model, vertices),
      model.dense_ids,
      model.dense_weights,
    ),
  ):
    mean, by_identity, by_expression = morphable.restrict(model, ids, weights)
    expected = (
      mean
      + np.tensordot(identity, by_identity, 1)
      + np.tensordot(expression, by_expression, 1)
    )
    np.testing.assert_allclose(points, expected, atol=1e-5)


def test_group_selects_triangles(model):
  np.testing.assert_array_equal(model.group('front'), [0, 3])
  np.testing.assert_array_equal(model.group('front', 'back'), range(4))
  with pytest.raises(ValueError, match='side'):
    model.group('side')


def test_pad_basis_adds_zero_rows_or_cuts():
  basis = np.ones((3, 2, 3))
  assert morphable.pad_basis(basis, 5).sum() == 18
  assert morphable.pad_basis(basis, 2).shape == (2, 2, 3)


def test_misuse_is_named(model):
  with pytest.raises(ValueError, match='80 weights.*79'):
    morphable.shape(model, np.zeros(79, np.float32))
  with pytest.raises(ValueError, match='texture.*tetrahedron'):
    morphable.texture(model)
