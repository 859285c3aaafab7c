"""What a user can choose for one animation.

Each field of `Options` says once what it is: its type, help, choices and range.
The flags of the command line (`cli.option_flags`), the checks of manifests
(`batch.manifest`) and the table in docs/reference/options.md are made of that.
"""

from collections.abc import Mapping
import dataclasses
import functools
import math
import numbers
import os
import pathlib
from typing import Any, Literal, NamedTuple, get_args

from sadtalker_jax import conventions, errors

Preprocess = Literal['crop', 'extcrop', 'resize', 'full', 'extfull']
EnhancerName = Literal['gfpgan']
# What values of an option are; `angles` and `box` are tuples of numbers.
Kind = Literal[
  'flag', 'integer', 'number', 'name', 'path', 'angles', 'box', 'word'
]

AUTO = 'auto'  # the best motion or renderer that the bundle has

# Sides that the canvases of the renderers can have; released weights are for
# 256 and 512, own ones for what they were trained at.
_SIZE_STEP, _LARGEST = 64, 1024


class Spec(NamedTuple):
  """One option, as its field of `Options` describes it."""

  name: str
  kind: Kind
  default: Any
  help: str
  choices: tuple[str, ...] = ()
  least: float = -math.inf
  most: float = math.inf
  flag: str = ''  # of the command line, if it is not the name
  optional: bool = False  # None means that it is not asked for
  metavar: str = ''

  def checked(self, value: Any) -> Any:
    """A value of the option's type, in its range.

    Raises:
      InputError: it is not; the message names the option.
    """
    if value is None and self.optional:
      return None
    return _CHECKS[self.kind](self, value)

  def fail(self, expected: str, found: Any) -> errors.InputError:
    """The error of a value."""
    shown = repr(found)
    if len(shown) > 200:
      shown = f'{shown[:200]}... ({len(shown)} characters)'
    return errors.InputError(f'{self.name}: expected {expected}, found {shown}')

  @property
  def range(self) -> str:
    """The range in words; empty where there is none."""
    if math.isfinite(self.most):
      return f'{self.least:g} to {self.most:g}'
    return f'at least {self.least:g}' if math.isfinite(self.least) else ''


def _flag(spec: Spec, value: Any) -> bool:
  if not isinstance(value, bool):
    raise spec.fail('true or false', value)
  return value


def _number(spec: Spec, value: Any) -> Any:
  whole = spec.kind == 'integer'
  kind: Any = numbers.Integral if whole else numbers.Real
  if isinstance(value, bool) or not isinstance(value, kind):
    wanted = 'a whole number' if whole else 'a number'
    raise spec.fail(' '.join(filter(None, [wanted, spec.range])), value)
  if not (value >= spec.least and value <= spec.most):  # NaN, too
    raise spec.fail(spec.range, value)
  return value


def _name(spec: Spec, value: Any) -> str:
  if not isinstance(value, str) or value not in spec.choices:
    raise spec.fail(f'one of {" ".join(spec.choices)}', value)
  return value


def _word(spec: Spec, value: Any) -> str:
  """A name that others may register; who knows them checks it."""
  if not isinstance(value, str) or not value:
    raise spec.fail('a name', value)
  return value


def _path(spec: Spec, value: Any) -> pathlib.Path:
  if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
    raise spec.fail('a path', value)
  return pathlib.Path(value)


def _numbers(spec: Spec, value: Any, wanted: str) -> tuple[float, ...]:
  if not isinstance(value, (tuple, list)):
    raise spec.fail(wanted, value)
  for number in value:
    if isinstance(number, bool) or not isinstance(number, numbers.Real):
      raise spec.fail(wanted, value)
  return tuple(value)


def _angles(spec: Spec, value: Any) -> tuple[float, ...]:
  wanted = f'one or more angles from {spec.least:g} to {spec.most:g}'
  degrees = _numbers(spec, value, wanted)
  if not degrees or not all(spec.least <= d <= spec.most for d in degrees):
    raise spec.fail(wanted, value)
  return degrees


def _box(spec: Spec, value: Any) -> tuple[float, ...]:
  corners = _numbers(spec, value, 'four numbers x0 y0 x1 y1')
  if len(corners) != 4:
    raise spec.fail('four numbers x0 y0 x1 y1', value)
  return corners


_CHECKS: Mapping[Kind, Any] = {
  'flag': _flag,
  'integer': _number,
  'number': _number,
  'name': _name,
  'word': _word,
  'path': _path,
  'angles': _angles,
  'box': _box,
}


