"""Which generated video belongs to which real one.

By name: the path below its folder without the suffix, so `a/b.mpg` of the real
folder goes with `a/b.mp4` of a generated one. Or by a list, one JSON object a
line, paths relative to the two folders:

    {"name": "clip 1", "real": "a/b.mpg", "generated": "out_b.mp4"}

Several systems are several generated folders; a clip counts when all have it.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import os
import pathlib
from typing import Any

from sadtalker_jax import errors, json_text
from sadtalker_jax.media import files

SUFFIXES = frozenset(
  '.mp4 .mkv .mov .avi .webm .m4v .mpg .mpeg .ts .flv .wmv .3gp .ogv'.split()
)
REAL = 'real'  # name of the real videos among the systems


@dataclasses.dataclass(frozen=True)
class VideoPair:
  """One clip: its real video, and the generated video of each system."""

  name: str
  real: pathlib.Path
  generated: Mapping[str, pathlib.Path]  # by system


@dataclasses.dataclass(frozen=True)
class LeftOut:
  """A clip that counts in no metric, and why."""

  name: str
  reason: str  # a word or two: 'unpaired', 'no face'
  detail: str
  system: str = ''  # whose video it was; 'real', or '' for none


def by_name(
  real: pathlib.Path, generated: Mapping[str, pathlib.Path]
) -> tuple[list[VideoPair], list[LeftOut]]:
  """The clips of folders, in the order of their names.

  Args:
    real: Folder of real videos.
    generated: Folders of generated videos, by system.

  Returns:
    Pairs, and videos without a partner.

  Raises:
    InputError: A folder is missing or holds no video.
  """
  folders = {REAL: real, **generated}
  found = {system: videos(folder) for system, folder in folders.items()}
  pairs, left_out = [], []
  for name in sorted(set().union(*found.values())):
    faults = [
      _fault(name, system, paths.get(name, []))
      for system, paths in found.items()
    ]
    fault = next((f for f in faults if f is not None), None)
    if fault is not None:
      left_out.append(fault)
      continue
    paths = {system: found[system][name][0] for system in generated}
    pairs.append(VideoPair(name, found[REAL][name][0], paths))
  return pairs, left_out


def by_list(
  path: str | os.PathLike[str],
  real: pathlib.Path,
  generated: Mapping[str, pathlib.Path],
) -> tuple[list[VideoPair], list[LeftOut]]:
  """The clips of a list; entries whose files are missing are left out.

  Args:
    path: File of the list.
    real: Folder of real videos.
    generated: Folders of generated videos, by system.

  Raises:
    InputError: The list is missing or empty, or a line of it is malformed.
  """
  source = files.check_source(path, 'a list of pairs')
  pairs: list[VideoPair] = []
  left_out: list[LeftOut] = []
  names: set[str] = set()
  for number, line in enumerate(_lines(source), 1):
    if not line.strip():
      continue
    fields = _fields(source, number, line)
    name = fields.get('name') or str(
      pathlib.PurePath(fields['real']).with_suffix('')
    )
    if name in names:
      raise errors.InputError(
        f'{source}: line {number}: expected a name of its own, found {name!r} '
        'again'
      )
    names.add(name)
    pair = VideoPair(
      name,
      real / fields['real'],
      {s: folder / fields['generated'] for s, folder in generated.items()},
    )
    missing = [
      LeftOut(name, 'unpaired', f'no file {file}', system)
      for system, file in {REAL: pair.real, **pair.generated}.items()
      if not file.is_file()
    ]
    left_out += missing[:1]
    if not missing:
      pairs.append(pair)
  if not names:
    raise errors.InputError(f'{source}: expected pairs, found an empty file')
  return pairs, left_out


def videos(folder: pathlib.Path) -> dict[str, list[pathlib.Path]]:
  """Video files below a folder by their names, hidden ones aside.

  Raises:
    InputError: The folder is missing or holds no video.
  """
  if not folder.is_dir():
    raise errors.InputError(
      f'{folder}: expected a folder of videos, found '
      + ('a file' if folder.exists() else 'nothing there')
    )
  found: dict[str, list[pathlib.Path]] = {}
  for path in sorted(folder.rglob('*')):
    hidden = any(p.startswith('.') for p in path.relative_to(folder).parts)
    if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden:
      name = path.relative_to(folder).with_suffix('').as_posix()
      found.setdefault(name, []).append(path)
  if not found:
    raise errors.InputError(
      f'{folder}: expected videos ({" ".join(sorted(SUFFIXES))}), found none'
    )
  return found


def _fault(name: str, system: str, paths: list[pathlib.Path]) -> LeftOut | None:
  """The fault of a name that a folder does not have exactly once."""
  if len(paths) == 1:
    return None
  if not paths:
    return LeftOut(name, 'unpaired', 'no video of this name', system)
  shown = ', '.join(path.name for path in paths)
  return LeftOut(name, 'ambiguous', f'several videos: {shown}', system)


def _lines(source: pathlib.Path) -> Iterator[str]:
  try:
    yield from source.read_text(encoding='utf-8-sig').splitlines()
  except UnicodeDecodeError as error:
    raise errors.InputError(
      f'{source}: expected text in UTF-8, found {error.reason}'
    ) from error


def _fields(source: pathlib.Path, number: int, line: str) -> dict[str, Any]:
  """The object of a line, with the two paths at least."""
  try:
    fields = json_text.parse(line)
  except errors.InputError as error:
    raise errors.InputError(f'{source}: line {number}: {error}') from error
  good = isinstance(fields, dict) and set(fields) <= {
    'name',
    'real',
    'generated',
  }
  good = good and all(isinstance(v, str) and v for v in fields.values())
  if not good or not {'real', 'generated'} <= set(fields):
    raise errors.InputError(
      f'{source}: line {number}: expected "real" and "generated" paths, and a '
      f'"name" if wanted, found {line.strip()[:200]}'
    )
  return fields
