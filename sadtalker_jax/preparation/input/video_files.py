"""The videos of a folder or a table, and who speaks in them.

In a folder all files count that have the suffix of a video, at any depth:

    SPEAKER/VIDEO/UTTERANCE.mp4   as VoxCeleb is laid out
    SPEAKER/VIDEO.mp4
    VIDEO.mp4                     its name is that of the speaker, too

A table (`.tsv`, a header line, columns separated by tabs) names them one by
one: `path` (relative to the table), and if wanted `speaker`, `video`,
`utterance`, `start`, `end` (seconds of the video) and `box` (x0,y0,x1,y1 in
pixels of the video: which face). Names have letters, digits, '_', '-' and '.';
everything else becomes '_'.
"""

import collections
from collections.abc import Iterable
import csv
import dataclasses
import hashlib
import math
import os
import pathlib
import re

from sadtalker_jax import errors
from sadtalker_jax.preparation.input import annotations

SUFFIXES = frozenset(
  '.mp4 .mkv .mov .avi .webm .m4v .mpg .mpeg .ts .flv .wmv .3gp .ogv'.split()
)
_COLUMNS = {'path', 'speaker', 'video', 'utterance', 'start', 'end', 'box'}


@dataclasses.dataclass(frozen=True)
class VideoSource:
  """One video to prepare."""

  path: str  # path of the file
  name: str  # the same relative to the input, for messages and records
  speaker: str
  video: str
  utterance: str
  start_s: float = 0.0
  end_s: float | None = None
  # Faces that count, in stretches of frames; none: all faces in the wild.
  stretches: tuple[annotations.Stretch, ...] = ()

  @property
  def label(self) -> str:
    """The start of the ids of its clips."""
    return f'{self.speaker}#{self.video}#{self.utterance}'

  def counts(self, frame: int) -> bool:
    """Whether any face counts in a frame, at 25 a second."""
    return not self.stretches or any(s.covers(frame) for s in self.stretches)

  def key(self, options_digest: str) -> str:
    """The name of its part, a hash of path, size, fields and options.

    The time stamp is no part of it, so that a copy of the input can be resumed.

    Args:
      options_digest: Hash of the options (`options.digest`).
    """
    try:
      size = os.path.getsize(self.path)
    except OSError:
      size = -1
    described = dataclasses.asdict(self)
    described.pop('path')
    text = repr((sorted(described.items()), size, options_digest))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def find(
  source: pathlib.Path, annotation_folder: pathlib.Path | None = None
) -> list[VideoSource]:
  """The videos of a folder or a table, in the order of their labels.

  Args:
    source: Folder, or table ending in .tsv.
    annotation_folder: Folder of VoxCeleb's text files,
      SPEAKER/VIDEO/UTTERANCE.txt; the input then holds whole videos,
      SPEAKER/VIDEO.mp4, and videos without text files are left out.

  Raises:
    InputError: The folder or table is missing, has no video or is malformed, or
      an annotation cannot be read.
  """
  if source.is_dir():
    found = [_from_path(path, source) for path in _walk(source)]
  elif source.suffix.lower() == '.tsv':
    found = _from_table(source)
  else:
    raise errors.InputError(
      f'{source}: expected a folder of videos or a .tsv table, found '
      + ('a file' if source.exists() else 'nothing there')
    )
  if annotation_folder is not None:
    found = [
      dataclasses.replace(item, stretches=stretches)
      for item in found
      if (
        stretches := annotations.read(
          annotation_folder / item.speaker / item.video
        )
      )
    ]
  if not found:
    raise errors.InputError(
      f'{source}: expected videos ({" ".join(sorted(SUFFIXES))})'
      + (' with annotations' if annotation_folder else '')
      + ', found none'
    )
  return sorted(_distinct(found), key=lambda item: (item.label, item.name))


