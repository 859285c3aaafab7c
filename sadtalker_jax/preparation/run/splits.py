"""Splits of clips by speaker, and shards by size.

A speaker's split follows from the name alone, so that adding videos moves no
speaker; only when a split would be empty, and there are speakers enough, the
nearest one is moved there. VoxCeleb1's test speakers are always in `test`, and
no other speaker of VoxCeleb is drawn for it.
"""

from collections.abc import Iterable, Sequence
import dataclasses
import hashlib
import re

from sadtalker_jax.preparation import parts

_VOXCELEB = re.compile(r'id\d{5}')
_VOXCELEB_TEST = frozenset(f'id{n}' for n in range(10270, 10310))
_LEAST_SPEAKERS = 3  # least number for no split to be left empty


@dataclasses.dataclass(frozen=True)
class Item:
  """A clip and its place in a part."""

  clip: parts.ClipInfo
  part: str  # file name of its part
  place: int  # place in the part


@dataclasses.dataclass(frozen=True)
class Shard:
  """The clips of one shard, in order."""

  split: str
  number: int
  total: int  # shards of the split
  items: tuple[Item, ...]


def of_speakers(
  speakers: Iterable[str], *, validation: float, test: float
) -> dict[str, str]:
  """The split of every speaker.

  Args:
    speakers: Names of all speakers.
    validation: Share of the speakers for `validation`.
    test: Share of the speakers outside of VoxCeleb for `test`.
  """
  rank = {name: _fraction(name) for name in speakers}
  splits = {}
  for name, value in rank.items():
    known = _VOXCELEB.fullmatch(name) is not None
    if name in _VOXCELEB_TEST or (not known and value < test):
      splits[name] = 'test'
    elif 1 - value < validation:
      splits[name] = 'validation'
    else:
      splits[name] = 'train'
  if len(rank) >= _LEAST_SPEAKERS:
    train = sorted(
      (n for n in rank if splits[n] == 'train'), key=lambda n: rank[n]
    )
    wanted = {'test': (test, 0), 'validation': (validation, -1)}
    for split, (share, end) in wanted.items():
      if share > 0 and split not in splits.values() and len(train) > 1:
        splits[train.pop(end)] = split
  return splits


def shards(
  items: Sequence[Item], split_of: dict[str, str], *, shard_bytes: int
) -> list[Shard]:
  """All shards of all splits.

  Args:
    items: Clips in the order of the records.
    split_of: Split of every speaker.
    shard_bytes: Bytes of frames in a shard, about.
  """
  result = []
  for split in ('train', 'validation', 'test'):
    own = [item for item in items if split_of[item.clip.speaker] == split]
    if not own:
      continue
    size = sum(item.clip.frame_bytes for item in own)
    total = min(len(own), max(1, round(size / shard_bytes)))
    groups: list[list[Item]] = [[] for _ in range(total)]
    before = 0
    for item in own:
      middle = before + item.clip.frame_bytes / 2
      groups[min(int(middle * total / size), total - 1)].append(item)
      before += item.clip.frame_bytes
    groups = [group for group in groups if group]
    result += [
      Shard(split, number, len(groups), tuple(group))
      for number, group in enumerate(groups)
    ]
  return result


def _fraction(name: str) -> float:
  """A number in [0, 1) that depends on the name alone."""
  return int(hashlib.sha256(name.encode()).hexdigest()[:12], 16) / 16**12
