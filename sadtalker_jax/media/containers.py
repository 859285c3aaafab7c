"""Opening and decoding of media files through PyAV, for `audio` and `video`.

Damaged files are read as far as possible: undecodable parts are skipped with
one warning, and only a file without any content is an error.
"""

from collections.abc import Iterator
import contextlib
import fractions
import io
import os
import pathlib
from typing import Any, TypeAlias

from absl import logging
import av
import av.error
import av.stream

from sadtalker_jax import errors
from sadtalker_jax.media import files, joined_files

# PyAV is compiled and its stubs are partial.
Container: TypeAlias = Any
Stream: TypeAlias = Any
Frame: TypeAlias = Any

# Titles in Latin-1 are no error: PyAV 19 accepts them by itself.
_BEFORE_19 = int(av.__version__.split('.')[0]) < 19
_LENIENT: dict[str, Any] = {'metadata_errors': 'ignore'} if _BEFORE_19 else {}

# What FFmpeg takes any bytes for if the suffix says so: pictures of text, and
# raw pixels of a size that it makes up.
_WITHOUT_HEADER = {'adf', 'bin', 'idf', 'rawvideo', 'tty', 'v210', 'v210x'}


def open_media(
  path: str | os.PathLike[str], kind: str, file: io.RawIOBase | None = None
) -> Container:
  """Opens a file for decoding.

  Args:
    path: name of a file; never taken for an address, whatever it looks like.
    kind: description of the expected file for the message: 'an audio file'.
    file: what is read instead of the file at `path`, say a part of it.

  Raises:
    InputError: the file is missing, a directory, empty, or no media file.
  """
  source = files.check_source(path, kind)
  if file is None and not _is_utf8(source):  # FFmpeg takes no other names
    part = joined_files.Part(0, source.stat().st_size)
    file = joined_files.PartReader(source, part)
  try:
    # Play lists may name further files; those of other machines are not
    # fetched. `options` instead would crash PyAV before 18 on MPEG program
    # streams.
    container = av.open(
      f'file:{source}' if file is None else file,
      container_options={'protocol_whitelist': 'file'},
      **_LENIENT,
    )
  except av.error.FFmpegError as error:
    raise errors.InputError(
      f'{path}: expected {kind}, found a file that is none or is cut off '
      f'({error.strerror})'
    ) from error
  if not _WITHOUT_HEADER.isdisjoint(container.format.name.split(',')):
    container.close()
    raise errors.InputError(
      f'{path}: expected {kind}, found text or numbers without a header'
    )
  return container


def _is_utf8(path: pathlib.Path) -> bool:
  try:
    str(path).encode()
  except UnicodeEncodeError:
    return False
  return True


def video_stream(container: Container) -> Stream | None:
  """The stream of moving pictures, the default one first; or None.

  Cover art is none, nor are the tiles of a picture.
  """
  kinds = av.stream.Disposition
  streams = [
    stream
    for stream in container.streams.video
    if not stream.disposition & (kinds.attached_pic | kinds.dependent)
  ]
  streams.sort(key=lambda stream: not stream.disposition & kinds.default)
  return streams[0] if streams else None


def counted(path: str | os.PathLike[str]) -> tuple[int, float]:
  """Number of a video's pictures, and seconds from the first to the last.

  They are counted, not decoded, and what the file states is not asked; a
  damaged file is counted as far as it goes.

  Raises:
    InputError: as `open_media`; or there are no moving pictures.
  """
  times: list[fractions.Fraction] = []
  count = 0
  with open_media(path, 'a video file') as container:
    stream = video_stream(container)
    if stream is None:
      raise errors.InputError(f'{path}: expected moving pictures, found none')
    with contextlib.suppress(av.error.FFmpegError):
      for packet in container.demux(stream):
        count += packet.size > 0
        if (time := seconds(packet.pts, packet.time_base)) is not None:
          times.append(time)
  return count, float(max(times) - min(times)) if times else 0.0


def seconds(
  ticks: int | None, time_base: fractions.Fraction | None
) -> fractions.Fraction | None:
  """A time stamp in seconds, exact; None stays None."""
  if ticks is None or time_base is None:
    return None
  return ticks * time_base


def decode(
  container: Container,
  stream: Stream,
  path: str | os.PathLike[str],
  *,
  report: bool = True,
) -> Iterator[Frame]:
  """Decoded frames of a stream in order of presentation.

  Encoder delay that the file declares (mp3, m4a, opus) is already removed.
  Damaged packets are skipped; one warning at the end says how many, if `report`
  is set.
  """
  packets = container.demux(stream)
  damaged = 0
  while True:
    try:
      packet = next(packets, None)
    except av.error.FFmpegError:  # the container itself ends in garbage
      damaged += 1
      packet = None
    if packet is None:
      break
    try:
      frames = packet.decode()
    except av.error.EOFError:
      continue
    # PyAV 19 has a ValueError where the codec is unknown.
    except (av.error.FFmpegError, ValueError):
      damaged += 1
      continue
    yield from frames
  if damaged and report:
    logging.warning('%s: %d damaged packets were left out', path, damaged)
