"""The neural renderer: networks of a bundle that draw a posed portrait.

Networks are read when they are first needed, and shared between preprocess
modes and threads.
"""

import fractions
import functools
import threading
from typing import ClassVar, Self

import numpy as np

from sadtalker_jax import conventions, errors, jax_settings
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.faces import recon
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import rendering, tracks
from sadtalker_jax.inference.neural import (
  face_finders,
  neural_drawer,
  neural_portrait,
)
from sadtalker_jax.media import files
from sadtalker_jax.models.fused import fused_render
from sadtalker_jax.typing import PyTree

# Networks that draw, whatever the preprocess mode.
_DRAWING = ('keypoint_detector', 'generator')


class NeuralRenderer(rendering.Renderer):
  """The renderer of the paper; several threads may use it."""

  networks: ClassVar[tuple[str, ...]] = ('recon', *_DRAWING)

  def __init__(self, bundle: bundle_lib.Bundle, devices: rendering.Devices):
    """A renderer that has loaded nothing yet.

    Args:
      bundle: Weights of the networks, face detector and landmark networks.
      devices: Devices and precision of the drawing.
    """
    self.basis = bundle.basis
    self._bundle = bundle
    self._devices = devices
    self._lock = threading.RLock()
    self._finders: dict[bool, face_finders.Finder] = {}
    self._drawers: dict[int, neural_drawer.NeuralDrawer] = {}

  @classmethod
  def offered_by(cls, bundle: bundle_lib.Bundle) -> bool:
    """Whether the bundle has a generator.

    A lack of other networks is an error then, see `check`: no silent step down
    to another renderer.
    """
    return bundle.has('generator')

  @classmethod
  def basis_in(cls, bundle: bundle_lib.Bundle) -> str:
    """The face model of the bundle's networks."""
    return bundle.basis

  @classmethod
  def from_bundle(
    cls, bundle: bundle_lib.Bundle, devices: rendering.Devices
  ) -> Self:
    """The renderer; nothing is loaded yet."""
    return cls(bundle, devices)

  def check(self, options: options_lib.Options) -> None:
    """Refuses options that the networks of the bundle cannot serve.

    Raises:
      InputError: networks are missing, or made for another size.
    """
    if options.behind is not None:
      raise errors.InputError(
        "background: expected the renderer 'puppet', found 'neural'"
      )
    names = [*self.networks, mapping_name(options)]
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

  def adapted(self, track: tracks.Track) -> tracks.Track:
    """The track without breath, of which networks know nothing."""
    if self.basis != bundle_lib.PACKAGED_BASIS:
      return track
    rows = track.coefficients.copy()
    rows[:, makehuman.BREATH_SLOT] = 0.0
    return track._replace(coefficients=rows)

  def _finder(self, options: options_lib.Options) -> face_finders.Finder:
    with self._lock:
      key = options.release_crop
      if key not in self._finders:
        self._finders[key] = face_finders.choose(self._bundle, options)
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
    devices = self._devices.devices
    platform = neural_drawer.platform(devices)
    jax_settings.note_cudnn(platform)
    return neural_drawer.place(self._folded(platform), devices)

  def _folded(self, platform: str) -> PyTree:
    return fused_render.fold(
      {name: self._bundle.variables(name) for name in _DRAWING},
      platform=platform,
      dtype=self._devices.dtype,
    )

  def portrait(
    self, picture: np.ndarray, options: options_lib.Options
  ) -> neural_portrait.SquarePortrait:
    """The portrait in a picture [H, W, 3] uint8."""
    return neural_portrait.prepare(
      picture, self._finder(options), self._reconstructor, options
    )

  def video_rows(
    self,
    path: files.Path,
    fps: fractions.Fraction,
    options: options_lib.Options,
  ) -> np.ndarray:
    """Coefficient rows [T, 70] of the face in a video."""
    return neural_portrait.video_rows(
      path, fps, self._finder(options), self._reconstructor, options
    )

  def params(
    self, options: options_lib.Options, platform: str | None = None
  ) -> PyTree:
    """Folded weights for a preprocess mode, as `fused_render` takes them.

    Args:
      options: Options with the mode.
      platform: Platform that will compute with them: 'cpu', 'cuda', 'tpu', ...;
        None for that of the renderer's devices, which the weights are put on.
    """
    name = mapping_name(options)
    mapping = fused_render.fold_mapping(
      self._bundle.variables(name),
      zero_t_xz=self._bundle.fields(name).get('zero_t_xz', True),
    )
    if platform is not None:
      return self._folded(platform), mapping
    with self._lock:
      return self._networks, mapping

  def drawer(self, options: options_lib.Options) -> neural_drawer.NeuralDrawer:
    """The drawer of a preprocess mode; modes share what they can."""
    size = row_size(options)
    with self._lock:
      if size not in self._drawers:
        self._drawers[size] = neural_drawer.NeuralDrawer(
          self.params(options), row_size=size, devices=self._devices.devices
        )
      return self._drawers[size]


def mapping_name(options: options_lib.Options) -> str:
  """The MappingNet of a preprocess mode (method 11.2)."""
  paste = options.is_pasted
  return 'mapping_full' if paste else 'mapping'


def row_size(options: options_lib.Options) -> int:
  """Length of the rows that the MappingNet of a preprocess mode takes."""
  full = mapping_name(options) == 'mapping_full'
  return conventions.CROP_ROW_SIZE if full else conventions.ROW_SIZE
