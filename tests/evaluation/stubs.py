"""A face that needs no network, and films that show it."""

from collections.abc import Iterator
import contextlib
import pathlib

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.evaluation import clips, pairing, protocol, videos
from sadtalker_jax.faces import tracking
from sadtalker_jax.media import encoding, video

SIZE = 160  # of the films
_MARK = 24  # pixels of the corner whose brightness says how far lips are open


def face() -> np.ndarray:
  """Points [478, 3] of a face of 80 pixels about (80, 80)."""
  rng = np.random.default_rng(0)
  points = rng.uniform([42, 42, -9], [118, 118, 9], (478, 3))
  for index, (x, y) in {
    33: (55, 70), 133: (70, 70), 362: (90, 70), 263: (105, 70),
    160: (60, 67), 144: (60, 73), 159: (63, 67), 145: (63, 73),
    158: (66, 67), 153: (66, 73), 387: (100, 67), 373: (100, 73),
    386: (97, 67), 374: (97, 73), 385: (94, 67), 380: (94, 73),
    4: (80, 86), 61: (66, 100), 291: (94, 100), 13: (80, 98), 14: (80, 98),
    10: (80, 40), 152: (80, 120), 234: (40, 80), 454: (120, 80),
  }.items():  # fmt: skip
    points[index, :2] = x, y
  return points.astype(np.float32)


class Landmarker:
  """Finds the face in every picture that is not dark."""

  def detect(self, picture, face):
    raise NotImplementedError

  def track(self, frames, *, face_index=0, box=None) -> tracking.TrackedFace:
    points, found = [], []
    for frame in frames:
      moved = face()
      moved[14, 1] += 0.1 * frame[4 : _MARK - 4, 4 : _MARK - 4].mean()
      moved *= len(frame) / SIZE
      points.append(moved)
      found.append(frame.mean() > 20)
    if not any(found):
      raise errors.InputError(f'no face found in {len(found)} frames')
    there = np.array(found)
    return tracking.TrackedFace(
      np.stack(points), there.astype(np.float32), there
    )


def still(points: np.ndarray, count: int) -> tracking.TrackedFace:
  """The same landmarks in every frame."""
  return tracking.TrackedFace(
    np.tile(points, (count, 1, 1)),
    np.ones(count, np.float32),
    np.ones(count, bool),
  )


def frames(
  count: int, *, size: int = SIZE, seed: int = 0, late: int = 0
) -> Iterator[np.ndarray]:
  """A textured picture whose corner is as bright as the lips are open."""
  rng = np.random.default_rng(seed)
  texture = rng.uniform(90, 160, (size // 4, size // 4, 3)).repeat(4, 0)
  texture = texture.repeat(4, 1).astype(np.uint8)
  for opening in openings(count, late):
    frame = texture.copy()
    frame[:_MARK, :_MARK] = 200 * opening
    yield frame


def openings(count: int, late: int = 0) -> np.ndarray:
  """How far lips are open, 0 to 1, [T]."""
  rng = np.random.default_rng(7)
  curve = np.convolve(rng.uniform(0, 1, count + 80), np.hanning(9) / 4, 'same')
  return curve[40 - late : 40 - late + count].clip(0, 1)


def sound(count: int, *, late: int = 0) -> np.ndarray:
  """Noise of `count` frames, the same every time, [640 T]."""
  wave = np.random.default_rng(3).uniform(-0.3, 0.3, 640 * (count + 80))
  start = 640 * (40 - late)
  return wave[start : start + 640 * count].astype(np.float32)


def write(path: pathlib.Path, pictures, wave=None, *, fps=25) -> pathlib.Path:
  """A film."""
  path.parent.mkdir(parents=True, exist_ok=True)
  audio = None if wave is None else (wave, 16000)
  with video.VideoWriter(
    path, fps=fps, audio=audio, encoding=encoding.Encoding(crf=8)
  ) as writer:
    for picture in pictures:
      writer.write(picture)
  return path


def load(
  tmp_path: pathlib.Path,
  real: pathlib.Path,
  made: pathlib.Path,
  **rules,
) -> clips.ScoredClip:
  """A clip of two films."""
  work = tmp_path / 'work'
  work.mkdir(exist_ok=True)
  pair = pairing.VideoPair('clip', real, {'made': made})
  rules = {'size': 128, **rules}
  return clips.load(pair, protocol.Protocol(**rules), Landmarker(), work)


@contextlib.contextmanager
def refusal(reason: str, detail: str = '', system: str = 'made'):
  """Expects a clip to be left out for a reason."""
  with pytest.raises(videos.Unusable) as error:
    yield
  found = error.value.fault
  assert (found[0], found[2]) == (reason, system), found
  assert detail in found[1]
