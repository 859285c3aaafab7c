"""The geometry video: the 3-D face of the coefficients, beside the photo.

The published program's `--face3dvis` draws the 3-D face of a clip at 224 x 224:
identity, texture and light of the portrait, expression and pose of the track
(method 11.1). Here the aligned photo stands on the left, then that face in its
texture and light where the model has a texture, then its geometry, grey in a
fixed light.

Conventions: frames are uint8 RGB [B, S, N * S, 3] of N square panels, as wide
as `Options.size`, in the aligned frame of the reconstruction. Tracks are rows
of 70, of the basis that the portrait's coefficients have: the packaged head for
the puppet, that of the bundle for the networks. A free view of the neural
renderer is no part of the coefficients and not drawn, as published.
"""

from collections.abc import Sequence
import functools
import os
import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d import alignment, coeffs, renderer
from sadtalker_jax.face3d.bases import bfm, morphable
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.inference import tracks
from sadtalker_jax.typing import Array

_BACKGROUND = 0.12  # grey behind the drawn face
_SUFFIX = '_face3dvis'


def beside(path: str | os.PathLike[str]) -> pathlib.Path:
  """The path of the geometry video of a video: `<name>_face3dvis.mp4`."""
  path = pathlib.Path(path)
  return path.with_name(f'{path.stem}{_SUFFIX}{path.suffix}')


def model_of(
  basis: str, bundle: bundle_lib.Bundle, options: options_lib.Options
) -> morphable.MorphableModel:
  """The face model that tracks of a basis are drawn with.

  Args:
    basis: Name of the basis.
    bundle: Bundle with the packaged head.
    options: Options, with the path of the Basel Face Model if need be.

  Raises:
    InputError: the model does not ship with the package, and the options have
      no path for it.
  """
  if basis == bundle_lib.PACKAGED_BASIS:
    return bundle.model
  if basis != 'bfm':
    raise errors.InputError(
      f'face3dvis: expected tracks of makehuman or bfm, found those of {basis}'
    )
  if options.bfm_folder is None:
    raise errors.InputError(
      'face3dvis: expected the file or folder of the Basel Face Model, the '
      'basis of these tracks, as bfm_folder; found none'
    )
  return bfm.load(options.bfm_folder)


class PreparedGeometry(NamedTuple):
  """Photo and coefficients of a portrait whose geometry is drawn."""

  photo: Array  # [S, S, 3] uint8, aligned
  coefficients: Array  # [257]


class GeometryRenderer:
  """Draws photo and 3-D face side by side; a `rendering.Drawer`."""

  mixes = False  # a batch has one photo
  reach = 0

  def __init__(self, model: morphable.MorphableModel, size: int):
    """A renderer of panels.

    Args:
      model: Face model of the tracks.
      size: S, side of a panel in pixels.
    """
    self._model = jax.device_put(model)
    self._size = size
    self._looks: tuple[renderer.Look, ...] = ('geometry',)
    if model.texture_mean is not None:
      self._looks = ('shaded', 'geometry')

  def prepare(self, portrait: portrait_lib.Portrait) -> PreparedGeometry:
    """Aligned photo and coefficients of a portrait."""
    picture, vector, trans = portrait.measured()
    larger = trans._replace(
      scale=trans.scale * self._size / alignment.TARGET_SIZE
    )
    return PreparedGeometry(alignment.crop(picture, larger, self._size), vector)

  def still(self, prepared: PreparedGeometry) -> np.ndarray:
    """What frames look like, without any drawing: photos [S, N * S, 3]."""
    return np.tile(np.asarray(prepared.photo), (1, 1 + len(self._looks), 1))

  def inputs(
    self, prepared: PreparedGeometry, track: tracks.Track, index: np.ndarray
  ) -> tuple[np.ndarray, ...]:
    """Full coefficients [b, 257]: the portrait's, moved by the track."""
    rows = track.coefficients[index]
    vectors = np.tile(prepared.coefficients, (len(rows), 1)).astype(np.float32)
    expression, angles, translation = coeffs.split_row(rows)
    vectors[:, conventions.EXPRESSION] = expression
    vectors[:, conventions.ANGLES] = angles
    vectors[:, conventions.TRANSLATION] = translation
    return (vectors,)

  def render(
    self, portraits: Sequence[PreparedGeometry], inputs: tuple[np.ndarray, ...]
  ) -> jax.Array:
    """Frames [B, S, N * S, 3] uint8 of one portrait."""
    (prepared,), (vectors,) = portraits, inputs
    return _panels(
      self._model,
      jnp.asarray(prepared.photo),
      jnp.asarray(vectors),
      looks=self._looks,
    )


@functools.partial(jax.jit, static_argnames=('looks',))
def _panels(
  model: morphable.MorphableModel,
  photo: jax.Array,
  vectors: jax.Array,
  *,
  looks: tuple[renderer.Look, ...],
) -> jax.Array:
  """Panels of photo [S, S, 3] and vectors [B, 257], side by side."""
  size = len(photo)
  panels = [jnp.broadcast_to(photo, (len(vectors), *photo.shape))]
  for look in looks:
    drawn = renderer.render(model, vectors, view=size, look=look)
    mask = jnp.asarray(drawn.mask)[..., None]
    image = drawn.image * mask + _BACKGROUND * (1 - mask)
    grey = jnp.clip(jnp.round(255 * image), 0, 255)
    panels.append(grey.astype(jnp.uint8))
  return jnp.concatenate(panels, 2)
