"""What a user can choose for one animation."""

import dataclasses
import pathlib
from typing import Literal, get_args

from sadtalker_jax import conventions, errors

Preprocess = Literal['crop', 'extcrop', 'resize', 'full', 'extfull']
RendererName = Literal['auto', 'puppet', 'neural']
EnhancerName = Literal['gfpgan']

# Sides that the canvases of the renderers can have; released weights are for
# 256 and 512, own ones for what they were trained at.
_SIZE_STEP, _LARGEST = 64, 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
  """Options of one animation; names as in the published program.

  Raises:
    InputError: a value is not possible; the message names it.
  """

  preprocess: Preprocess = 'crop'  # what part of the picture is animated
  size: int = 256  # side of the animated crop, pixels
  fps: float = 25.0  # frames per second of the result
  seed: int = 0  # of head motion and blinks
  pose_style: int = 0  # manner of head motion, 0 to 45
  expression_scale: float = 1.0  # strength of the generated expression
  still: bool = False  # head pose fixed to the picture's
  blink: bool = True  # random blinks
  input_yaw: tuple[float, ...] | None = None  # degrees, path over the clip
  input_pitch: tuple[float, ...] | None = None
  input_roll: tuple[float, ...] | None = None
  ref_pose: pathlib.Path | None = None  # video whose head motion is taken
  ref_eyeblink: pathlib.Path | None = None  # video whose eyes are taken
  face_index: int = 0  # 0 is the largest face
  box: tuple[float, float, float, float] | None = None  # face, x0 y0 x1 y1
  batch_size: int = 8  # frames rendered together; never changes them
  renderer: RendererName = 'auto'  # neural where the bundle has the networks
  enhancer: EnhancerName | None = None  # restores faces, frames twice as large
  # The published program's own ways where ours are better: pose chunks that do
  # not join, and the mistakes of its crop (quirks Q8, Q17 to Q19).
  release_chunks: bool = False
  release_crop: bool = False
  face3dvis: bool = False  # also a video of the 3-D face beside the photo
  bfm_folder: pathlib.Path | None = None  # face model of the networks, for it

  def __post_init__(self) -> None:
    """Checks every value."""
    modes = get_args(Preprocess)
    if self.preprocess not in modes:
      _fail('preprocess', f'one of {" ".join(modes)}', self.preprocess)
    renderers = get_args(RendererName)
    if self.renderer not in renderers:
      _fail('renderer', f'one of {" ".join(renderers)}', self.renderer)
    enhancers = (None, *get_args(EnhancerName))
    if self.enhancer not in enhancers:
      _fail('enhancer', f'one of {enhancers}', self.enhancer)
    if self.size % _SIZE_STEP or not 0 < self.size <= _LARGEST:
      wanted = f'256, 512 or another multiple of {_SIZE_STEP} to {_LARGEST}'
      _fail('size', wanted, self.size)
    if not 1.0 <= self.fps <= 120.0:
      _fail('fps', '1 to 120', self.fps)
    if not 0 <= self.pose_style < conventions.NUM_STYLES:
      _fail('pose_style', f'0 to {conventions.NUM_STYLES - 1}', self.pose_style)
    if not 0.0 <= self.expression_scale <= 10.0:
      _fail('expression_scale', '0 to 10', self.expression_scale)
    if self.batch_size < 1:
      _fail('batch_size', 'at least 1', self.batch_size)
    if self.face_index < 0:
      _fail('face_index', 'at least 0', self.face_index)
    for name in ('input_yaw', 'input_pitch', 'input_roll'):
      degrees = getattr(self, name)
      if degrees is None:
        continue
      if not degrees or max(abs(d) for d in degrees) > 90.0:
        _fail(name, 'one or more angles from -90 to 90', degrees)


def _fail(name: str, expected: str, found: object) -> None:
  raise errors.InputError(f'{name}: expected {expected}, found {found!r}')
