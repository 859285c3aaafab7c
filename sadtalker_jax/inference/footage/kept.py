"""Frames that were drawn, kept until their video is complete.

Drawing takes most of the time, encoding little: a run that was killed draws on
where it stopped, and encodes the frames before that again, to the same bytes.
They lie beside the video, in a hidden file `.NAME.KEY.drawn`, as what was
changed in each of them (losslessly, so much a frame as the new mouths take).
The key stands for the clip: what another clip left is removed.
"""

from collections.abc import Sequence
import contextlib
import hashlib
import os
import pathlib
import struct
import threading
from typing import Any, BinaryIO
import zlib

from absl import logging
import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.inference import rendering, tracks
from sadtalker_jax.media import hidden_files

LEAST = 100  # frames of a video; shorter ones are drawn soon
_HEAD = struct.Struct(
  '<IIHHHH'
)  # bytes, their CRC-32; corner y, x; height, width
_QUICK = 1  # level of zlib


def key_of(parts: Sequence[bytes]) -> str:
  """The key of a clip: a hash of all that its frames depend on."""
  digest = hashlib.sha256()
  for part in parts:
    digest.update(len(part).to_bytes(8, 'little'))
    digest.update(part)
  return digest.hexdigest()[:16]


class KeptFrames:
  """What was drawn of a clip; opened when it is first asked for.

  A process that works on the file holds its lock. Where none can be made, or
  another process works on it, nothing is kept.
  """

  def __init__(self, target: pathlib.Path, key: str):
    """Touches nothing yet.

    Args:
      target: The video.
      key: Key of the clip.
    """
    self._target = target
    self._path = hidden_files.drawn_of(target, key)
    self._guard = threading.Lock()  # drawn in one thread, written in another
    self._lock: int | None = None
    self._file: BinaryIO | None = None
    self._is_open = False
    self._places: list[int] = []

  def __len__(self) -> int:
    """Frames that are kept, from the first one on."""
    with self._guard:
      if not self._is_open:
        self._is_open = True
        self._open()
      return len(self._places)

  def _open(self) -> None:
    """Finds what is there; a record that is broken ends it."""
    hidden_files.remove_drawn(self._target, self._path)
    try:
      self._lock = hidden_files.take_over(self._path)
      if self._lock is None:
        self._lock = hidden_files.make(self._path, self._target)
    except (OSError, errors.InputError) as error:
      logging.info('%s: no frames are kept: %s', self._path, error)
      return
    self._file = os.fdopen(os.dup(self._lock), 'r+b', buffering=0)
    end = 0
    while self._record(end) is not None:
      self._places.append(end)
      end = self._file.tell()
    self._file.seek(end)
    self._file.truncate()

  def restored(self, place: int, frame: np.ndarray) -> np.ndarray:
    """A frame [H, W, 3] of the video as it was drawn."""
    with self._guard:
      found = self._record(self._places[place])
    if found is None:
      raise errors.InputError(f'{self._path}: expected no changes to this file')
    y, x, change = found
    height, width = change.shape[:2]
    result = frame.copy()
    result[y : y + height, x : x + width] += change  # modulo 256
    return result

  def add(self, frame: np.ndarray, drawn: np.ndarray) -> None:
    """Keeps the next frame.

    Args:
      frame: [H, W, 3] uint8 of the video.
      drawn: [H, W, 3] uint8.
    """
    change = drawn - frame  # modulo 256
    rows, columns = (np.flatnonzero(change.any((i, 2))) for i in (1, 0))
    y0, y1 = (rows[0], rows[-1] + 1) if len(rows) else (0, 0)
    x0, x1 = (columns[0], columns[-1] + 1) if len(columns) else (0, 0)
    data = zlib.compress(change[y0:y1, x0:x1].tobytes(), _QUICK)
    head = _HEAD.pack(len(data), zlib.crc32(data), y0, x0, y1 - y0, x1 - x0)
    with self._guard:
      if self._file is None:
        return
      place = self._file.seek(0, os.SEEK_END)
      try:
        self._file.write(head + data)
      except OSError as error:  # the disk is full: the video needs the room
        logging.warning('no frames are kept any more: %s', error.strerror)
        self._close(remove=True)
        return
      self._places.append(place)

  def close(self, *, remove: bool) -> None:
    """Ends the work.

    Args:
      remove: Whether the file goes: the video is complete, or will not be.
    """
    with self._guard:
      self._close(remove)

  def _close(self, remove: bool) -> None:
    self._is_open = True
    if self._file is None or self._lock is None:
      return
    if remove:
      with contextlib.suppress(OSError):
        self._path.unlink()
    self._file.close()
    os.close(self._lock)
    self._file = self._lock = None
    self._places = []

  def _record(self, start: int) -> tuple[int, int, np.ndarray] | None:
    """Corner (y, x) and change of the record at a place; None if broken."""
    if self._file is None:
      return None
    self._file.seek(start)
    head = self._file.read(_HEAD.size)
    if len(head) < _HEAD.size:
      return None
    size, code, y, x, height, width = _HEAD.unpack(head)
    data = self._file.read(size)
    if len(data) < size or zlib.crc32(data) != code:
      return None
    change = np.frombuffer(zlib.decompress(data), np.uint8)
    return y, x, change.reshape(height, width, 3)


class KeptDrawer(rendering.Drawer):
  """Draws what is not kept yet, and keeps it."""

  mixes = False
  reach = 0

  def __init__(self, drawer: rendering.Drawer, kept: KeptFrames):
    """A drawer for one pass over a clip.

    Args:
      drawer: Drawer whose first input is the frames of the video.
      kept: Frames that it drew.
    """
    self._drawer = drawer
    self._kept = kept

  def prepare(self, portrait: Any) -> Any:
    """As the drawer does."""
    return self._drawer.prepare(portrait)

  def inputs(
    self, prepared: Any, track: tracks.Track, index: np.ndarray
  ) -> tuple[np.ndarray, ...]:
    """What the drawer needs, and places in the result [b]."""
    return *self._drawer.inputs(prepared, track, index), index

  def render(
    self, portraits: Sequence[Any], inputs: tuple[np.ndarray, ...]
  ) -> jax.Array:
    """Frames [B, H, W, 3] uint8, drawn or as they were kept."""
    *given, index = inputs
    frames = given[0]
    known = len(self._kept)
    if index[-1] < known:
      pairs = zip(index.tolist(), frames, strict=True)
      return jnp.asarray(
        np.stack([self._kept.restored(*pair) for pair in pairs])
      )
    drawn = self._drawer.render(portraits, tuple(given))
    for place, frame, new in zip(index, frames, np.asarray(drawn), strict=True):
      if place == known:  # not one that is kept, or that fills up a batch
        self._kept.add(frame, new)
        known += 1
    return drawn
