"""The records of a split, one by one, in any order, by shard and place.

Two readers of the same files: `ShardFiles` needs ArrayRecord alone, and reads
those of a store by ranges, too; `TfdsFiles` goes through TensorFlow Datasets.
Both are picklable and open files lazily.
"""

import io
import pathlib
from typing import Any, Protocol

from array_record.python import array_record_data_source
import numpy as np
from PIL import Image

from sadtalker_jax import errors
from sadtalker_jax.records import array_records, folders, schema
from sadtalker_jax.stores import ranges

# What the reader of ArrayRecord raises depends on the damage.
_FAULTS = (OSError, RuntimeError, ValueError, IndexError)


class ShardReader(Protocol):
  """One data set (clips or frames) of a split."""

  paths: list[pathlib.Path]  # of the shards
  lengths: list[int]  # records of each shard

  def read(self, shard: int, place: int) -> dict[str, Any]:
    """The decoded and checked record in a place of a shard."""
    ...


class ShardFiles:
  """Reads ArrayRecord files."""

  def __init__(self, folder: pathlib.Path, dataset: str, split: str):
    self.paths = folders.shard_paths(folder, dataset, split)
    self._sources = []
    for path in self.paths:
      try:
        source = _opened(path)
      except _FAULTS as error:
        raise errors.InputError(f'damaged shard {path}: {error}') from error
      self._sources.append(source)
    self.lengths = [len(source) for source in self._sources]
    self._clips = dataset == 'clips'

  def read(self, shard: int, place: int) -> dict[str, Any]:
    """The decoded and checked record in a place of a shard.

    Raises:
      InputError: it is damaged, or a store does not give it; names shard and
        record, or the path in the store.
    """
    decode = schema.decode_clip if self._clips else schema.decode_frame
    try:
      record = self._sources[shard][place]
    except errors.InputError:
      raise  # of a store, which is no damage
    except _FAULTS as error:
      raise damage(self, shard, place, error) from error
    try:
      return decode(record)
    except _FAULTS as error:
      raise damage(self, shard, place, error) from error


def _opened(path: pathlib.Path) -> Any:
  """The records of a shard, by place; of a store's, read by ranges."""
  if ranges.is_ranged(path):
    file = ranges.RangedFile(path)
    return array_records.Reader(file.read, file.size)
  return array_record_data_source.ArrayRecordDataSource([str(path)])


class TfdsFiles:
  """Reads through TensorFlow Datasets, without TensorFlow."""

  def __init__(self, folder: pathlib.Path, dataset: str, split: str):
    import tensorflow_datasets as tfds

    self.paths = folders.shard_paths(folder, dataset, split)
    builder = tfds.builder_from_directory(folder / dataset)
    decoders = {'image': tfds.decode.SkipDecoding()}
    self._clips = dataset == 'clips'
    self._source = builder.as_data_source(
      split=split, decoders=None if self._clips else decoders
    )
    self.lengths = list(builder.info.splits[split].shard_lengths)
    self._starts = [0, *np.cumsum(self.lengths).tolist()]

  def read(self, shard: int, place: int) -> dict[str, Any]:
    """As `ShardFiles.read`."""
    try:
      found = self._source[self._starts[shard] + place]
      values = {
        key: value.decode()
        if isinstance(value, bytes) and key != 'image'
        else value
        for key, value in found.items()
      }
      if self._clips:
        schema.check_clip(values)
      return values
    except _FAULTS as error:
      raise damage(self, shard, place, error) from error


def damage(
  reader: ShardReader, shard: int, place: int, error: Exception | str
) -> errors.InputError:
  """The error that names a record which cannot be used."""
  return errors.InputError(
    f'damaged record {place} of {reader.paths[shard]}: {error}'
  )


def decode_image(image: bytes, size: int) -> Image.Image:
  """Picture of size x size pixels, RGB, of JPEG bytes.

  Raises:
    ValueError: no picture, or one of another size or kind.
  """
  try:
    picture = Image.open(io.BytesIO(image))
    picture.load()
  except OSError as error:
    raise ValueError(f'expected a JPEG: {error}') from error
  if picture.size != (size, size) or picture.mode != 'RGB':
    raise ValueError(
      f'expected {size} x {size} pixels RGB, found {picture.width} x '
      f'{picture.height} {picture.mode}'
    )
  return picture
