"""What invisible marks survive, what they cost, and how well they hide.

The middle square of each video is marked, encoded as our writer does (H.264,
CRF 18), and copied as people copy. A clip without a mark goes the same way, and
so do files of others that have none.
"""

from collections.abc import Iterator, Mapping, Sequence
import itertools
import pathlib
import time
from typing import Any, NamedTuple

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.benchmarks import clip_files, marking_copies
from sadtalker_jax.marking import (
  correlation,
  detection,
  embedding,
  files,
  patterns,
  payloads,
  visibility,
)
from sadtalker_jax.media import recoding, video

Frames = Sequence[np.ndarray]

_LOOKED_AT = 12  # frames that are tried with wrong keys


class _Result(NamedTuple):
  """What the detector said of a copy."""

  right: bool  # whether the payload was read
  found: bool  # whether there is a mark, with or without payload
  score: float
  seconds: float


def run(
  folder: str, size: int, frames: int, keys: int = 20, only: str = ''
) -> Iterator[dict[str, Any]]:
  """One line for each kind of copy, and one of cost and visibility.

  Args:
    folder: Folder of videos.
    size: Side of the marked frames, pixels.
    frames: Number of frames of each video.
    keys: Number of wrong keys that are tried on each.
    only: Part of the names of the copies that are made, as 'H.264'; with it,
      nothing is tried without a mark or with wrong keys.

  Raises:
    InputError: the folder has no videos, or no copy has that in its name.
  """
  copies = {
    name: copy for name, copy in marking_copies.copies().items() if only in name
  }
  if not copies:
    raise errors.InputError(
      f'--only: expected part of one of {sorted(marking_copies.copies())}, '
      f'found {only!r}'
    )
  paths = clip_files.of([folder])
  found: dict[str, list[_Result]] = {}
  costs: list[dict[str, float]] = []
  for number, path in enumerate(paths):
    clip = _square(path, size, frames)
    payload = payloads.Payload(1, 1000 + number)
    marked, cost = _marked(clip, payload)
    costs.append(cost)
    own = recoding.recoded(marked, 'libx264', 18)
    for name, copy in copies.items():
      if (copied := copy(own)) is not None:
        found.setdefault(name, []).append(_detected(copied, payload))
    if only:
      continue
    plain = recoding.recoded(clip, 'libx264', 23)
    found.setdefault('no mark', []).append(_detected(plain, payload))
    if keys:
      found.setdefault('wrong keys', []).extend(_wrong(own, payload, keys))
  for name, results in found.items():
    yield {'copy': name, 'size': size, **_counted(results)}
  yield {'size': size, 'clips': len(costs), **_summary(costs)}


def run_unmarked(folder: str) -> Iterator[dict[str, Any]]:
  """One line of all pictures and videos below a folder, which have no mark.

  Raises:
    InputError: there are none.
  """
  results = []
  for path in sorted(pathlib.Path(folder).rglob('*')):
    started = time.perf_counter()
    try:
      finding = files.find_mark(path, payloads.PUBLIC_KEY)
    except errors.InputError:
      continue  # other files
    seconds = time.perf_counter() - started
    results.append(_result(finding, finding.payload, seconds))
  if not results:
    raise errors.InputError(
      f'{folder}: expected pictures or videos, found none'
    )
  yield {'copy': 'unmarked files', **_counted(results)}


def _result(
  finding: detection.Finding, payload: payloads.Payload | None, seconds: float
) -> _Result:
  right = payload is not None and finding.payload == payload
  return _Result(right, bool(finding), finding.score, seconds)


def _counted(results: Sequence[_Result]) -> dict[str, float]:
  right, found, scores, seconds = (
    np.array(part) for part in zip(*results, strict=True)
  )
  return {
    'clips': len(results),
    'payloads': int(right.sum()),
    'marks': int(found.sum()),
    'score_least': round(float(scores.min()), 1),
    'score_median': round(float(np.median(scores)), 1),
    'score_p99': round(float(np.percentile(scores, 99)), 1),
    'score_most': round(float(scores.max()), 1),
    'seconds': round(float(np.median(seconds)), 2),
  }


def _square(path: pathlib.Path, size: int, count: int) -> Frames:
  """The middle squares of the first frames of a video."""
  with video.VideoReader(path) as reader:
    frames = list(itertools.islice(reader, count))
  height, width = frames[0].shape[:2]
  side = min(height, width)
  top, left = (height - side) // 2, (width - side) // 2
  return [
    marking_copies.of_size(frame[top : top + side, left : left + side], size)
    for frame in frames
  ]


def _marked(
  clip: Frames, payload: payloads.Payload
) -> tuple[Frames, dict[str, float]]:
  """Marked frames, and what that cost."""
  height, width = clip[0].shape[:2]
  started = time.perf_counter()
  marker = embedding.Marker(clip[0], (width, height), payload)
  planned = time.perf_counter()
  marked = [marker.mark(frame) for frame in clip]
  seconds = time.perf_counter() - planned
  seen = visibility.difference(
    visibility.lab(clip[0]), visibility.lab(marked[0])
  )
  return marked, {
    'plan_s': planned - started,
    'frames_per_s': len(clip) / seconds,
    'psnr': visibility.psnr(np.stack(clip), np.stack(marked)),
    'difference_mean': float(seen.mean()),
    'difference_p95': float(np.percentile(seen, 95)),
  }


def _detected(frames: Frames, payload: payloads.Payload) -> _Result:
  """What `sadtalker detect` would say of a video of frames."""
  started = time.perf_counter()
  finding = files.find_in_frames(frames)
  return _result(finding, payload, time.perf_counter() - started)


def _wrong(
  frames: Frames, payload: payloads.Payload, keys: int
) -> Iterator[_Result]:
  """What other keys read, of marks in their place."""
  found = correlation.residuals(frames[:: max(1, len(frames) // _LOOKED_AT)])
  for number in range(keys):
    key = f'wrong key {payload.job} {number}'.encode()
    search = detection.Search(patterns.Pattern(key))
    started = time.perf_counter()
    finding = search.in_place(found, '')
    yield _result(finding, finding.payload, time.perf_counter() - started)


def _summary(costs: Sequence[Mapping[str, float]]) -> dict[str, float]:
  """The median cost and the worst visibility."""
  worst = {'psnr': min, 'difference_mean': max, 'difference_p95': max}
  return {
    name: round(
      float(worst.get(name, np.median)([cost[name] for cost in costs])), 3
    )
    for name in costs[0]
  }
