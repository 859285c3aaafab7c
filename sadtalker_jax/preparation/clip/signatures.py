"""Perceptual hashes, which find a clip that occurs in two files.

A signature has 64 bits for each of five places in time of the clip (which of
two neighbouring cells of the small grey picture is brighter) and 256 bits of
its sound (which of 16 bands gets louder against its neighbour, at 16 places).
Pictures alone do not tell two clips of one person in one chair apart, and sound
alone not two pictures of one broadcast: both must agree.
"""

from collections.abc import Sequence

import numpy as np

PLACES = 5
_GRID = 8
_BANDS = 16
_PICTURE_BITS = PLACES * _GRID**2  # 320
_SOUND_BITS = _BANDS * _BANDS
BITS = _PICTURE_BITS + _SOUND_BITS
_WORDS = BITS // 64
# Share of bits that may differ. Another encoding of a clip changes 3 %, sound
# 8 %; other clips of the same person and place differ by 15 % and 40 %.
_MOST_PICTURE, _MOST_SOUND = 0.08, 0.25


def places(count: int) -> list[int]:
  """Places of the frames that the signature of `count` frames is made of."""
  return [int((i + 0.5) * count / PLACES) for i in range(PLACES)]


def make(pictures: Sequence[np.ndarray], mel: np.ndarray) -> np.ndarray:
  """The signature of a clip.

  Args:
    pictures: uint8 [S, S, 3] frames at `places`.
    mel: [M, 80] log-mel spectrogram of the sound.

  Returns:
    [9] words, uint64.
  """
  bits = [_of_picture(picture) for picture in pictures] + [_of_sound(mel)]
  return np.packbits(np.concatenate(bits)).view('>u8').astype(np.uint64)


def duplicates(
  ids: Sequence[str], lengths: Sequence[int], signatures: np.ndarray
) -> dict[str, str]:
  """Clips that are the same as one before them in the order of ids.

  Args:
    ids: Names of N clips, distinct.
    lengths: Numbers of frames; copies of a clip differ by two at most.
    signatures: [N, 9] words, uint64.

  Returns:
    The clip that stays for every duplicate, by id.
  """
  order = np.argsort(np.asarray(ids))
  by_length: dict[int, list[int]] = {}
  found: dict[str, str] = {}
  for place in order:
    length = lengths[place]
    known = [
      other
      for near in range(length - 2, length + 3)
      for other in by_length.get(near, [])
    ]
    if known:
      same = _same(signatures[known], signatures[place])
      if same.any():
        found[ids[place]] = ids[known[int(np.argmax(same))]]
        continue
    by_length.setdefault(length, []).append(int(place))
  return found


def _same(others: np.ndarray, own: np.ndarray) -> np.ndarray:
  """Which signatures [N, 9] are of the same clip as [9]."""
  different = np.bitwise_count(others ^ own).astype(np.int64)
  split = _PICTURE_BITS // 64
  picture = different[:, :split].sum(1) / _PICTURE_BITS
  sound = different[:, split:].sum(1) / _SOUND_BITS
  return (picture <= _MOST_PICTURE) & (sound <= _MOST_SOUND)


def _of_picture(picture: np.ndarray) -> np.ndarray:
  """64 bits: whether brightness rises to the right."""
  height, width = picture.shape[:2]
  grey = picture.astype(np.float32).mean(2)
  rows = np.linspace(0, height, _GRID + 1).astype(int)[:-1]
  columns = np.linspace(0, width, _GRID + 2).astype(int)[:-1]
  cells = np.add.reduceat(np.add.reduceat(grey, rows, 0), columns, 1)
  counts = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
  cells = cells / counts
  return (np.diff(cells, axis=1) > 0).ravel()


def _of_sound(mel: np.ndarray) -> np.ndarray:
  """256 bits: whether a band rises against the next one, place by place."""
  edges = np.linspace(0, len(mel), _BANDS + 2).astype(int)[:-1]
  bands = mel[:, : mel.shape[1] // (_BANDS + 1) * (_BANDS + 1)]
  bands = bands.reshape(len(mel), _BANDS + 1, -1).mean(2)
  means = np.stack(
    [
      bands[a : max(b, a + 1)].mean(0)
      for a, b in zip(edges, [*edges[1:], len(mel)], strict=True)
    ]
  )  # [17, 17]
  return (np.diff(np.diff(means, axis=1), axis=0) > 0).ravel()
