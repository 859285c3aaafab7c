"""The face model that a stage's coefficients belong to."""

import pathlib

from absl import logging
import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d.bases import bfm, ict, makehuman, morphable
from sadtalker_jax.training import config_parts

# Of the released Basel model (method 6.2).
_VERTICES, _TRIANGLES, _INCIDENT = 35_709, 70_789, 8
_FRONT_VERTICES, _FRONT_TRIANGLES = 27_660, 54_681


def load(config: config_parts.FaceModelConfig) -> morphable.MorphableModel:
  """The model that a config names.

  'makehuman' comes with the package; 'zeros' is no face, but has the sizes of
  'bfm': for plans.

  Raises:
    InputError: There is no such model at the path.
  """
  kind, path = config.kind, pathlib.Path(config.path)
  if kind == 'makehuman':
    return makehuman.load()
  if kind == 'bfm':
    return bfm.load(path)
  if kind == 'ict':
    return ict.load(path)
  return _zeros()


def load_to_show(
  config: config_parts.FaceModelConfig,
) -> morphable.MorphableModel | None:
  """The model that a config names, for films alone; None if it is not there."""
  try:
    return load(config)
  except errors.InputError as error:
    logging.warning('no films of faces, and training without: %s', error)
    return None


def _zeros() -> morphable.MorphableModel:
  """Arrays of the sizes of the Basel model."""

  def none(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)

  def first(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.int32)

  return morphable.MorphableModel(
    name='zeros',
    mean=none(_VERTICES, 3),
    identity=none(conventions.IDENTITY_SIZE, _VERTICES, 3),
    expression=none(conventions.EXPRESSION_SIZE, _VERTICES, 3),
    texture_mean=none(_VERTICES, 3),
    texture_basis=none(conventions.TEXTURE_SIZE, _VERTICES, 3),
    triangles=first(_TRIANGLES, 3),
    vertex_triangles=first(_VERTICES, _INCIDENT),
    landmark_ids=first(68, 3),
    landmark_weights=none(68, 3),
    skin_mask=none(_VERTICES),
    front_vertices=first(_FRONT_VERTICES),
    front_triangles=first(_FRONT_TRIANGLES, 3),
  )
