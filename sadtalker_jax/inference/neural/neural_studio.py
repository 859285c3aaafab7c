"""The networks of a bundle, put together for animation when first needed."""

from collections.abc import Sequence
import fractions
import functools
import threading
from typing import Literal

import jax
import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.faces import recon
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.enhance import face_enhancer
from sadtalker_jax.inference.motion.learned import learned_motion
from sadtalker_jax.inference.neural import neural_portrait, neural_renderer
from sadtalker_jax.media import video
from sadtalker_jax.models.fused import fused_render
from sadtalker_jax.typing import PyTree

DtypeName = Literal['float32', 'bfloat16']

_ALWAYS = ('expnet', 'posevae', 'recon', 'keypoint_detector', 'generator')


class Studio:
  """Networks of one bundle; several threads may use it."""

  def __init__(
    self,
    bundle: bundle_lib.Bundle,
    dtype: DtypeName,
    devices: Sequence[jax.Device] | None,
  ):
    """Loads nothing yet.

    Args:
      bundle: holds the weights.
      dtype: of the renderer's convolutions.
      devices: that share every batch; None is all local ones.
    """
    self._bundle = bundle
    self._dtype = dtype
    self._devices = devices
    self._lock = threading.RLock()
    self._finders: dict[bool, neural_portrait.Finder] = {}
    self._renderers: dict[int, neural_renderer.NeuralRenderer] = {}

  def check(self, options: options_lib.Options) -> None:
    """Whether the bundle can do what the options ask for.

    Raises:
      InputError: networks are missing, or they are for another size.
    """
    names = [*_ALWAYS, mapping_name(options)]
    if missing := [name for name in names if not self._bundle.has(name)]:
      raise errors.InputError(
        f"renderer: 'neural' with preprocess '{options.preprocess}' expects "
        f'the networks {", ".join(names)}; the bundle '
        f"'{self._bundle.name}' lacks {', '.join(missing)}"
      )
    if options.size != self._bundle.size:
      raise errors.InputError(
        f'size: expected {self._bundle.size}, which the networks of the bundle '
        f"'{self._bundle.name}' are for, found {options.size}"
      )

  @functools.cached_property
  def enhancer(self) -> face_enhancer.FaceEnhancer:
    """Restores faces.

    Raises:
      InputError: the bundle has no such network.
    """
    if not self._bundle.has('gfpgan'):
      raise errors.InputError(
        "enhancer: 'gfpgan' expects the network gfpgan; the bundle "
        f"'{self._bundle.name}' lacks it"
      )
    with self._lock:
      return face_enhancer.FaceEnhancer(
        self._bundle.variables('gfpgan'), self._bundle.landmarker
      )

  @functools.cached_property
  def motion(self) -> learned_motion.NeuralMotion:
    """Sound to coefficients."""
    with self._lock:
      names = ('expnet', 'posevae')
      return learned_motion.NeuralMotion(
        *(self._bundle.variables(name) for name in names),
        fields={name: self._bundle.fields(name) for name in names},
      )

  def _faces(self, options: options_lib.Options) -> neural_portrait.Finder:
    with self._lock:
      key = options.release_crop
      if key not in self._finders:
        self._finders[key] = neural_portrait.finder(self._bundle, options)
      return self._finders[key]

  @functools.cached_property
  def _reconstructor(self) -> recon.Reconstructor:
    with self._lock:
      return recon.Reconstructor(
        self._bundle.variables('recon'), fields=self._bundle.fields('recon')
      )

  @functools.cached_property
  def _networks(self) -> PyTree:
    """Folded weights of everything but MappingNet."""
    # On the devices now, so that the renderers of all modes share them.
    return neural_renderer.place(
      fused_render.fold(
        {
          name: self._bundle.variables(name)
          for name in neural_renderer.NETWORKS
        },
        dtype=self._dtype,
      ),
      self._devices,
    )

  def source(
    self, picture: np.ndarray, options: options_lib.Options
  ) -> neural_portrait.SquarePortrait:
    """The portrait in a picture [H, W, 3] uint8."""
    return neural_portrait.prepare(
      picture, self._faces(options), self._reconstructor, options
    )

  def video_rows(
    self,
    path: video.Path,
    fps: fractions.Fraction,
    options: options_lib.Options,
  ) -> np.ndarray:
    """Coefficient rows [T, 70] of the face in a video."""
    return neural_portrait.video_rows(
      path, fps, self._faces(options), self._reconstructor, options
    )

  def params(self, options: options_lib.Options) -> PyTree:
    """Folded weights for a preprocess mode, as `fused_render` takes them."""
    name = mapping_name(options)
    mapping = fused_render.fold_mapping(
      self._bundle.variables(name),
      zero_t_xz=self._bundle.fields(name).get('zero_t_xz', True),
    )
    with self._lock:
      return self._networks, mapping

  def renderer(
    self, options: options_lib.Options
  ) -> neural_renderer.NeuralRenderer:
    """The renderer of a preprocess mode; modes share what they can."""
    size = row_size(options)
    with self._lock:
      if size not in self._renderers:
        self._renderers[size] = neural_renderer.NeuralRenderer(
          self.params(options), row_size=size, devices=self._devices
        )
      return self._renderers[size]


def mapping_name(options: options_lib.Options) -> str:
  """The MappingNet of a preprocess mode (reference 11.2)."""
  paste = options.preprocess in ('full', 'extfull')
  return 'mapping_full' if paste else 'mapping'


def row_size(options: options_lib.Options) -> int:
  """Numbers in the rows that this MappingNet takes."""
  full = mapping_name(options) == 'mapping_full'
  return conventions.CROP_ROW_SIZE if full else conventions.ROW_SIZE
