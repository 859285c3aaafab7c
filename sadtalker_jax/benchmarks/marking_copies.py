"""Copies of a clip as people make them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from sadtalker_jax.marking import canvases
from sadtalker_jax.media import image, recoding

Frames = Sequence[np.ndarray]

_PASTED = 12  # frames of the copy in a larger frame


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
  return [of_size(frame, side) for frame in frames]


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
  for frame in frames[:: max(1, len(frames) // _PASTED)]:
    whole = whole.copy()
    whole[200 : 200 + side, 300 : 300 + side] = frame
    result.append(whole)
  return result


def of_size(frame: np.ndarray, side: int) -> np.ndarray:
  """A frame [H, W, 3] uint8 scaled to a square."""
  planes = np.moveaxis(frame, 2, 0).astype(np.float32)
  small = [canvases.resized(plane, side, side) for plane in planes]
  return _bytes(np.stack(small, axis=-1))


def _bytes(values: np.ndarray) -> np.ndarray:
  return np.clip(np.rint(values), 0, 255).astype(np.uint8)
