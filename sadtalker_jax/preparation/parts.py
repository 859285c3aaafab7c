"""The part of a video: everything that its preparation made, in one file.

A part is an uncompressed zip file, written clip by clip under a hidden name and
renamed when complete, so that a name never stands for half a part:

    00000/clip.npz     arrays and numbers of the first clip
    00000/frames       its frames, JPEG, one after the other
    00000/sizes        bytes of each frame, little-endian uint32 [T]
    part.json          sources, clips (id, signature, ...), rejects, seconds

`part.json` is written last. Reading a part checks the checksums of zip files.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import dataclasses
import io
import json
import os
import pathlib
from typing import Any
import zipfile

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.preparation import rejects

SUFFIX = '.part'
_INDEX = 'part.json'


@dataclasses.dataclass(frozen=True)
class ClipInfo:
  """Facts of a clip that the records are planned by."""

  id: str
  speaker: str
  num_frames: int
  frame_bytes: int
  signature: tuple[int, ...]  # words of `signatures.make`
  video: str
  first: int  # frame in the video


@dataclasses.dataclass(frozen=True)
class PartSummary:
  """The index of a part."""

  source: str  # the video, relative to the input
  clips: tuple[ClipInfo, ...]
  rejects: tuple[rejects.Reject, ...]
  frames: int  # decoded frames at 25 a second
  seconds: dict[str, float]  # processor seconds, by step


class PartWriter:
  """Writes one part; see the module. Used in a `with` statement."""

  def __init__(self, path: pathlib.Path):
    """Names the part.

    Args:
      path: File of the part; it appears when the block ends well.
    """
    self._path = path
    self._hidden = path.with_name(f'.{path.name}.{os.getpid()}')
    self._zip: zipfile.ZipFile | None = None
    self._clips: list[ClipInfo] = []

  def __enter__(self) -> 'PartWriter':
    self._zip = zipfile.ZipFile(self._hidden, 'w')
    return self

  def __exit__(self, kind: type[BaseException] | None, *unused: object) -> None:
    assert self._zip is not None
    try:
      with contextlib.suppress(*(() if kind is None else (OSError,))):
        self._zip.close()
      if kind is None:
        os.replace(self._hidden, self._path)
    finally:
      self._hidden.unlink(missing_ok=True)

  def add(
    self,
    info: ClipInfo,
    clip: Mapping[str, Any],
    frames: Sequence[bytes],
  ) -> None:
    """Adds a clip.

    Args:
      info: Facts that the records are planned by.
      clip: Fields of the record.
      frames: Frames as JPEG.
    """
    assert self._zip is not None
    folder = f'{len(self._clips):05d}'
    data = io.BytesIO()
    np.savez(data, allow_pickle=False, **clip)
    self._zip.writestr(f'{folder}/clip.npz', data.getvalue())
    sizes = np.array([len(frame) for frame in frames], '<u4')
    self._zip.writestr(f'{folder}/sizes', sizes.tobytes())
    self._zip.writestr(f'{folder}/frames', b''.join(frames))
    self._clips.append(info)

  def finish(
    self,
    source: str,
    left_out: Sequence[rejects.Reject],
    frames: int,
    seconds: Mapping[str, float],
  ) -> PartSummary:
    """Writes the index; no clip may be added after it.

    Args:
      source: Path of the video, relative to the input.
      left_out: Reasons for all that is no clip.
      frames: Number of decoded frames at 25 a second.
      seconds: Processor seconds by step.
    """
    assert self._zip is not None
    summary = PartSummary(
      source, tuple(self._clips), tuple(left_out), frames, dict(seconds)
    )
    value = dataclasses.asdict(summary)
    value['rejects'] = [reject.as_json() for reject in left_out]
    self._zip.writestr(_INDEX, json.dumps(value))
    return summary


def write_failed(path: pathlib.Path, reject: rejects.Reject) -> PartSummary:
  """Writes the part of a video whose worker did not come back."""
  with PartWriter(path) as writer:
    return writer.finish(reject.video, [reject], 0, {})


def read_summary(path: pathlib.Path) -> PartSummary:
  """The index of a part.

  Raises:
    InputError: The part cannot be read.
  """
  with _opened(path) as part:
    value = json.loads(part.read(_INDEX))
  return PartSummary(
    value['source'],
    tuple(
      ClipInfo(**{**clip, 'signature': tuple(clip['signature'])})
      for clip in value['clips']
    ),
    tuple(rejects.from_json(reject) for reject in value['rejects']),
    value['frames'],
    value['seconds'],
  )


def read_clips(
  path: pathlib.Path, places: Sequence[int]
) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
  """Fields and JPEG frames of some clips of a part, in this order.

  Args:
    path: File of the part.
    places: Places of the clips in the part.

  Raises:
    InputError: The part cannot be read.
  """
  with _opened(path) as part:
    for place in places:
      folder = f'{place:05d}'
      with np.load(io.BytesIO(part.read(f'{folder}/clip.npz'))) as stored:
        clip = {
          key: value.item() if value.ndim == 0 else value
          for key, value in ((k, stored[k]) for k in stored.files)
        }
      sizes = np.frombuffer(part.read(f'{folder}/sizes'), '<u4')
      ends = np.cumsum(sizes, dtype=np.int64)
      data = part.read(f'{folder}/frames')
      yield (
        clip,
        [
          data[end - size : end]
          for size, end in zip(sizes.tolist(), ends.tolist(), strict=True)
        ],
      )


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[zipfile.ZipFile]:
  try:
    with zipfile.ZipFile(path) as part:
      yield part
  except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
    if isinstance(error, errors.InputError):
      raise
    raise errors.InputError(
      f'{path}: expected a part of a preparation, found a damaged one '
      f'({error}); remove it and run again'
    ) from error
