"""Choices about frames that are drawn already, and about their file.

The part of `options.Options` that every way of making frames shares.
"""

import dataclasses
import pathlib
import re
from typing import Literal, get_args

from sadtalker_jax import errors
from sadtalker_jax.inference import option_specs
from sadtalker_jax.media import encoding as encoding_lib

EnhancerName = Literal['gfpgan', 'RestoreFormer']
BackgroundEnhancer = Literal['realesrgan', 'realesrgan_x4']
Mark = Literal['on', 'off']
LabelPlace = Literal[
  'auto',
  'bottom',
  'top',
  'bottom-left',
  'bottom-right',
  'top-left',
  'top-right',
]
_LONGEST = 4  # ratio of the sides of a format
OWN = 'own'  # in place of the files that sign: the key of the user


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinishOptions:
  """Options of enlarging, marks, labels and signatures."""

  enhancer: EnhancerName | None = option_specs.option(
    None,
    'name',
    'Network that restores faces; frames become twice as large.',
    choices=get_args(EnhancerName),
  )
  background_enhancer: BackgroundEnhancer | None = option_specs.option(
    None,
    'name',
    'Network that makes whole frames larger: realesrgan twice, realesrgan_x4 '
    'four times.',
    choices=get_args(BackgroundEnhancer),
  )
  crop: str | None = option_specs.option(
    None,
    'word',
    'Format that is cut out of the frames about the face, such as 9:16.',
    metavar='W:H',
  )
  codec: encoding_lib.Codec = option_specs.option(
    'h264',
    'name',
    'Codec of the pictures; hevc and av1 make smaller files, more slowly. The '
    'others can be transparent: prores in .mov, vp9 in .webm, webp without '
    'sound in .webp, png in a folder .frames of pictures with sound.wav.',
    choices=get_args(encoding_lib.Codec),
  )
  crf: float | None = option_specs.option(
    None,
    'number',
    'Quality of the pictures, 0 for the best, to 51, or to 63 with av1 and '
    'vp9; by default one that looks like the original: 18, hevc and vp9 20, '
    'av1 26. prores, webp and png have none.',
    least=0,
    most=63,
  )
  audio_bitrate: int | None = option_specs.option(
    None,
    'integer',
    'Thousands of bits a second of the sound; by default 96, stereo 160.',
    least=16,
    most=320,
    metavar='KBIT',
  )

  mark: Mark = option_specs.option(
    'on',
    'name',
    'Invisible mark in every frame, by which `sadtalker detect` knows them.',
    choices=get_args(Mark),
  )
  mark_key: pathlib.Path | None = option_specs.option(
    None,
    'path',
    'Key of the mark, a file of 16 bytes or more; else the public key.',
    metavar='FILE',
  )

  label: str | None = option_specs.option(
    None,
    'word',
    'Text that people see on a plate in every frame, never over a face.',
    metavar='TEXT',
  )
  label_place: LabelPlace = option_specs.option(
    'auto',
    'name',
    'Place of that text; auto takes the first that is beside all faces.',
    choices=get_args(LabelPlace),
  )
  label_font: pathlib.Path | None = option_specs.option(
    None,
    'path',
    'Font of that text (TrueType or OpenType); else one for English.',
    metavar='FILE',
  )
  sign: tuple[pathlib.Path, ...] | None = option_specs.option(
    None,
    'paths',
    'Signature in the file (C2PA; extra provenance): the files of a '
    f'certificate and its key, or {OWN} for a key of yours that is made once.',
    metavar='CERT [KEY]',
  )

  @property
  def encoding(self) -> encoding_lib.Encoding:
    """How the file is encoded.

    Raises:
      InputError: the codec has no such quality.
    """
    return encoding_lib.Encoding(
      codec=self.codec, crf=self.crf, audio_bitrate=self.audio_bitrate
    )

  @property
  def ratio(self) -> tuple[int, int] | None:
    """Width and height of the format to cut out; None for all.

    Raises:
      InputError: it is no format.
    """
    if self.crop is None:
      return None
    found = re.fullmatch(r'([1-9]\d{0,3}):([1-9]\d{0,3})', self.crop)
    width, height = (int(part) for part in found.groups()) if found else (0, 1)
    if not 1 / _LONGEST <= width / height <= _LONGEST:
      raise errors.InputError(
        f'crop: expected a format such as 9:16, 1:{_LONGEST} to {_LONGEST}:1, '
        f'found {errors.shown(self.crop)}'
      )
    return width, height

  def _check_finish(self) -> None:
    """Checks values that single ranges do not."""
    _ = self.ratio, self.encoding  # they raise
    sign = tuple(map(str, self.sign or (OWN,)))
    if len(sign) != 2 and sign != (OWN,):
      raise errors.InputError(
        f'sign: expected a certificate and a key, or {OWN}, found '
        f'{errors.shown(sign)}'
      )
    if self.sign is not None and self.encoding.suffix != '.mp4':
      raise errors.InputError(
        f'sign: expected a codec of mp4 files, found {self.codec}'
      )
