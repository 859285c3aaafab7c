"""Lists of animations to make: one JSON object per line.

    {"image": "a.png", "audio": "a.wav", "output": "a.mp4", "seed": 3}

`image`, `audio` and `output` are paths, relative to the folder of the manifest;
`video` instead of `image` names a video whose person says the sound; clips that
are idle, follow a video or have `speakers` need no `audio`.
Beside them an object may have every field of `options.Options` except
`batch_size`, which is the same for all jobs. Empty lines are skipped. A
manifest with faulty lines is refused, and all of them are named before anything
is made.
"""

import collections
from collections.abc import Callable, Iterable, Mapping
import dataclasses
import os
import pathlib
import re
from typing import Any

from sadtalker_jax import errors, json_text
from sadtalker_jax.inference import animation as animation_lib
from sadtalker_jax.inference import geometry_video, inputs, pipeline, registry
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.footage import footage
from sadtalker_jax.media import files, video

_SOURCES = ('image', 'video')  # one of them
_PATHS = (*_SOURCES, 'audio', 'output')
# One batch size serves all jobs.
_OPTIONS = tuple(
  spec for spec in options_lib.specs() if spec.name != 'batch_size'
)
_LINE_END = re.compile('\r\n|\n|\r')  # others may be in texts
_MOST_FAULTS = 20  # faulty lines that a message lists


@dataclasses.dataclass(frozen=True)
class AnimationJob:
  """One animation to make."""

  line: int  # number of its line in the manifest, from 1
  image: pathlib.Path | None  # None where there is a video
  audio: pathlib.Path | None
  output: pathlib.Path
  options: options_lib.Options
  video: pathlib.Path | None = None

  def animation(self, animator: pipeline.Animator) -> animation_lib.Animation:
    """The clip of the job.

    Raises:
      InputError: as `Animator.animate` and `Animator.revoice`.
    """
    if self.video is not None:
      return animator.revoice(self.video, self.audio, self.options)
    assert self.image is not None
    return animator.animate(self.image, self.audio, self.options)


def read(
  path: str | os.PathLike[str], defaults: options_lib.Options | None = None
) -> list[AnimationJob]:
  """The jobs of a manifest.

  Args:
    path: File in UTF-8, with a byte-order mark or without.
    defaults: Values of options that a line does not have; None for the usual
      ones.

  Raises:
    InputError: the file is missing or empty, or lines are faulty, each named
      by its number.
  """
  source = files.check_source(path, 'a manifest')
  defaults = defaults or options_lib.Options()
  return parsed(lines_of(source), source.parent, defaults, str(source))


def lines_of(source: pathlib.Path) -> list[tuple[int, str]]:
  """The lines of a manifest that are not empty, with their numbers from 1.

  Raises:
    InputError: it is missing, or no text in UTF-8.
  """
  files.check_source(source, 'a manifest')
  try:
    text = source.read_bytes().decode(encoding='utf-8-sig')
  except UnicodeDecodeError as error:
    raise errors.InputError(
      f'{source}: expected text in UTF-8, found {error.reason}'
    ) from error
  lines = enumerate(_LINE_END.split(text), 1)
  return [(number, line) for number, line in lines if line.strip()]


def parsed(
  lines: Iterable[tuple[int, str]],
  folder: pathlib.Path,
  defaults: options_lib.Options,
  name: str,
  placed: Callable[[str], str] = str,
) -> list[AnimationJob]:
  """The jobs of lines.

  Args:
    lines: Numbers and texts.
    folder: Folder that paths are relative to.
    defaults: Values of options that a line does not have.
    name: Name of the manifest, for messages.
    placed: Function that puts local paths in place of others.

  Raises:
    InputError: there are no lines, or some are faulty.
  """
  jobs: list[AnimationJob] = []
  faults: list[str] = []
  owners: dict[pathlib.Path, int] = {}
  for number, line in lines:
    try:
      job = one(number, placed(line), folder, defaults)
    except errors.InputError as error:
      faults.append(f'line {number}: {error}')
      continue
    for output in _outputs(job):
      key = pathlib.Path(os.path.abspath(output))
      if key in owners:
        faults.append(
          f'line {number}: output: expected a file of its own, found that of '
          f'line {owners[key]}: {output}'
        )
        break
      owners[key] = number
    else:
      jobs.append(job)
  if faults:
    shown = faults[:_MOST_FAULTS]
    if len(faults) > len(shown):
      shown.append(f'and {len(faults) - len(shown)} more')
    raise errors.InputError(f'{name}: ' + '\n  '.join(shown))
  if not jobs:
    raise errors.InputError(f'{name}: expected jobs, found an empty file')
  return jobs


