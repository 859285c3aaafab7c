"""How prepared records lie in a folder: names, index, manifest, TFDS files.

    manifest.json                               `read_manifest`
    clips/clips-train.array_record-00000-of-00008
    clips/index-train.npz                       `read_index`
    clips/features.json, clips/dataset_info.json
    frames/frames-train.array_record-00000-of-00008, ...

Shard k of `frames` holds the frames of the clips in shard k of `clips`. Each of
the two folders is a data set that `tfds.builder_from_directory` opens. Splits
share no speaker. Small files are written whole or not at all.

The manifest is JSON: `schema`, `options` (hash of what prepared the records),
`size` (side of the frames), `speakers` (ordered: place = style class), `splits`
(name to `clips`, `frames`, `hours`, `speakers`, `statistics`) and `rejects`
(reason to number of clips). `statistics` has `mean` and `std`, 70 numbers
(expression, angles, translation) over all frames, and `pose_delta_mean` and
`pose_delta_std`, 6 numbers over pose t less pose 0 of all windows of 33 frames,
t = 1...32 (method 4.5). Clips too short for a window add nothing.

The index has what choosing clips needs, so that nothing else is read for it:
a row for each clip, in the order of the shards.
"""

from collections.abc import Mapping, Sequence
import io
import json
import os
import pathlib
from typing import Any

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.records import schema, tfds

DATASETS: Mapping[str, schema.Schema] = {
  'clips': schema.CLIP,
  'frames': schema.FRAME,
}
SPLITS = ('train', 'validation', 'test')
STATISTICS = {
  'mean': 70,
  'std': 70,
  'pose_delta_mean': 6,
  'pose_delta_std': 6,
}
INDEX = {
  'id': np.dtype(str),
  'speaker': np.dtype(str),
  'shard': np.dtype(np.int64),
  'num_frames': np.dtype(np.int64),
  'frame_offset': np.dtype(np.int64),
  'yaw': np.dtype(np.float32),  # largest |ry|, degrees
  'steady': np.dtype(np.int64),  # longest run of frames without a jump
  'offset': np.dtype(np.float32),  # audio-visual, frames
  'confidence': np.dtype(np.float32),
  'teacher': np.dtype(bool),  # whether it has the teacher's expression
}
JUMP = 15.0  # degrees between two frames; no head turns that fast
_MANIFEST = ('schema', 'options', 'size', 'speakers', 'splits', 'rejects')


def shard_path(
  folder: pathlib.Path, dataset: str, split: str, shard: int, num_shards: int
) -> pathlib.Path:
  """File of a shard, named as TFDS wants it."""
  name = f'{dataset}-{split}.array_record-{shard:05d}-of-{num_shards:05d}'
  return folder / dataset / name


def is_shard(name: str) -> bool:
  """Whether a file of a folder of records is a shard, by its path in it."""
  return '.array_record-' in name


def shard_paths(
  folder: pathlib.Path, dataset: str, split: str
) -> list[pathlib.Path]:
  """The shards of a split, in order.

  Raises:
    InputError: There is none, or some are missing.
  """
  found = sorted((folder / dataset).glob(f'{dataset}-{split}.array_record-*'))
  if not found:
    raise errors.InputError(f'no {dataset} of split {split} in {folder}')
  total = len(found)
  wanted = [shard_path(folder, dataset, split, k, total) for k in range(total)]
  if found != wanted:
    odd = sorted({p.name for p in found} - {p.name for p in wanted})
    raise errors.InputError(
      f'expected the {total} shards found in {folder / dataset} to be all, '
      f'found {odd[0]}'
    )
  return found


def pose_jumps(coefficients: np.ndarray) -> np.ndarray:
  """Whether the head jumps after each frame but the last, [T - 1] bool.

  A jump is a mistake of the reconstruction, more than `JUMP` degrees of an
  angle from one frame to the next (method 4.6).

  Args:
    coefficients: [T, 257].
  """
  angles = np.degrees(coefficients[:, 224:227])
  return (np.abs(np.diff(angles, axis=0)) > JUMP).any(1)


def index_row(clip: Mapping[str, Any], shard: int) -> dict[str, Any]:
  """Row of the index for a decoded clip that lies in a shard."""
  angles = np.degrees(clip['coefficients'][:, 224:227])
  ends = np.flatnonzero(pose_jumps(clip['coefficients']))
  runs = np.diff([-1, *ends, clip['num_frames'] - 1])
  same = ('id', 'speaker', 'num_frames', 'frame_offset', 'offset', 'confidence')
  return {key: clip[key] for key in same} | {
    'shard': shard,
    'yaw': np.abs(angles[:, 1]).max(),
    'steady': runs.max(),
    'teacher': len(clip['teacher']) > 0,
  }


