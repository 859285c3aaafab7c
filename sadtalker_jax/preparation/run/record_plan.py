"""Which clip of all parts goes into which shard; duplicates are left out.

Clips are ordered by id, and duplicates and splits follow from that order and
from names, so that a plan depends on the videos alone.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from sadtalker_jax.preparation import parts, rejects
from sadtalker_jax.preparation.clip import signatures
from sadtalker_jax.preparation.run import output, splits


@dataclasses.dataclass(frozen=True)
class RecordPlan:
  """The records that are to be written."""

  shards: tuple[splits.Shard, ...]
  rejects: tuple[rejects.Reject, ...]  # those of all videos, and duplicates
  videos: int
  frames: int  # decoded frames of all videos
  seconds: dict[str, float]  # processor seconds of all videos, by step


def plan(keys: Sequence[str], out: output.OutputFolder) -> RecordPlan:
  """Decides where every clip goes.

  Args:
    keys: Keys of all videos; every video has its part.
    out: Output folder.

  Raises:
    InputError: A part is damaged, or no clip is left.
  """
  options = out.options
  items: list[splits.Item] = []
  left_out: list[rejects.Reject] = []
  frames, seconds = 0, dict[str, float]()
  for key in sorted(keys):
    path = out.part(key)
    summary = parts.read_summary(path)
    items += [
      splits.Item(clip, path.name, place)
      for place, clip in enumerate(summary.clips)
    ]
    left_out += summary.rejects
    frames += summary.frames
    for step, value in summary.seconds.items():
      seconds[step] = seconds.get(step, 0.0) + value
  items.sort(key=lambda item: item.clip.id)
  if options.deduplicate and items:
    items, twice = _without_duplicates(items)
    left_out += twice
  left_out.sort(key=lambda r: (r.video, r.first, r.reason))
  split_of = splits.of_speakers(
    {item.clip.speaker for item in items},
    validation=options.validation,
    test=options.test,
  )
  shards = splits.shards(
    items, split_of, shard_bytes=options.shard_mb * 1_000_000
  )
  return RecordPlan(tuple(shards), tuple(left_out), len(keys), frames, seconds)


def _without_duplicates(
  items: Sequence[splits.Item],
) -> tuple[list[splits.Item], list[rejects.Reject]]:
  """Clips that are no duplicates, and rejects for those that are."""
  twice = signatures.duplicates(
    [item.clip.id for item in items],
    [item.clip.num_frames for item in items],
    np.array([item.clip.signature for item in items], np.uint64),
  )
  left_out = [
    rejects.Reject(
      rejects.Reason.DUPLICATE,
      item.clip.video,
      item.clip.first,
      item.clip.num_frames,
      f'{item.clip.id} is {twice[item.clip.id]}',
    )
    for item in items
    if item.clip.id in twice
  ]
  return [item for item in items if item.clip.id not in twice], left_out