def fields_of(line: str) -> dict[str, Any]:
  """The object of a line.

  Raises:
    InputError: it is none, or a name is in it twice.
  """
  fields = json_text.parse(line, object_pairs_hook=_object)
  if not isinstance(fields, dict):
    raise errors.InputError(
      f'expected a JSON object, found {type(fields).__name__}'
    )
  return fields


def one(
  number: int, line: str, folder: pathlib.Path, defaults: options_lib.Options
) -> AnimationJob:
  """The job of a line, as `parsed`."""
  fields = fields_of(line)
  known = (*_PATHS, *(spec.name for spec in _OPTIONS))
  if unknown := [name for name in fields if name not in known]:
    raise errors.InputError(
      f'expected names among {", ".join(known)}; found '
      f'{errors.shown(", ".join(unknown))[1:-1]}'
    )
  if all(name in fields for name in _SOURCES):
    raise errors.InputError(
      f'expected one of {" and ".join(_SOURCES)}, found both'
    )
  source = next((name for name in _SOURCES if name in fields), 'image')
  # Some clips have no sound; `inputs.check_sound` says which.
  paths = {
    name: _path(fields, name, folder)
    for name in (source, 'audio', 'output')
    if name in fields or name != 'audio'
  }
  options = _options(fields, folder, defaults)
  video.check_name(paths['output'], options.encoding.suffix)
  if source == 'video':
    footage.check('audio' in paths, options)
  else:
    inputs.check_sound('audio' in paths, options)
  return AnimationJob(
    number,
    paths.get('image'),
    paths.get('audio'),
    paths['output'],
    options,
    paths.get('video'),
  )


def _path(fields: Mapping[str, Any], name: str, folder: pathlib.Path) -> Any:
  value = fields.get(name)
  if not isinstance(value, str) or not value:
    raise errors.InputError(
      f'{name}: expected a path, found {errors.shown(value)}'
    )
  if fault := files.name_fault(value):
    raise errors.InputError(
      f'{name}: expected a path, found {fault}: {errors.shown(value)}'
    )
  return folder / value


def _outputs(job: AnimationJob) -> list[pathlib.Path]:
  """The files that a job writes."""
  more = [geometry_video.beside(job.output)] if job.options.face3dvis else []
  return [job.output, *more]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  """An object whose names differ."""
  counts = collections.Counter(name for name, _ in pairs)
  twice = [name for name, count in counts.items() if count > 1]
  if twice:
    raise errors.InputError(
      f'expected every name once, found twice: {errors.shown(twice[0])}'
    )
  return dict(pairs)


def _options(
  fields: Mapping[str, Any], folder: pathlib.Path, defaults: options_lib.Options
) -> options_lib.Options:
  given = {}
  for spec in _OPTIONS:
    if spec.name not in fields:
      continue
    value = spec.checked(fields[spec.name])
    if spec.kind == 'path' and value is not None:
      value = folder / value
    elif spec.kind == 'speakers' and value is not None:
      value = tuple((face, folder / part) for face, part in value)
    elif spec.kind == 'paths' and value is not None and len(value) > 1:
      value = tuple(folder / part for part in value)
    given[spec.name] = value
  options = dataclasses.replace(defaults, **given)
  registry.check(options)
  return options
