"""The files that a request may bring, made of the table of options.

    image, or video: whose person speaks        audio: what is said
    drive, keyframes, ref_pose, ref_eyeblink    options that name a file
    speaker_0, speaker_1, ...                   the option `speakers`

Strangers name no files of the server: what they send is kept under these names,
and options that name files are made of what was kept.
"""

from collections.abc import Mapping
import pathlib
import re
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.inference import inputs, option_specs
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.footage import footage

SOURCES = ('image', 'video')  # one of them
SPEAKERS = 'speakers'
MOST = 16  # of a request

# Of the service's owner, as are the options that `forms` withholds.
_WITHHELD = {'bfm_folder', 'label_font', 'mark_key'}
_SPEAKER = re.compile('speaker_(0|[1-9][0-9]{0,2})')


def of_options() -> dict[str, option_specs.Spec]:
  """Options whose value is one file, by name."""
  return {
    name: spec
    for name, spec in options_lib.by_name().items()
    if spec.kind == 'path' and name not in _WITHHELD
  }


def names() -> tuple[str, ...]:
  """Names of files, without those of speakers."""
  return (*SOURCES, 'audio', *of_options())


def is_name(name: str) -> bool:
  """Whether it is the name of a file."""
  return name in names() or _SPEAKER.fullmatch(name) is not None


def taken(fields: dict[str, Any]) -> dict[str, Any]:
  """Takes what stands for files out of fields, by the names of files.

  Args:
    fields: Fields of a request or of a line of a manifest; `speakers` may be
      an object of faces and files.

  Raises:
    InputError: the speakers are none, or there are too many files.
  """
  if SPEAKERS in fields:
    spec = options_lib.by_name()[SPEAKERS]
    for face, file in spec.checked(fields.pop(SPEAKERS)) or ():
      fields[speaker(face)] = str(file)
  given = {name: fields.pop(name) for name in list(fields) if is_name(name)}
  if len(given) > MOST:
    raise errors.InputError(
      f'files: expected at most {MOST}, found {len(given)}'
    )
  return given


def speaker(face: int) -> str:
  """Name of the recording of a face."""
  return f'speaker_{face}'


def kept_in(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """The files of a folder that have such names."""
  if not folder.is_dir():
    return {}
  return {path.name: path for path in folder.iterdir() if is_name(path.name)}


def options_of(files: Mapping[str, pathlib.Path]) -> dict[str, Any]:
  """Values of the options that files stand for."""
  values: dict[str, Any] = {
    name: files[name] for name in of_options() if name in files
  }
  found = [(_SPEAKER.fullmatch(name), path) for name, path in files.items()]
  if pairs := [(int(match[1]), path) for match, path in found if match]:
    values[SPEAKERS] = tuple(sorted(pairs))
  return values


def check(
  files: Mapping[str, pathlib.Path], options: options_lib.Options
) -> None:
  """Refuses files that do not go together.

  Args:
    files: Files by name.
    options: All options, those of files, too.

  Raises:
    InputError: there is no picture or two, nothing that moves it, or an option
      that means nothing for a video.
  """
  given = [name for name in SOURCES if name in files]
  if len(given) != 1:
    found = 'both' if given else 'none'
    raise errors.InputError(
      f'image: expected a file, or a video instead, found {found}'
    )
  if 'video' not in files:
    inputs.check_sound('audio' in files, options)
    return
  footage.check('audio' in files, options)