def make_index(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
  """Columns of the index, [N] each, from its rows."""
  return {
    key: np.array([row[key] for row in rows], dtype)
    for key, dtype in INDEX.items()
  }


def index_path(folder: pathlib.Path, split: str) -> pathlib.Path:
  """File of the index of a split."""
  return folder / 'clips' / f'index-{split}.npz'


def write_index(
  folder: pathlib.Path, split: str, rows: Sequence[Mapping[str, Any]]
) -> None:
  """Writes the index of a split."""
  data = io.BytesIO()
  np.savez(data, allow_pickle=False, **make_index(rows))
  _replace(index_path(folder, split), data.getvalue())


def read_index(folder: pathlib.Path, split: str) -> dict[str, np.ndarray]:
  """Columns of the index of a split, [N] each.

  Raises:
    InputError: There is no index, or not one of this schema.
  """
  path = index_path(folder, split)
  if not path.exists():
    raise errors.InputError(f'no index of split {split}: {path}')
  with np.load(path, allow_pickle=False) as file:
    columns = {key: file[key] for key in file.files}
  if sorted(columns) != sorted(INDEX):
    raise errors.InputError(
      f'expected columns {sorted(INDEX)} in {path}, found {sorted(columns)}'
    )
  return columns


def write_manifest(folder: pathlib.Path, manifest: Mapping[str, Any]) -> None:
  """Writes the manifest, checked; `schema` is added."""
  manifest = {**manifest, 'schema': schema.SCHEMA}
  _check_manifest(manifest, folder / 'manifest.json')
  text = json.dumps(manifest, indent=2) + '\n'
  _replace(folder / 'manifest.json', text.encode())


def read_manifest(folder: pathlib.Path) -> dict[str, Any]:
  """The manifest of a folder of records.

  Raises:
    InputError: There is none, it is no JSON, or it is of another schema.
  """
  path = folder / 'manifest.json'
  try:
    manifest = json.loads(path.read_text())
  except FileNotFoundError as error:
    raise errors.InputError(f'no records here: {path} is missing') from error
  except OSError as error:
    raise errors.InputError(
      f'no records here: {path} cannot be read: {error.strerror}'
    ) from error
  except (ValueError, RecursionError) as error:
    raise errors.InputError(f'expected JSON in {path}: {error}') from error
  _check_manifest(manifest, path)
  return manifest


def _check_manifest(manifest: Any, path: pathlib.Path) -> None:
  """Raises `InputError` for another schema, missing keys or bad statistics."""
  if not isinstance(manifest, dict) or manifest.get('schema') != schema.SCHEMA:
    found = manifest.get('schema') if isinstance(manifest, dict) else manifest
    raise errors.InputError(
      f'expected schema {schema.SCHEMA} in {path}, found {found}'
    )
  missing = [key for key in _MANIFEST if key not in manifest]
  if missing:
    raise errors.InputError(f'expected {missing} in {path}, found without')
  for split, parts in manifest['splits'].items():
    for key, length in STATISTICS.items():
      if np.shape(parts.get('statistics', {}).get(key)) != (length,):
        raise errors.InputError(
          f'expected {length} numbers of {key} of {split} in {path}'
        )


def write_tfds(
  folder: pathlib.Path,
  dataset: str,
  shard_lengths: Mapping[str, Sequence[int]],
  num_bytes: Mapping[str, int],
) -> None:
  """Writes what TFDS reads beside the shards of a data set.

  Args:
    folder: Folder that holds `clips` and `frames`.
    dataset: Name of the data set, `clips` or `frames`.
    shard_lengths: Number of records in each shard, by split.
    num_bytes: Bytes of all records, by split.
  """
  features = tfds.features(DATASETS[dataset])
  info = tfds.dataset_info(dataset, shard_lengths, num_bytes)
  for name, content in (('features', features), ('dataset_info', info)):
    text = json.dumps(content, indent=2) + '\n'
    _replace(folder / dataset / f'{name}.json', text.encode())


def _replace(path: pathlib.Path, data: bytes) -> None:
  """Writes a file whole or not at all."""
  path.parent.mkdir(parents=True, exist_ok=True)
  part = path.with_name(f'{path.name}.part-{os.getpid()}')
  try:
    part.write_bytes(data)
    os.replace(part, path)
  finally:
    part.unlink(missing_ok=True)
