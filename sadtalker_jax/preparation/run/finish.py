"""Makes the records from the parts of all videos.

The records follow from the parts (`record_plan`); they depend neither on which
process prepared which video nor on how often the run was killed.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
import csv
import hashlib
import os
import pathlib
import shutil
from typing import Any

from sadtalker_jax import conventions, errors
from sadtalker_jax.preparation import rejects
from sadtalker_jax.preparation.run import (
  output,
  record_plan,
  shard_files,
  splits,
  statistics,
)
from sadtalker_jax.records import folders

# Writes shards, in any order and in any process.
WriteShards = Callable[
  [Sequence[splits.Shard], pathlib.Path, pathlib.Path],
  Iterable[shard_files.Written],
]


def in_process(
  shards: Sequence[splits.Shard],
  folder: pathlib.Path,
  part_folder: pathlib.Path,
) -> Iterator[shard_files.Written]:
  """Writes shards one after the other."""
  for shard in shards:
    yield shard_files.write(shard, folder, part_folder)


def inputs_digest(keys: Iterable[str]) -> str:
  """Hash of the keys of all videos that a manifest is made from."""
  return hashlib.sha256('\n'.join(sorted(keys)).encode()).hexdigest()[:16]


def finished(
  keys: Collection[str], out: output.OutputFolder
) -> dict[str, Any] | None:
  """The manifest, if the records of these videos are complete; else None.

  Args:
    keys: Keys of all videos.
    out: Output folder.

  Raises:
    InputError: The folder has records of other videos, and the parts that new
      records could be made from are gone.
  """
  manifest = out.manifest()
  if manifest is None:
    return None
  if manifest['inputs'] == inputs_digest(keys):
    if not manifest['parts_kept']:  # a kill may have left some
      remove_parts(out)
    return manifest
  if not manifest['parts_kept']:
    raise errors.InputError(
      f'{out.folder}: expected the {manifest["videos"]} videos that it was '
      f'made from, found {len(keys)}, others or changed ones; take another '
      'folder (--keep_parts would have let videos be added)'
    )
  return None


def finish(
  keys: Sequence[str],
  out: output.OutputFolder,
  write_shards: WriteShards = in_process,
  *,
  keep_parts: bool = False,
) -> dict[str, Any]:
  """Makes the records from the parts.

  Args:
    keys: Keys of all videos; every video has its part.
    out: Output folder.
    write_shards: Function that writes all shards.
    keep_parts: Whether parts are kept, so that videos can be added later.

  Returns:
    The manifest.

  Raises:
    InputError: A part is damaged, no clip is left, or the disk is full. Parts
      are kept, so that the run can be repeated.
  """
  try:
    return _finish(keys, out, write_shards, keep_parts)
  except OSError as error:
    raise errors.InputError(
      f'{out.folder}: expected room for the records, found: '
      f'{error.strerror or error} (parts are kept; run again)'
    ) from error


def _finish(
  keys: Sequence[str],
  out: output.OutputFolder,
  write_shards: WriteShards,
  keep_parts: bool,
) -> dict[str, Any]:
  planned = record_plan.plan(keys, out)
  _write_rejects(out.folder / 'rejects.tsv', planned.rejects)
  counts = _counts(planned.rejects)
  ways = rejects.ways(planned.rejects)
  if not planned.shards:
    raise errors.InputError(
      f'{out.folder}: expected clips, found none that is good enough in '
      f'{planned.videos} videos: '
      + ', '.join(f'{name} {n}' for name, n in counts.items())
      + f' (see {out.folder / "rejects.tsv"}'
      + (f'; {ways} and a new --output would keep most)' if ways else ')')
    )
  _clear(out.folder)
  written = sorted(
    write_shards(planned.shards, out.folder, out.parts),
    key=lambda w: (folders.SPLITS.index(w.split), w.number),
  )
  for shard in planned.shards:
    for name in folders.DATASETS:
      path = folders.shard_path(
        out.folder, name, shard.split, shard.number, shard.total
      )
      os.replace(shard_files.hidden(path), path)
  manifest = {
    **_describe(out.folder, written),
    **out.describe(),
    'size': out.options.size,
    'fps': conventions.FRAME_RATE,
    'rejects': counts,
    'ways': ways,
    'videos': planned.videos,
    'decoded_hours': planned.frames / conventions.FRAME_RATE / 3600,
    'seconds': planned.seconds,
    'inputs': inputs_digest(keys),
    'parts_kept': keep_parts,
  }
  folders.write_manifest(out.folder, manifest)
  if not keep_parts:
    remove_parts(out)
  return folders.read_manifest(out.folder)


def remove_parts(out: output.OutputFolder) -> None:
  """Removes the parts of finished records."""
  shutil.rmtree(out.parts)
  out.parts.mkdir()


def _describe(
  folder: pathlib.Path, written: Sequence[shard_files.Written]
) -> dict[str, Any]:
  """Writes index and TFDS files; returns entries of the manifest."""
  names = [s for s in folders.SPLITS if s in {w.split for w in written}]
  described, speakers = {}, []
  for split in names:
    own = [w for w in written if w.split == split]
    rows = [row for w in own for row in w.rows]
    folders.write_index(folder, split, rows)
    sums = statistics.Sums()
    for shard in own:
      sums.join(shard.sums)
    here = sorted({row['speaker'] for row in rows})
    # Those of `train` come first: style classes without gaps.
    speakers += here
    described[split] = {
      'clips': len(rows),
      'frames': sums.frames,
      'hours': sums.frames / conventions.FRAME_RATE / 3600,
      'speakers': here,
      'statistics': sums.result(),
    }
  for name in folders.DATASETS:
    by_split = {s: [w for w in written if w.split == s] for s in names}
    folders.write_tfds(
      folder,
      name,
      {s: [w.lengths[name] for w in own] for s, own in by_split.items()},
      {s: sum(w.num_bytes[name] for w in own) for s, own in by_split.items()},
    )
  return {'splits': described, 'speakers': speakers}


def _counts(left_out: Iterable[rejects.Reject]) -> dict[str, int]:
  """Number of rejects by reason, in the order of the reasons."""
  counts = {reason: 0 for reason in rejects.Reason}
  for reject in left_out:
    counts[reject.reason] += 1
  return {reason.value: n for reason, n in counts.items() if n}


def _clear(folder: pathlib.Path) -> None:
  """Removes records of an earlier run, the manifest first."""
  (folder / 'manifest.json').unlink(missing_ok=True)
  for name in folders.DATASETS:
    if (folder / name).exists():
      shutil.rmtree(folder / name)


def _write_rejects(
  path: pathlib.Path, left_out: Sequence[rejects.Reject]
) -> None:
  part = path.with_name(f'.{path.name}')
  # Names of videos may be no text; what cannot be encoded is escaped.
  with part.open(
    'w', newline='', encoding='utf-8', errors='backslashreplace'
  ) as file:
    table = csv.writer(file, delimiter='\t', lineterminator='\n')
    table.writerow(['video', 'reason', 'first', 'frames', 'detail'])
    for r in left_out:
      detail = ' '.join(r.detail.split())
      table.writerow([r.video, r.reason.value, r.first, r.frames, detail])
  os.replace(part, path)
