"""What a user can choose for one animation.

Each field of `Options` says once what it is: its type, help, choices and range.
The flags of the command line (`cli.option_flags`), the checks of manifests
(`batch.manifest`) and the table in docs/reference/options.md are made of that.
So all are in one class, and the file is longer than others.
"""

from collections.abc import Mapping
import dataclasses
import functools
import pathlib
from typing import Any, Literal, get_args

from sadtalker_jax import conventions, errors
from sadtalker_jax.inference import emotions, option_specs
from sadtalker_jax.media import limits

Preprocess = Literal['crop', 'extcrop', 'resize', 'full', 'extfull']
EnhancerName = Literal['gfpgan']
Mark = Literal['on', 'off']
End = Literal['loop', 'freeze', 'stop']
LabelPlace = Literal[
  'auto',
  'bottom',
  'top',
  'bottom-left',
  'bottom-right',
  'top-left',
  'top-right',
]
OWN = 'own'  # in place of the files that sign: the key of the user
AUTO = 'auto'  # the best motion or renderer that the bundle has

# Sides that the canvases of the renderers can have; released weights are for
# 256 and 512, own ones for what they were trained at.
_SIZE_STEP, _LARGEST = 64, 1024


def _option(
  default: Any, kind: option_specs.Kind, help: str, **rest: Any
) -> Any:
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
  fps: float | None = _option(
    None,
    'number',
    'Frames per second of the result; by default 25, or those of a video as '
    'the source.',
    least=1,
    most=120,
    metavar='FPS',
  )
  end: End = _option(
    'loop',
    'name',
    'Where the sound is longer than a video as the source: loop plays it back '
    'and forth, freeze holds its last frame, stop ends with it.',
    choices=get_args(End),
  )
  seed: int | None = _option(
    None,
    'integer',
    'Random seed for head motion, gaze and blinks; by default that of the '
    'sound, so that no two recordings move alike.',
    least=0,
    most=2**32 - 1,
    metavar='N',
  )
  pose_style: int = _option(
    0,
    'integer',
    f'Manner of head motion: 1 is calm, {conventions.NUM_STYLES - 1} lively, 0 '
    'ordinary.',
    least=0,
    most=conventions.NUM_STYLES - 1,
  )
  expression_scale: float = _option(
    1.0, 'number', 'Strength of the generated expression.', least=0, most=10
  )
  still: bool = _option(False, 'flag', 'Keep the head pose of the picture.')
  blink: bool = _option(
    True, 'flag', 'No random blinks and glances.', flag='no_blink'
  )
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
  drive: pathlib.Path | None = _option(
    None,
    'path',
    'Video whose face is followed instead of a sound: expression, eyes, head.',
    metavar='FILE',
  )
  idle: float | None = _option(
    None,
    'number',
    'Seconds of a listener, without a recording.',
    least=0.04,
    most=3600,
    metavar='SECONDS',
  )
  emotion: tuple[str, float] | None = _option(
    None,
    'graded',
    f'Emotion, and its strength to {emotions.MAX_STRENGTH:g}: '
    f'{" ".join(emotions.NAMES)}.',
    choices=emotions.NAMES,
    least=0,
    most=emotions.MAX_STRENGTH,
    metavar='NAME',
  )
  gaze: tuple[float, float] | None = _option(
    None,
    'pair',
    "Where the eyes look, instead of glances: degrees to the person's left, "
    'and up.',
    least=-emotions.MAX_GAZE,
    most=emotions.MAX_GAZE,
    metavar='X Y',
  )
  blink_rate: float | None = _option(
    None,
    'number',
    'Blinks a minute; by default as people do in conversation, about 25.',
    least=0,
    most=60,
    metavar='N',
  )
  keyframes: pathlib.Path | None = _option(
    None,
    'path',
    'JSON file that says when emotion, gaze, pose and scale are what.',
    metavar='FILE',
  )
  face_index: int = _option(
    0, 'integer', 'Face of the picture, 0 for the largest.', least=0, most=999
  )
  box: tuple[float, float, float, float] | None = _option(
    None,
    'box',
    'Box of the face in pixels, instead of the detector.',
    least=0,
    most=limits.MAX_SIDE,
    metavar='X0 Y0 X1 Y1',
  )
  audio_track: int | None = _option(
    None,
    'integer',
    'Sound track of a file that has several, 0 for the first; by default the '
    'first that is not silent.',
    least=0,
    most=999,
    metavar='N',
  )
  batch_size: int = _option(
    8,
    'integer',
    'Frames rendered together; changes speed and memory only.',
    least=1,
    most=100_000,
  )
  motion: str = _option(
    AUTO,
    'word',
    'Where motion comes from: phonetic (lips follow the phones in the sound), '
    'baseline (loudness and spectrum alone), learned (ExpNet and PoseVAE of '
    'the bundle), or auto: learned where the bundle has it, else phonetic.',
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

  mark: Mark = _option(
    'on',
    'name',
    'Invisible mark in every frame, by which `sadtalker detect` knows them.',
    choices=get_args(Mark),
  )
  mark_key: pathlib.Path | None = _option(
    None,
    'path',
    'Key of the mark, a file of 16 bytes or more; else the public key.',
    metavar='FILE',
  )

  label: str | None = _option(
    None,
    'word',
    'Text that people see on a plate in every frame, never over a face.',
    metavar='TEXT',
  )
  label_place: LabelPlace = _option(
    'auto',
    'name',
    'Place of that text; auto takes the first that is beside all faces.',
    choices=get_args(LabelPlace),
  )
  label_font: pathlib.Path | None = _option(
    None,
    'path',
    'Font of that text (TrueType or OpenType); else one for English.',
    metavar='FILE',
  )
  sign: tuple[pathlib.Path, ...] | None = _option(
    None,
    'paths',
    'Signature in the file (C2PA; extra provenance): the files of a '
    f'certificate and its key, or {OWN} for a key of yours that is made once.',
    metavar='CERT [KEY]',
  )

  def __post_init__(self) -> None:
    """Checks every value."""
    for spec in specs():
      value = spec.checked(getattr(self, spec.name))
      object.__setattr__(self, spec.name, value)
    if self.size % _SIZE_STEP or not 0 < self.size <= _LARGEST:
      wanted = f'256, 512 or another multiple of {_SIZE_STEP} to {_LARGEST}'
      raise by_name()['size'].fail(wanted, self.size)
    for name in ('idle', 'ref_pose', 'ref_eyeblink'):
      if self.drive is not None and getattr(self, name) is not None:
        raise errors.InputError(f'{name}: expected without drive')
    sign = tuple(map(str, self.sign or (OWN,)))
    if len(sign) != 2 and sign != (OWN,):
      raise by_name()['sign'].fail(f'a certificate and a key, or {OWN}', sign)


@functools.cache
def specs() -> tuple[option_specs.Spec, ...]:
  """All options in order."""
  return tuple(
    option_specs.Spec(
      name=field.name,
      default=field.default,
      optional=field.default is None,
      **field.metadata,
    )
    for field in dataclasses.fields(Options)
  )


@functools.cache
def by_name() -> Mapping[str, option_specs.Spec]:
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
