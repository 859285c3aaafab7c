"""What invisible marks survive, what they cost, and how well they hide.

The middle square of each video is marked, encoded as our writer does (H.264,
CRF 18), and copied as people copy. A clip without a mark goes the same way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import itertools
import pathlib
import time
from typing import Any

import numpy as np
from scipy import ndimage

from sadtalker_jax import errors
from sadtalker_jax.marking import (
  canvases,
  detection,
  embedding,
  payloads,
  visibility,
)
from sadtalker_jax.media import image, recoding, video

Frames = Sequence[np.ndarray]

_SUFFIXES = {'.mp4', '.mpg', '.mkv', '.mov', '.webm', '.avi'}
_LOOKED_AT = 12  # frames that the detector sees
_KEYS = 20  # wrong keys that are tried on each clip


def run(folder: str, size: int, frames: int) -> Iterator[dict[str, Any]]:
  """One line for each kind of copy, and one of cost and visibility.

  Args:
    folder: Folder of videos.
    size: Side of the marked frames, pixels.
    frames: Number of frames of each video.

  Raises:
    InputError: the folder has no videos.
  """
  paths = sorted(
    path
    for path in pathlib.Path(folder).glob('*')
    if path.suffix.lower() in _SUFFIXES
  )
  if not paths:
    raise errors.InputError(f'{folder}: expected videos, found none')
  found: dict[str, list[tuple[bool, float, float]]] = {}
  costs: list[dict[str, float]] = []
  for number, path in enumerate(paths):
    clip = _square(path, size, frames)
    payload = payloads.Payload(1, 1000 + number)
    marked, cost = _marked(clip, payload)
    costs.append(cost)
    own = recoding.recoded(marked, 'libx264', 18)
    for name, copy in copies().items():
      if (copied := copy(own)) is not None:
        found.setdefault(name, []).append(_detected(copied, payload))
    plain = recoding.recoded(clip, 'libx264', 23)
    found.setdefault('no mark', []).append(_detected(plain, payload))
    found.setdefault('wrong keys', []).extend(_wrong(own, payload))
  for name, results in found.items():
    right, scores, seconds = (
      np.array(part) for part in zip(*results, strict=True)
    )
    yield {
      'copy': name,
      'size': size,
      'clips': len(results),
      'payloads': int(right.sum()),
      'score_least': round(float(scores.min()), 1),
      'score_median': round(float(np.median(scores)), 1),
      'score_most': round(float(scores.max()), 1),
      'seconds': round(float(np.median(seconds)), 2),
    }
  yield {'size': size, 'clips': len(costs), **_summary(costs)}


def copies() -> Mapping[str, Callable[[Frames], Frames | None]]:
  """Copies of a clip by name; None where this machine cannot make one."""
  h264 = _codec('libx264', 23)
  return {
    'H.264 CRF 23': h264,
    'H.264 CRF 28': _codec('libx264', 28),
    'H.264 CRF 32': _codec('libx264', 32),
    'HEVC CRF 28': _codec('libx265', 28),
    'VP9 CRF 33': _codec('libvpx-vp9', 33),
    'AV1 CRF 35': _codec('libsvtav1', 35),
    'cropped 10 % (centre), CRF 23': lambda f: h264(_part(f, 0.05, 0.95)),
    'cropped 10 % (corner), CRF 23': lambda f: h264(_part(f, 0.1, 1.0)),
    'half size, CRF 23': lambda f: h264(_resized(f, 0.5)),
    '1.5 times, CRF 23': lambda f: h264(_resized(f, 1.5)),
    '15 fps, CRF 23': lambda f: h264(f[::2]),
    'brightness 1.2, CRF 23': lambda f: h264(_levels(f, 1.2, 0)),
    'contrast 0.7, CRF 23': lambda f: h264(_levels(f, 0.7, 38)),
    'saturation 0.6, CRF 23': lambda f: h264(_saturated(f, 0.6)),
    'greyscale, CRF 23': lambda f: h264(_saturated(f, 0.0)),
    'mirrored': lambda f: [frame[:, ::-1] for frame in f],
    'turned by 2 degrees': _turned,
    'in a frame of 1920 x 1080': _pasted,
    'one frame': lambda f: [f[len(f) // 2]],
    'one frame, JPEG 75': lambda f: [
      image.from_jpeg(image.to_jpeg(f[len(f) // 2], 75))
    ],
  }


def _codec(name: recoding.Codec, crf: int) -> Callable[[Frames], Any]:
  return lambda frames: (
    recoding.recoded(frames, name, crf) if recoding.available(name) else None
  )


def _part(frames: Frames, begin: float, end: float) -> Frames:
  a, b = (round(len(frames[0]) * share) for share in (begin, end))
  return [frame[a:b, a:b] for frame in frames]


def _resized(frames: Frames, scale: float) -> Frames:
  side = round(len(frames[0]) * scale)
  return [_of_size(frame, side) for frame in frames]


def _levels(frames: Frames, gain: float, offset: float) -> Frames:
  return [_bytes(frame * gain + offset) for frame in frames]


def _saturated(frames: Frames, share: float) -> Frames:
  grey = [frame @ np.array([0.299, 0.587, 0.114]) for frame in frames]
  return [
    _bytes(g[..., None] + share * (frame - g[..., None]))
    for frame, g in zip(frames, grey, strict=True)
  ]


def _turned(frames: Frames) -> Frames:
  return [ndimage.rotate(f, 2, (0, 1), reshape=False, order=1) for f in frames]


def _pasted(frames: Frames) -> Frames:
  side = len(frames[0])
  whole = np.full((1080, 1920, 3), 90, np.uint8)
  result = []
  for frame in frames[:_LOOKED_AT]:
    whole = whole.copy()
    whole[200 : 200 + side, 300 : 300 + side] = frame
    result.append(whole)
  return result


def _square(path: pathlib.Path, size: int, count: int) -> Frames:
  """The middle squares of the first frames of a video."""
  with video.VideoReader(path) as reader:
    frames = list(itertools.islice(reader, count))
  height, width = frames[0].shape[:2]
  side = min(height, width)
  top, left = (height - side) // 2, (width - side) // 2
  return [
    _of_size(frame[top : top + side, left : left + side], size)
    for frame in frames
  ]


def _of_size(frame: np.ndarray, side: int) -> np.ndarray:
  planes = np.moveaxis(frame, 2, 0).astype(np.float32)
  small = [canvases.resized(plane, side, side) for plane in planes]
  return _bytes(np.stack(small, axis=-1))


def _bytes(values: np.ndarray) -> np.ndarray:
  return np.clip(np.rint(values), 0, 255).astype(np.uint8)


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


def _detected(
  frames: Frames, payload: payloads.Payload
) -> tuple[bool, float, float]:
  """Whether the payload was read, the score, seconds."""
  step = max(1, len(frames) // _LOOKED_AT)
  started = time.perf_counter()
  finding = detection.find(detection.residuals(frames[::step]))
  seconds = time.perf_counter() - started
  return finding.payload == payload, finding.score, seconds


def _wrong(
  frames: Frames, payload: payloads.Payload
) -> Iterator[tuple[bool, float, float]]:
  """Whether other keys read anything, of marks in their place."""
  found = detection.residuals(frames[:: max(1, len(frames) // _LOOKED_AT)])
  for number in range(_KEYS):
    key = f'wrong key {payload.job} {number}'.encode()
    search = detection.Search(detection.patterns.Pattern(key))
    started = time.perf_counter()
    finding = search.in_place(found.plane, '')
    seconds = time.perf_counter() - started
    yield finding.payload is not None, finding.score, seconds


def _summary(costs: Sequence[Mapping[str, float]]) -> dict[str, float]:
  """The median cost and the worst visibility."""
  worst = {'psnr': min, 'difference_mean': max, 'difference_p95': max}
  return {
    name: round(
      float(worst.get(name, np.median)([cost[name] for cost in costs])), 3
    )
    for name in costs[0]
  }