def _option(default: Any, kind: Kind, help: str, **rest: Any) -> Any:
  """A field of `Options` and its description."""
  return dataclasses.field(
    default=default, metadata={'kind': kind, 'help': help, **rest}
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
  """Options of one animation; names as in the published program.

  Raises:
    InputError: a value is not possible; the message names it.
  """

  preprocess: Preprocess = _option(
    'crop',
    'name',
    'Part of the picture that is animated; full modes paste it back.',
    choices=get_args(Preprocess),
  )
  size: int = _option(
    256,
    'integer',
    f'Side of the animated crop in pixels: 256, 512 or another multiple of '
    f'{_SIZE_STEP} to {_LARGEST}.',
    metavar='PIXELS',
  )
  fps: float = _option(
    25.0, 'number', 'Frames per second of the result.', least=1, most=120
  )
  seed: int = _option(
    0, 'integer', 'Random seed for head motion and blinks.', least=0
  )
  pose_style: int = _option(
    0,
    'integer',
    f'Manner of head motion, 0 to {conventions.NUM_STYLES - 1}.',
    least=0,
    most=conventions.NUM_STYLES - 1,
  )
  expression_scale: float = _option(
    1.0, 'number', 'Strength of the generated expression.', least=0, most=10
  )
  still: bool = _option(False, 'flag', 'Keep the head pose of the picture.')
  blink: bool = _option(True, 'flag', 'No random blinks.', flag='no_blink')
  input_yaw: tuple[float, ...] | None = _option(
    None,
    'angles',
    'Path of the yaw over the clip, degrees.',
    least=-90,
    most=90,
    metavar='DEGREES',
  )
  input_pitch: tuple[float, ...] | None = _option(
    None,
    'angles',
    'Path of the pitch over the clip, degrees.',
    least=-90,
    most=90,
    metavar='DEGREES',
  )
  input_roll: tuple[float, ...] | None = _option(
    None,
    'angles',
    'Path of the roll over the clip, degrees.',
    least=-90,
    most=90,
    metavar='DEGREES',
  )
  ref_pose: pathlib.Path | None = _option(
    None, 'path', 'Video whose head motion is taken.', metavar='FILE'
  )
  ref_eyeblink: pathlib.Path | None = _option(
    None, 'path', 'Video whose blinks and eyes are taken.', metavar='FILE'
  )
  face_index: int = _option(
    0, 'integer', 'Face of the picture, 0 for the largest.', least=0
  )
  box: tuple[float, float, float, float] | None = _option(
    None,
    'box',
    'Box of the face in pixels, instead of the detector.',
    metavar='X0 Y0 X1 Y1',
  )
  batch_size: int = _option(
    8,
    'integer',
    'Frames rendered together; changes speed and memory only.',
    least=1,
  )
  motion: str = _option(
    AUTO,
    'word',
    'Where motion comes from: baseline (loudness and spectrum, no weights), '
    'learned (ExpNet and PoseVAE of the bundle), or auto, the best that the '
    'bundle has for the renderer.',
    metavar='NAME',
  )
  renderer: str = _option(
    AUTO,
    'word',
    'What draws: puppet (the photo itself, no weights), neural (the networks '
    'of the bundle), or auto, the best that the bundle has.',
    metavar='NAME',
  )
  enhancer: EnhancerName | None = _option(
    None,
    'name',
    'Network that restores faces; frames become twice as large.',
    choices=get_args(EnhancerName),
  )
  release_chunks: bool = _option(
    False,
    'flag',
    'Head motion in chunks that do not join, as published (quirk Q8).',
  )
  release_crop: bool = _option(
    False,
    'flag',
    'The crop of the published program, mistakes included (quirk Q17 to '
    'quirk Q19).',
  )
  face3dvis: bool = _option(
    False, 'flag', 'Also <video>_face3dvis.mp4: the 3-D face beside the photo.'
  )
  bfm_folder: pathlib.Path | None = _option(
    None,
    'path',
    'Basel Face Model, for --face3dvis of networks that speak of it.',
    metavar='PATH',
  )

  def __post_init__(self) -> None:
    """Checks every value."""
    for spec in specs():
      value = spec.checked(getattr(self, spec.name))
      object.__setattr__(self, spec.name, value)
    if self.size % _SIZE_STEP or not 0 < self.size <= _LARGEST:
      wanted = f'256, 512 or another multiple of {_SIZE_STEP} to {_LARGEST}'
      raise by_name()['size'].fail(wanted, self.size)


@functools.cache
def specs() -> tuple[Spec, ...]:
  """All options in order."""
  return tuple(
    Spec(
      name=field.name,
      default=field.default,
      optional=field.default is None,
      **field.metadata,
    )
    for field in dataclasses.fields(Options)
  )


@functools.cache
def by_name() -> Mapping[str, Spec]:
  """All options by name."""
  return {spec.name: spec for spec in specs()}


def changed(options: Options | None, choices: Mapping[str, Any]) -> Options:
  """Options with some of them chosen otherwise.

  Args:
    options: Options to begin with; None for the defaults.
    choices: Values by name.

  Raises:
    InputError: there is no such option, or a value is not possible.
  """
  if unknown := [name for name in choices if name not in by_name()]:
    raise errors.InputError(
      f'options: expected names among {", ".join(by_name())}; '
      f'found {", ".join(unknown)}'
    )
  return dataclasses.replace(options or Options(), **choices)
