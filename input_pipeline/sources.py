"""Prepared clips and their frames: a split of a folder of records.

A clip is addressed by its row in the index (`folders.INDEX`); `positions`
are the rows that the selection keeps. Nothing but the index is read before a
clip is asked for. Objects are picklable: each worker process opens its own
files.
"""

from collections.abc import Callable, Sequence
import pathlib
from typing import Any, Literal

from absl import logging
import numpy as np
from PIL import Image

from input_pipeline import selection as selections
from input_pipeline import shards
from sadtalker_jax import errors
from sadtalker_jax.records import folders

_READERS: dict[str, Callable[[pathlib.Path, str, str], shards.ShardReader]] = {
  'array_record': shards.ShardFiles,
  'tfds': shards.TfdsFiles,
}


class Clips:
  """The clips of a split, and their frames."""

  def __init__(
    self,
    folder: str | pathlib.Path,
    split: str,
    *,
    selection: selections.Selection | None = None,
    reader: Literal['array_record', 'tfds'] = 'array_record',
  ):
    """Opens a split.

    Args:
      folder: Folder of the records.
      split: Split: train, validation or test.
      selection: Selection of the clips; None: all.
      reader: Reader of the files; both give the same.

    Raises:
      InputError: There are no records, shards do not belong to the index, or
        the selection keeps no clip.
    """
    self.folder = pathlib.Path(folder)
    self.split = split
    if reader not in _READERS:
      raise errors.InputError(
        f'expected reader in {list(_READERS)}, found {reader!r}'
      )
    self.manifest = folders.read_manifest(self.folder)
    self.size: int = self.manifest['size']
    self._clips = _READERS[reader](self.folder, 'clips', split)
    self._frames = _READERS[reader](self.folder, 'frames', split)
    self.index = self._read_index()
    self._check_shards()
    self._starts = np.cumsum([0, *self._clips.lengths])
    self.speakers, keep = selections.select(
      self.index,
      self.manifest['speakers'],
      selection or selections.Selection(),
    )
    self._styles = {name: i for i, name in enumerate(self.speakers)}
    self.positions = np.flatnonzero(keep)
    if not len(self.positions):
      raise errors.InputError(
        f'no clip of split {split} in {self.folder} fits {selection}'
      )

  def clip(self, position: int) -> dict[str, Any]:
    """The clip in a row of the index, decoded and checked.

    Raises:
      InputError: the record is damaged; names shard and record.
    """
    shard = int(self.index['shard'][position])
    place = int(position - self._starts[shard])
    clip = self._clips.read(shard, place)
    if clip['id'] != self.index['id'][position]:
      raise shards.damage(
        self._clips,
        shard,
        place,
        f'expected clip {self.index["id"][position]}, found {clip["id"]}',
      )
    return clip

  def frames(
    self, position: int, numbers: Sequence[int] | np.ndarray
  ) -> list[Image.Image]:
    """Frames of the clip in a row of the index, S x S pixels, RGB.

    Raises:
      InputError: a record is damaged or another's; names shard and record.
    """
    shard = int(self.index['shard'][position])
    name = str(self.index['id'][position])
    found = []
    for number in map(int, numbers):
      place = int(self.index['frame_offset'][position]) + number
      frame = self._frames.read(shard, place)
      if (frame['clip'], frame['index']) != (name, number):
        raise shards.damage(
          self._frames,
          shard,
          place,
          f'expected frame {number} of {name}, found {frame["index"]} of '
          f'{frame["clip"]}',
        )
      try:
        found.append(shards.decode_image(frame['image'], self.size))
      except ValueError as error:
        raise shards.damage(self._frames, shard, place, error) from error
    return found

  def style(self, position: int) -> int:
    """Style class of a clip: the place of its speaker in `speakers`."""
    return self._styles[str(self.index['speaker'][position])]

  def _read_index(self) -> dict[str, np.ndarray]:
    """The index from its file or, where there is none, from all clips."""
    path = folders.index_path(self.folder, self.split)
    if path.exists():
      return folders.read_index(self.folder, self.split)
    logging.warning('%s is missing: reading all clips instead', path)
    return folders.make_index(
      [
        folders.index_row(self._clips.read(shard, place), shard)
        for shard, length in enumerate(self._clips.lengths)
        for place in range(length)
      ]
    )

  def _check_shards(self) -> None:
    """Raises `InputError` unless the shards are those of the index."""
    shard = self.index['shard']
    amounts = {
      'clips': (self._clips, np.ones_like(shard)),
      'frames': (self._frames, self.index['num_frames']),
    }
    for name, (reader, amount) in amounts.items():
      found = np.array(reader.lengths)
      wanted = np.zeros(max([len(found), *(shard + 1)]), int)
      np.add.at(wanted, shard, amount)
      found = np.pad(found, (0, len(wanted) - len(found)))
      if (wanted != found).any():
        odd = int(np.flatnonzero(wanted != found)[0])
        raise errors.InputError(
          f'expected {wanted[odd]} {name} in shard {odd} of split {self.split} '
          f'in {self.folder} by its index, found {found[odd]}'
        )
