"""A linear 3-D face model: shape, texture, normals, landmarks.

Conventions: V vertices, T triangles; vertices in decimetre, x right, y up, z
towards the camera, mean face near the origin. Triangles are counter-clockwise
seen from outside. Identity has 80 weights and expression 64 for every model;
slots without a unit are zero rows. Basis arrays are [K, V, 3] and
include their standard deviations, so weights are of order one. Colours are RGB
in [0, 1]. Source: method 6.2, method 6.5.

A landmark is a point on the surface: three vertex ids and three barycentric
weights; a landmark that is a vertex repeats its id, with weights (1, 0, 0).

The model and its functions share this file, because neither is useful alone.
"""

import dataclasses

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.typing import Array

_META = ('name', 'expression_names', 'group_names')


@dataclasses.dataclass(frozen=True, kw_only=True)
class MorphableModel:
  """A face model; a pytree whose leaves are arrays.

  Loaders return numpy arrays, so nothing is on a device before it is used.
  Parts that a model does not have are None.
  """

  mean: Array  # [V, 3] decimetre
  identity: Array  # [80, V, 3]
  expression: Array  # [64, V, 3]
  triangles: Array  # [T, 3] int32
  vertex_triangles: Array  # [V, K] int32, incident triangles, padded with T
  landmark_ids: Array  # [68, 3] int32
  landmark_weights: Array  # [68, 3]
  texture_mean: Array | None = None  # [V, 3] RGB in [0, 1]
  texture_basis: Array | None = None  # [80, V, 3]
  dense_ids: Array | None = None  # [468, 3] int32, FaceMesh points
  dense_weights: Array | None = None  # [468, 3]
  dense_valid: Array | None = None  # [468] bool
  uv: Array | None = None  # [T, 3, 2] per corner, v up
  triangle_group: Array | None = None  # [T] int32, index of group_names
  skin_mask: Array | None = None  # [V], 1 = skin
  front_vertices: Array | None = None  # [N] int32, the small face region
  front_triangles: Array | None = None  # [M, 3] int32
  name: str = ''  # name of the basis, such as 'makehuman'
  expression_names: tuple[str, ...] = ()  # one per used expression slot
  group_names: tuple[str, ...] = ()

  @property
  def num_vertices(self) -> int:
    """Number V of vertices."""
    return self.mean.shape[0]

  @property
  def num_triangles(self) -> int:
    """Number T of triangles."""
    return self.triangles.shape[0]

  def group(self, *names: str) -> np.ndarray:
    """Ids of the triangles of named part groups, ascending; host only.

    Raises:
      ValueError: the model has no group of such a name.
    """
    missing = [n for n in names if n not in self.group_names]
    if missing or self.triangle_group is None:
      raise ValueError(f'expected groups of {self.group_names}, found {names}')
    wanted = [self.group_names.index(n) for n in names]
    return np.flatnonzero(np.isin(np.asarray(self.triangle_group), wanted))


jax.tree_util.register_dataclass(
  MorphableModel,
  data_fields=[
    f.name for f in dataclasses.fields(MorphableModel) if f.name not in _META
  ],
  meta_fields=list(_META),
)


def vertex_triangles(triangles: np.ndarray, num_vertices: int) -> np.ndarray:
  """Table of the triangles at every vertex, built once on the host.

  Args:
    triangles: [T, 3] int vertex ids.
    num_vertices: number V of vertices.

  Returns:
    [V, K] int32 with K the largest number of triangles at a vertex (at least
    1); rows ascend and are padded with T.
  """
  triangles = np.asarray(triangles)
  corners = triangles.ravel()
  # A triangle that repeats a vertex counts once there.
  pairs = np.unique(
    np.stack([corners, np.repeat(np.arange(len(triangles)), 3)], 1), axis=0
  )
  counts = np.bincount(pairs[:, 0], minlength=num_vertices)
  starts = np.cumsum(counts) - counts
  width = max(int(counts.max(initial=0)), 1)
  table = np.full((num_vertices, width), len(triangles), np.int32)
  column = np.arange(len(pairs)) - starts[pairs[:, 0]]
  table[pairs[:, 0], column] = pairs[:, 1]
  return table