def _walk(folder: pathlib.Path) -> Iterable[pathlib.Path]:
  for root, folders, files in os.walk(folder, followlinks=True):
    folders[:] = sorted(f for f in folders if not f.startswith('.'))
    for file in sorted(files):
      path = pathlib.Path(root, file)
      if path.suffix.lower() in SUFFIXES and not file.startswith('.'):
        yield path


def _from_path(path: pathlib.Path, folder: pathlib.Path) -> VideoSource:
  relative = path.relative_to(folder)
  stem, above = _clean(path.stem), [_clean(p) for p in relative.parts[:-1]]
  if len(above) >= 2:
    speaker, video, utterance = above[-2], above[-1], stem
  else:
    speaker, video, utterance = (above or [stem])[-1], stem, '00000'
  return VideoSource(str(path), str(relative), speaker, video, utterance)


def _from_table(table: pathlib.Path) -> list[VideoSource]:
  try:
    text = table.read_text(encoding='utf-8-sig')
    reader = csv.DictReader(text.splitlines(), delimiter='\t')
    columns = set(reader.fieldnames or [])
    rows = list(reader)
  except (OSError, UnicodeDecodeError, csv.Error) as error:
    raise errors.InputError(
      f'{table}: expected a table that can be read: {error}'
    ) from error
  if 'path' not in columns or not columns <= _COLUMNS:
    raise errors.InputError(
      f'{table}: expected the columns {" ".join(sorted(_COLUMNS))} (path at '
      f'least), found {" ".join(sorted(columns)) or "none"}'
    )
  return [_from_row(row, table, number) for number, row in enumerate(rows, 2)]


def _from_row(
  row: dict[str, str | None], table: pathlib.Path, number: int
) -> VideoSource:
  def text(column: str, default: str) -> str:
    return _clean((row.get(column) or '').strip() or default)

  name = (row.get('path') or '').strip()
  try:
    start = _finite(row.get('start') or 0)
    end = _finite(row.get('end') or 0) or None
    box = _box(row.get('box'))
    good = (
      name and '\0' not in name and start >= 0 and (end is None or end > start)
    )
  except ValueError:
    good = False
  if not good:
    raise errors.InputError(
      f'{table}, line {number}: expected a path, times in seconds with start '
      f'before end, a box x0,y0,x1,y1; found {dict(row)}'
    )
  stem = pathlib.Path(name).stem
  video = text('video', stem)
  return VideoSource(
    str(table.parent / name),
    name,
    text('speaker', video),
    video,
    text('utterance', '00000'),
    start,
    end,
    (annotations.from_box(box),) if box else (),
  )


def _box(text: str | None) -> tuple[float, ...] | None:
  if not text:
    return None
  box = tuple(map(_finite, text.split(',')))
  if len(box) != 4 or not (box[0] < box[2] and box[1] < box[3]):
    raise ValueError(text)
  return box


def _finite(text: str | float) -> float:
  """The number in a text; a `ValueError` for infinity, too."""
  number = float(text)
  if not math.isfinite(number):
    raise ValueError(text)
  return number


def _clean(name: str) -> str:
  return re.sub(r'[^\w.-]', '_', name) or '_'


def _distinct(found: list[VideoSource]) -> list[VideoSource]:
  """The same videos; labels that occur twice get a hash of the file's name."""
  counts = collections.Counter(item.label for item in found)
  result = []
  for item in found:
    if counts[item.label] > 1:
      text = repr((item.name, item.start_s, item.end_s, item.stretches))
      mark = hashlib.sha256(text.encode()).hexdigest()[:6]
      item = dataclasses.replace(item, utterance=f'{item.utterance}-{mark}')
    result.append(item)
  labels = {item.label for item in result}
  if len(labels) < len(result):
    raise errors.InputError(
      'expected every video once, found one listed twice: '
      + next(
        i.name
        for n, i in enumerate(result)
        if i.label in {o.label for o in result[:n]}
      )
    )
  return result
