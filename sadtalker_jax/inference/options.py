"""What a user can choose for one animation.

Each field of `Options` says once what it is: its type, help, choices and range.
The flags of the command line (`cli.option_flags`), the checks of manifests
(`batch.manifest`) and the table in docs/reference/options.md are made of that.
What is done to frames that are drawn, and to their file, is in the base class,
`finish_options`.
"""

from collections.abc import Iterable, Iterator, Mapping
import dataclasses
import functools
import pathlib
from typing import Any, Literal, get_args

from sadtalker_jax import conventions, errors
from sadtalker_jax.inference import (
  backgrounds,
  emotions,
  finish_options,
  option_specs,
)
from sadtalker_jax.media import encoding as encoding_lib
from sadtalker_jax.media import limits

Preprocess = Literal['crop', 'extcrop', 'resize', 'full', 'extfull']
End = Literal['loop', 'freeze', 'stop']
AUTO = 'auto'  # the best motion or renderer that the bundle has

# Sides that the canvases of the renderers can have; released weights are for
# 256 and 512, own ones for what they were trained at.
_SIZE_STEP, _LARGEST = 64, 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(finish_options.FinishOptions):
  """Options of one animation; names as in the published program.

  Raises:
    InputError: a value is not possible; the message names it.
  """

  preprocess: Preprocess = option_specs.option(
    'crop',
    'name',
    'Part of the picture that is animated; full modes paste it back.',
    choices=get_args(Preprocess),
  )
  background: str | None = option_specs.option(
    None,
    'word',
    "What is behind the person instead of the picture's own background: a "
    'colour, such as white or #1e90ff, or transparent, with a codec that can '
    'be; on the command line a picture, too. Of crops that the puppet draws.',
    metavar='COLOR',
  )
  background_image: pathlib.Path | None = option_specs.option(
    None,
    'path',
    'Picture behind the person; it is cut to the shape of the frames.',
    metavar='FILE',
  )
  size: int = option_specs.option(
    256,
    'integer',
    f'Side of the animated crop in pixels: 256, 512 or another multiple of '
    f'{_SIZE_STEP} to {_LARGEST}.',
    metavar='PIXELS',
  )
  fps: float | None = option_specs.option(
    None,
    'number',
    'Frames per second of the result; by default 25, or those of a video as '
    'the source.',
    least=1,
    most=120,
    metavar='FPS',
  )
  end: End = option_specs.option(
    'loop',
    'name',
    'Where the sound is longer than a video as the source: loop plays it back '
    'and forth, freeze holds its last frame, stop ends with it.',
    choices=get_args(End),
  )
  keep_background_sound: bool = option_specs.option(
    False,
    'flag',
    'Keep the sound of a video as the source under the recording, 12 dB '
    'quieter; its own voice is in it.',
  )
  seed: int | None = option_specs.option(
    None,
    'integer',
    'Random seed for head motion, gaze and blinks; by default that of the '
    'sound, so that no two recordings move alike.',
    least=0,
    most=2**32 - 1,
    metavar='N',
  )
  pose_style: int = option_specs.option(
    0,
    'integer',
    f'Manner of head and brows: 1 is calm, {conventions.NUM_STYLES - 1} '
    'lively, 0 as lively as voice and seed make it.',
    least=0,
    most=conventions.NUM_STYLES - 1,
  )
  expression_scale: float = option_specs.option(
    1.0, 'number', 'Strength of the generated expression.', least=0, most=10
  )
  still: bool = option_specs.option(
    False, 'flag', 'Keep the head pose of the picture.'
  )
  blink: bool = option_specs.option(
    True, 'flag', 'No random blinks and glances.', flag='no_blink'
  )
  input_yaw: tuple[float, ...] | None = option_specs.option(
    None,
    'angles',
    'Path of the yaw over the clip, degrees.',
    least=-90,
    most=90,
    metavar='DEGREES',
  )
  input_pitch: tuple[float, ...] | None = option_specs.option(
    None,
    'angles',
    'Path of the pitch over the clip, degrees.',
    least=-90,
    most=90,
    metavar='DEGREES',
  )
  input_roll: tuple[float, ...] | None = option_specs.option(
    None,
    'angles',
    'Path of the roll over the clip, degrees.',
    least=-90,
    most=90,
    metavar='DEGREES',
  )
  ref_pose: pathlib.Path | None = option_specs.option(
    None, 'path', 'Video whose head motion is taken.', metavar='FILE'
  )
  ref_eyeblink: pathlib.Path | None = option_specs.option(
    None, 'path', 'Video whose blinks and eyes are taken.', metavar='FILE'
  )
  drive: pathlib.Path | None = option_specs.option(
    None,
    'path',
    'Video whose face is followed instead of a sound: expression, eyes, head.',
    metavar='FILE',
  )
  idle: float | None = option_specs.option(
    None,
    'number',
    'Seconds of a listener, without a recording.',
    least=0.04,
    most=3600,
    metavar='SECONDS',
  )
  emotion: tuple[str, float] | None = option_specs.option(
    None,
    'graded',
    f'Emotion, and its strength to {emotions.MAX_STRENGTH:g}: '
    f'{" ".join(emotions.NAMES)}.',
    choices=emotions.NAMES,
    least=0,
    most=emotions.MAX_STRENGTH,
    metavar='NAME',
  )
  gaze: tuple[float, float] | None = option_specs.option(
    None,
    'pair',
    "Where the eyes look, instead of glances: degrees to the person's left, "
    'and up.',
    least=-emotions.MAX_GAZE,
    most=emotions.MAX_GAZE,
    metavar='X Y',
  )
  blink_rate: float | None = option_specs.option(
    None,
    'number',
    'Blinks a minute; by default as people do in conversation, about 25.',
    least=0,
    most=60,
    metavar='N',
  )
  keyframes: pathlib.Path | None = option_specs.option(
    None,
    'path',
    'JSON file that says when emotion, gaze, pose and scale are what.',
    metavar='FILE',
  )
  speakers: tuple[tuple[int, pathlib.Path], ...] | None = option_specs.option(
    None,
    'speakers',
    'Who says what in a picture or video of several people: the number of a '
    'face, see list_faces, and its recording. The others listen.',
    least=0,
    most=999,
    metavar='FACE=FILE',
    flag='speaker',
  )
  face_index: int = option_specs.option(
    0, 'integer', 'Face of the picture, 0 for the largest.', least=0, most=999
  )
  box: tuple[float, float, float, float] | None = option_specs.option(
    None,
    'box',
    'Box of the face in pixels, instead of the detector.',
    least=0,
    most=limits.MAX_SIDE,
    metavar='X0 Y0 X1 Y1',
  )
  audio_track: int | None = option_specs.option(
    None,
    'integer',
    'Sound track of a file that has several, 0 for the first; by default the '
    'first that is not silent.',
    least=0,
    most=999,
    metavar='N',
  )
  batch_size: int = option_specs.option(
    8,
    'integer',
    'Frames rendered together; changes speed and memory only.',
    least=1,
    most=100_000,
  )
  motion: str = option_specs.option(
    AUTO,
    'word',
    'Where motion comes from: phonetic (lips follow the phones in the sound), '
    'baseline (loudness and spectrum alone), learned (ExpNet and PoseVAE, '
    'which ship, or those of the bundle), or auto: learned where a bundle of '
    'yours has it, else phonetic.',
    metavar='NAME',
  )
  renderer: str = option_specs.option(
    AUTO,
    'word',
    'What draws: puppet (the photo itself, no weights), neural (the networks '
    'of the bundle), or auto, the best that the bundle has.',
    metavar='NAME',
  )
  release_chunks: bool = option_specs.option(
    False,
    'flag',
    'Head motion in chunks that do not join, as published (quirk Q8).',
  )
  release_crop: bool = option_specs.option(
    False,
    'flag',
    'The crop of the published program, mistakes included (quirk Q17 to '
    'quirk Q19).',
  )
  face3dvis: bool = option_specs.option(
    False, 'flag', 'Also <video>_face3dvis.mp4: the 3-D face beside the photo.'
  )
  bfm_folder: pathlib.Path | None = option_specs.option(
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
    for name in ('idle', 'ref_pose', 'ref_eyeblink'):
      if self.drive is not None and getattr(self, name) is not None:
        raise errors.InputError(f'{name}: expected without drive')
    self._check_background()
    self._check_finish()

  @property
  def behind(self) -> backgrounds.Background | None:
    """What is behind the person instead of the picture's own background.

    Raises:
      InputError: there is no such colour.
    """
    if self.background is None and self.background_image is None:
      return None
    return backgrounds.Background.of(self.background, self.background_image)

  @property
  def is_pasted(self) -> bool:
    """Whether frames are the picture with the window pasted back."""
    return self.preprocess in ('full', 'extfull')

  def _check_background(self) -> None:
    """Refuses what does not go together with another background."""
    behind = self.behind
    if behind is None:
      return
    if self.is_pasted:
      raise errors.InputError(
        'background: expected preprocess crop, extcrop or resize, found '
        f'{self.preprocess}'
      )
    if not behind.is_transparent:
      return
    if not self.encoding.kind.clear:
      raise errors.InputError(
        f'codec: expected one of {", ".join(encoding_lib.CLEAR)} for a '
        f'transparent background, found {self.codec}'
      )
    for spec in chosen(self, ('enhancer', 'background_enhancer', 'label')):
      raise errors.InputError(
        f'{spec.name}: expected none with a transparent background'
      )


@functools.cache
def specs() -> tuple[option_specs.Spec, ...]:
  """All options in order, those of the finished file last."""
  last = {
    field.name for field in dataclasses.fields(finish_options.FinishOptions)
  }
  fields = dataclasses.fields(Options)
  return tuple(
    option_specs.Spec(
      name=field.name,
      default=field.default,
      optional=field.default is None,
      **field.metadata,
    )
    for field in sorted(fields, key=lambda field: field.name in last)
  )


@functools.cache
def by_name() -> Mapping[str, option_specs.Spec]:
  """All options by name."""
  return {spec.name: spec for spec in specs()}


def chosen(
  options: Options, names: Iterable[str]
) -> Iterator[option_specs.Spec]:
  """Those of some options that are not as they are by default."""
  for name in names:
    spec = by_name()[name]
    if getattr(options, name) != spec.default:
      yield spec


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