def at_vertices(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Landmarks at vertices: ids [N, 3] and weights [N, 3] for vertices [N]."""
  weights = np.zeros((len(ids), 3), np.float32)
  weights[:, 0] = 1
  return np.repeat(np.asarray(ids, np.int32)[:, None], 3, 1), weights


def pad_basis(basis: np.ndarray, size: int) -> np.ndarray:
  """The first `size` rows of a basis [K, V, 3]; missing ones are zero."""
  basis = np.asarray(basis, np.float32)[:size]
  missing = size - len(basis)
  return np.pad(basis, ((0, missing), (0, 0), (0, 0)))


def shape(
  model: MorphableModel,
  identity: Array | None = None,
  expression: Array | None = None,
) -> Array:
  """Unposed vertices: mean + identity part + expression part.

  Args:
    model: the face model.
    identity: [..., 80] weights; None for the mean identity.
    expression: [..., 64] weights; None for the neutral face.

  Returns:
    [..., V, 3] decimetre; leading axes broadcast.

  Raises:
    ValueError: there is another number of weights.
  """
  vertices = jnp.asarray(model.mean)
  for weights, basis, size in (
    (identity, model.identity, conventions.IDENTITY_SIZE),
    (expression, model.expression, conventions.EXPRESSION_SIZE),
  ):
    if weights is not None:
      vertices = vertices + _combine(weights, basis, size)
  return vertices


def texture(model: MorphableModel, weights: Array | None = None) -> Array:
  """Albedo of every vertex.

  Args:
    model: face model with a texture.
    weights: [..., 80]; None for the mean texture.

  Returns:
    [..., V, 3] RGB; in [0, 1] for likely weights, not clipped.

  Raises:
    ValueError: the model has no texture.
  """
  if model.texture_mean is None or model.texture_basis is None:
    raise ValueError(f'expected a model with texture, found {model.name!r}')
  colour = jnp.asarray(model.texture_mean)
  if weights is not None:
    colour = colour + _combine(
      weights, model.texture_basis, conventions.TEXTURE_SIZE
    )
  return colour


def face_normals(model: MorphableModel, vertices: Array) -> Array:
  """Unit normals [..., T, 3] of the triangles; zero where degenerate."""
  a, b, c = (
    jnp.take(vertices, model.triangles[:, i], axis=-2) for i in range(3)
  )
  return _normalise(jnp.cross(a - b, b - c))


def vertex_normals(model: MorphableModel, vertices: Array) -> Array:
  """Unit normals of the vertices: normalised sums of those of their triangles.

  Args:
    model: the face model.
    vertices: [..., V, 3], posed or not; the result is posed alike.

  Returns:
    [..., V, 3]; zero at a vertex without a proper triangle.
  """
  normals = face_normals(model, jnp.asarray(vertices))
  dummy = jnp.zeros((*normals.shape[:-2], 1, 3), normals.dtype)
  normals = jnp.concatenate([normals, dummy], -2)  # [..., T + 1, 3]
  table = jnp.asarray(model.vertex_triangles)
  total = jnp.take(normals, table[:, 0], axis=-2)
  for k in range(1, table.shape[1]):  # K is about 8; avoids a [V, K, 3] array
    total = total + jnp.take(normals, table[:, k], axis=-2)
  return _normalise(total)


def surface_points(vertices: Array, ids: Array, weights: Array) -> Array:
  """Points given by vertex ids and barycentric weights.

  Args:
    vertices: [..., V, 3].
    ids: [N, 3] int.
    weights: [N, 3].

  Returns:
    [..., N, 3].
  """
  vertices = jnp.asarray(vertices)
  weights = jnp.asarray(weights, vertices.dtype)
  ids = jnp.asarray(ids)
  corners = (jnp.take(vertices, ids[:, i], axis=-2) for i in range(3))
  a, b, c = (p * weights[:, i, None] for i, p in enumerate(corners))
  return a + b + c


def landmarks68(model: MorphableModel, vertices: Array) -> Array:
  """The 68 landmarks [..., 68, 3] of vertices [..., V, 3]."""
  return surface_points(vertices, model.landmark_ids, model.landmark_weights)


def dense_landmarks(model: MorphableModel, vertices: Array) -> Array:
  """The FaceMesh points [..., 468, 3] of vertices [..., V, 3].

  Points whose `model.dense_valid` is False have no meaning.

  Raises:
    ValueError: the model has no dense landmarks.
  """
  if model.dense_ids is None or model.dense_weights is None:
    raise ValueError(
      f'expected a model with dense landmarks, found {model.name!r}'
    )
  return surface_points(vertices, model.dense_ids, model.dense_weights)


def restrict(
  model: MorphableModel, ids: Array, weights: Array
) -> tuple[Array, Array, Array]:
  """The linear model of some surface points only, for fitting.

  Args:
    model: the face model.
    ids: [N, 3] int vertex ids.
    weights: [N, 3] barycentric weights.

  Returns:
    Mean [N, 3], identity basis [80, N, 3], expression basis [64, N, 3].
  """
  mean, identity, expression = (
    surface_points(basis, ids, weights)
    for basis in (model.mean, model.identity, model.expression)
  )
  return mean, identity, expression


def _combine(weights: Array, basis: Array, size: int) -> Array:
  weights = jnp.asarray(weights)
  if weights.shape[-1] != size:
    raise ValueError(
      f'expected {size} weights on the last axis, found {weights.shape}'
    )
  return jnp.einsum(
    '...k,kvc->...vc',
    weights,
    jnp.asarray(basis),
    precision=lax.Precision.HIGHEST,
  )


def _normalise(vectors: Array) -> Array:
  """Unit vectors; zero vectors stay zero, with a finite gradient."""
  squared = jnp.sum(vectors**2, -1, keepdims=True)
  proper = squared > 1e-24  # the published eps of 1e-12, squared
  inverse = lax.rsqrt(jnp.where(proper, squared, 1.0))
  return jnp.where(proper, vectors * inverse, 0.0)
