"""Writes one shard of clips and the shard of their frames.

Files are written under hidden names beside their final ones; `finish` renames
all of them when the last one is complete. The same clips give the same records
in any process.
"""

from collections.abc import Iterator
import dataclasses
import errno
import itertools
import pathlib
import pickle
from typing import Any

from array_record.python import array_record_module

from sadtalker_jax.preparation import parts
from sadtalker_jax.preparation.run import splits, statistics
from sadtalker_jax.records import folders, schema

# One record is read at a time; JPEG does not compress.
_LAYOUT = 'group_size:1,uncompressed'


@dataclasses.dataclass(frozen=True, eq=False)
class Written:
  """Facts of a written shard, for manifest and index."""

  split: str
  number: int
  lengths: dict[str, int]  # records, by data set
  num_bytes: dict[str, int]  # bytes of all records, by data set
  rows: list[dict[str, Any]]  # rows of the index
  sums: statistics.Sums


def hidden(path: pathlib.Path) -> pathlib.Path:
  """The name of a shard that is not complete."""
  return path.with_name(f'.{path.name}.unfinished')


def write(
  shard: splits.Shard, folder: pathlib.Path, part_folder: pathlib.Path
) -> Written:
  """Writes a shard under its hidden names.

  Args:
    shard: Clips of the shard.
    folder: Folder of the records.
    part_folder: Folder of the parts.

  Raises:
    InputError: A part cannot be read.
    OSError: The shard cannot be written, mostly for lack of room.
  """
  paths = {
    name: folders.shard_path(
      folder, name, shard.split, shard.number, shard.total
    )
    for name in folders.DATASETS
  }
  writers = {}
  for name, path in paths.items():
    path.parent.mkdir(parents=True, exist_ok=True)
    writers[name] = array_record_module.ArrayRecordWriter(
      str(hidden(path)), _LAYOUT
    )
  lengths = dict.fromkeys(paths, 0)
  num_bytes = dict.fromkeys(paths, 0)
  rows, sums = [], statistics.Sums()

  def add(name: str, record: bytes) -> None:
    writers[name].write(record)
    lengths[name] += 1
    num_bytes[name] += len(record)

  try:
    for clip, frames in _clips(shard, part_folder):
      clip['frame_offset'] = lengths['frames']
      rows.append(folders.index_row(clip, shard.number))
      sums.add(clip['coefficients'])
      add('clips', schema.encode_clip(clip))
      for index, frame in enumerate(frames):
        add('frames', schema.encode_frame(clip['id'], index, frame))
    for writer in writers.values():
      writer.close()
  except RuntimeError as error:  # ArrayRecord's, when the disk is full
    raise OSError(errno.EIO, str(error).split(';')[0]) from error
  return Written(shard.split, shard.number, lengths, num_bytes, rows, sums)


def _clips(
  shard: splits.Shard, part_folder: pathlib.Path
) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
  """Fields and frames of the clips of a shard; each part is opened once."""
  for part, group in itertools.groupby(shard.items, lambda item: item.part):
    places = [item.place for item in group]
    yield from parts.read_clips(part_folder / part, places)


def write_and_note(shard: splits.Shard, folder: str, part_folder: str) -> None:
  """`write`, its result in a file beside the shard; see `read_note`."""
  written = write(shard, pathlib.Path(folder), pathlib.Path(part_folder))
  note = _note(shard, pathlib.Path(folder))
  note.write_bytes(pickle.dumps(written))


def read_note(shard: splits.Shard, folder: pathlib.Path) -> Written:
  """The result that `write_and_note` stored; its file is removed."""
  note = _note(shard, folder)
  written = pickle.loads(note.read_bytes())
  note.unlink()
  return written


def _note(shard: splits.Shard, folder: pathlib.Path) -> pathlib.Path:
  path = folders.shard_path(
    folder, 'clips', shard.split, shard.number, shard.total
  )
  return hidden(path).with_suffix('.note')
