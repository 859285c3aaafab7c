"""Checks a folder of records: every shard, and the files beside them.

Shards are read record by record (`shard_checks`). Then manifest, index and TFDS
files must agree with them.
"""

from collections.abc import Callable, Iterable, Sequence
import json
import pathlib
from typing import Any

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.preparation.inspection import shard_checks
from sadtalker_jax.preparation.run import statistics
from sadtalker_jax.records import folders

_STATISTICS_TOLERANCE = 1e-6  # relative: sums in another order
CheckShards = Callable[
  [Sequence[shard_checks.ShardId]], Iterable[shard_checks.Check]
]


def in_process(
  shards: Sequence[shard_checks.ShardId],
) -> Iterable[shard_checks.Check]:
  """Checks shards one after the other."""
  return map(shard_checks.check_shard, shards)


def verify(
  folder: pathlib.Path, check_shards: CheckShards = in_process
) -> shard_checks.Check:
  """Checks all records of a folder.

  Args:
    folder: Folder of records.
    check_shards: Function that maps `shard_checks.check_shard` over shards, in
      order; other processes may do the work.

  Returns:
    Counts and faults.

  Raises:
    InputError: The manifest is missing or cannot be read.
  """
  manifest = folders.read_manifest(folder)
  total = shard_checks.Check()
  for split, expected in manifest['splits'].items():
    try:
      paths = {
        name: folders.shard_paths(folder, name, split)
        for name in folders.DATASETS
      }
    except errors.InputError as error:
      total.faults.append(str(error))
      continue
    count = len(paths['clips'])
    if len(paths['frames']) != count:
      total.faults.append(
        f'{split}: {count} shards of clips, {len(paths["frames"])} of frames'
      )
    shards = list(
      check_shards([(folder, split, k, count) for k in range(count)])
    )
    for shard in shards:
      total.clips += shard.clips
      total.frames += shard.frames
      total.faults += shard.faults
    total.faults += _check_split(folder, split, expected, shards)
  speakers = [
    s for part in manifest['splits'].values() for s in part['speakers']
  ]
  if sorted(speakers) != sorted(set(speakers)):
    total.faults.append('a speaker is in two splits')
  if speakers != manifest['speakers']:
    total.faults.append("the manifest's speakers are not those of its splits")
  return total


def _check_split(
  folder: pathlib.Path,
  split: str,
  expected: dict[str, Any],
  shards: Sequence[shard_checks.Check],
) -> list[str]:
  """Whether manifest, index and TFDS files say what the shards hold."""
  rows = [row for shard in shards for row in shard.rows]
  frames = sum(shard.frames for shard in shards)
  faults = []
  for what, found in (
    ('clips', len(rows)),
    ('frames', frames),
    ('speakers', sorted({row['speaker'] for row in rows})),
  ):
    if expected[what] != found:
      faults.append(
        f'manifest: {split} has {what} {expected[what]}, found {found}'
      )
  ids = [row['id'] for row in rows]
  if len(set(ids)) < len(ids):
    faults.append(f'{split}: a clip occurs twice')
  sums = statistics.Sums()
  for shard in shards:
    sums.join(shard.sums)
  for key, values in sums.result().items():
    if not np.allclose(
      values, expected['statistics'][key], rtol=_STATISTICS_TOLERANCE, atol=1e-9
    ):
      faults.append(f'manifest: {key} of {split} is not of its clips')
  try:
    stored = folders.read_index(folder, split)
    for key, column in folders.make_index(rows).items():
      if not np.array_equal(stored[key], column):
        faults.append(f'index of {split}: {key} is not of its clips')
  except errors.InputError as error:
    faults.append(str(error))
  return faults + _check_tfds(folder, split, shards)


def _check_tfds(
  folder: pathlib.Path, split: str, shards: Sequence[shard_checks.Check]
) -> list[str]:
  """Whether the TFDS files of both data sets count the same records."""
  faults = []
  for name in folders.DATASETS:
    lengths = [s.clips if name == 'clips' else s.frames for s in shards]
    path = folder / name / 'dataset_info.json'
    try:
      info = json.loads(path.read_text())
      told = {s['name']: s for s in info['splits']}[split]
      good = [int(n) for n in told['shardLengths']] == lengths
      good = good and int(told['numBytes']) == sum(
        s.num_bytes[name] for s in shards
      )
      good = good and (folder / name / 'features.json').exists()
    except (OSError, ValueError, KeyError) as error:
      faults.append(f'{path}: {error!r}')
      continue
    if not good:
      faults.append(f'{path}: does not count the records of {split}')
  return faults
