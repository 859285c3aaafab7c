"""Faults in the records of a shard, which are read again.

Every clip must be of the schema, finite, at its place and agree with its own
sound; every frame must be the next one of its clip and a picture of the right
size.
"""

from collections.abc import Iterable
import dataclasses
import pathlib
from typing import Any

from array_record.python import array_record_module
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import image
from sadtalker_jax.preparation.clip import sound
from sadtalker_jax.preparation.run import statistics
from sadtalker_jax.records import folders, schema

_MOST_FAULTS = 20  # listed for a shard
_MEL_TOLERANCE = 2e-3  # values reach 4; devices and versions of XLA differ
# How far from the frame landmarks may lie, in its sides.
_REACH = 1.0


@dataclasses.dataclass(eq=False)
class Check:
  """Counts and faults of a shard, or of all shards."""

  clips: int = 0
  frames: int = 0
  faults: list[str] = dataclasses.field(default_factory=list)
  rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)
  num_bytes: dict[str, int] = dataclasses.field(
    default_factory=lambda: dict.fromkeys(folders.DATASETS, 0)
  )
  sums: statistics.Sums = dataclasses.field(default_factory=statistics.Sums)


ShardId = tuple[pathlib.Path, str, int, int]  # folder, split, number, total


def check_shard(shard: ShardId) -> Check:
  """Checks one shard of clips and its shard of frames."""
  folder, split, number, total = shard
  result = Check()
  names = {
    name: folders.shard_path(folder, name, split, number, total)
    for name in folders.DATASETS
  }
  size = folders.read_manifest(folder)['size']
  try:
    readers = {name: _open(path) for name, path in names.items()}
    for index in range(readers['clips'].num_records()):
      _check_clip(result, readers, index, size, names['clips'].name, number)
    left = readers['frames'].num_records() - result.frames
    if left:
      result.faults.append(f'{names["frames"].name}: {left} frames too many')
  except (errors.InputError, OSError, RuntimeError, ValueError) as error:
    result.faults.append(f'{names["clips"].name}: {error}')
  more = len(result.faults) - _MOST_FAULTS
  if more > 0:
    result.faults[_MOST_FAULTS:] = [f'{names["clips"].name}: {more} more']
  return result


def _open(path: pathlib.Path) -> Any:
  """A reader of a shard, which counts its records as it is opened."""
  try:
    return array_record_module.ArrayRecordReader(str(path))
  except (RuntimeError, ValueError, OSError) as error:
    raise errors.InputError(
      f'{path}: expected a whole shard, found one cut short or damaged: '
      f'{str(error).splitlines()[0]}'
    ) from error


def _check_clip(
  result: Check,
  readers: dict[str, Any],
  index: int,
  size: int,
  name: str,
  number: int,
) -> None:
  """Checks a clip and its frames, and counts them."""
  (data,) = readers['clips'].read([index])
  result.num_bytes['clips'] += len(data)
  clip = schema.decode_clip(data)
  label = f'{name}: {clip["id"]}'
  offset, count = clip['frame_offset'], clip['num_frames']
  result.faults += [f'{label}: {fault}' for fault in _clip_faults(clip, size)]
  if offset != result.frames:
    result.faults.append(
      f'{label}: expected its frames at {result.frames}, found {offset}'
    )
  result.clips += 1
  result.rows.append(folders.index_row(clip, number))
  result.sums.add(clip['coefficients'])
  start = result.frames
  for i, record in enumerate(
    readers['frames'].read(list(range(start, start + count)))
  ):
    result.num_bytes['frames'] += len(record)
    frame = schema.decode_frame(record)
    if (frame['clip'], frame['index']) != (clip['id'], i):
      result.faults.append(
        f'{label}: expected its frame {i}, found frame {frame["index"]} of '
        f'{frame["clip"]}'
      )
    shape = image.from_jpeg(frame['image']).shape
    if shape != (size, size, 3):
      result.faults.append(f'{label}: frame {i} is a picture {list(shape)}')
  result.frames += count


def _clip_faults(clip: dict[str, Any], size: int) -> Iterable[str]:
  """What is wrong with the numbers of a clip."""
  for key, value in clip.items():
    if isinstance(value, np.ndarray) and not np.isfinite(value).all():
      yield f'{key} is not finite'
  if clip['size'] != size:
    yield f'expected frames of {size} pixels, found {clip["size"]}'
  points = clip['landmarks'] / size
  if not (-_REACH < points.min() and points.max() < 1 + _REACH):
    yield 'landmarks far from the frame'
  if not ((clip['blink'] >= 0) & (clip['blink'] <= 1)).all():
    yield 'blink beyond 0 to 1'
  if not (clip['crop'][:, 0] > 0).all():
    yield 'crop without a scale'
  again = sound.mel(clip['audio'])
  if np.abs(again - clip['mel']).max() > _MEL_TOLERANCE:
    yield 'mel is not of its sound'
