"""Video files: frames read from any format, frames and sound written to mp4.

A frame is uint8 [H, W, 3] RGB, top row first. A size is (width, height). Frame
rates are fractions. Time 0 is the first picture (`audio` uses the same origin).

`VideoReader` returns frames as a player shows them: turned by the file's
rotation tag, with square pixels, in the colours of its tags (without tags,
BT.709 from 720 lines up and BT.601 below), HDR made SDR (`tone_mapping`).

`VideoWriter` makes H.264, HEVC or AV1 (yuv420p, BT.709) and AAC in mp4, piece
by piece, in bounded memory. 4:2:0 pictures have even sides, and neither H.264
nor mp4 as PyAV writes it can crop a single line, so an odd side gets one line
more, a copy of its last; pictures are never scaled (quirk Q37).

Both classes are in one file, longer than the rest, because they share these
conventions; the calls of FFmpeg are in `decoder` and `encoder`.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
import contextlib
import dataclasses
import fractions
import pathlib
from types import TracebackType
from typing import TypeAlias
import weakref

from absl import logging
import av
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import (
  containers,
  decoder,
  encoder,
  files,
  limits,
  picture_folders,
)
from sadtalker_jax.media import encoding as encoding_lib

Path: TypeAlias = files.Path
Sound: TypeAlias = encoder.Sound

MAX_FPS = limits.MAX_FPS
MAX_SIDE = limits.MAX_SIDE


@dataclasses.dataclass(frozen=True)
class VideoInfo:
  """Facts that a file states about its pictures, as they are shown."""

  fps: fractions.Fraction  # mean rate, where the rate varies
  size: tuple[int, int]  # (width, height) of the frames of `VideoReader`
  num_frames: int | None  # None where the file does not state it
  duration_s: float | None  # of the pictures; None where not stated
  codec: str  # FFmpeg's name, such as 'h264'
  rotation: int  # anticlockwise turn that was applied: 0, 90, 180, 270 degrees
  has_audio: bool
  hdr: str | None = None  # 'PQ' or 'HLG' where the file says so


def probe(path: Path) -> VideoInfo:
  """Facts about a video; only its first frame is decoded.

  Raises:
    InputError: as `VideoReader`.
  """
  return VideoReader(path).info


class VideoReader:
  """Frames of a video file; every iteration starts at the first one.

  At the end of a `with` block unfinished iterations are closed.
  """

  def __init__(self, path: Path):
    """Opens the file and decodes its first frame.

    Raises:
      InputError: the file is missing, a directory, empty, not media, without
        moving pictures, or none of them can be decoded. A file that ends too
        early is read as far as it goes, with a warning.
    """
    self.path = path
    self._running: weakref.WeakSet[Generator[np.ndarray]] = weakref.WeakSet()
    with containers.open_media(path, 'a video file') as container:
      stream = decoder.video_stream(container, path)
      frame = next(containers.decode(container, stream, path), None)
      if frame is None:
        raise errors.InputError(
          f'{path}: expected pictures, found none that can be decoded'
        )
      self.info = _describe(container, stream, frame, path)

  @property
  def fps(self) -> fractions.Fraction:
    """Frames a second."""
    return self.info.fps

  @property
  def size(self) -> tuple[int, int]:
    """(width, height) of the frames."""
    return self.info.size

  @property
  def num_frames(self) -> int | None:
    """Number of frames that the file states; None where it does not."""
    return self.info.num_frames

  def __enter__(self) -> 'VideoReader':
    return self

  def __exit__(self, *unused: object) -> None:
    for pictures in list(self._running):
      pictures.close()

  def __iter__(self) -> Iterator[np.ndarray]:
    """All frames, uint8 [H, W, 3], regardless of their time stamps."""
    return self._started(self._pictures(None))

  def frames(
    self, fps: fractions.Fraction | float = 25
  ) -> Iterator[np.ndarray]:
    """Frames at a constant rate: for each instant the nearest one in time.

    Args:
      fps: frames a second of the result.

    Returns:
      Iterator of uint8 [H, W, 3]. A frame that is repeated is the same array
      again; do not write to it.

    Raises:
      InputError: as `as_rate`.
    """
    return self._started(self._pictures(as_rate(fps)))

  def _started(self, pictures: Generator[np.ndarray]) -> Iterator[np.ndarray]:
    self._running.add(pictures)
    return pictures

  def _pictures(self, fps: fractions.Fraction | None) -> Generator[np.ndarray]:
    """Decodes the file once; warns where it is shorter than stated."""
    period = 1 / self.info.fps
    end = fractions.Fraction(0)
    with containers.open_media(self.path, 'a video file') as container:
      stream = decoder.video_stream(container, self.path)
      timed = decoder.timed_frames(container, stream, self.path, period)
      if fps is not None:
        timed = decoder.at_rate(timed, fps, period)
      display = decoder.Display(stream)
      for time, frame in timed:
        yield display.rgb(frame)
        end = time + period
    declared = self.info.duration_s
    if declared is not None and end < 0.98 * declared - 0.25:
      logging.warning(
        '%s: expected %.2f s of pictures, found %.2f s (is the file cut off?)',
        self.path,
        declared,
        end,
      )


def check_target(
  path: Path, *, overwrite: bool, suffix: str = '.mp4'
) -> pathlib.Path:
  """The path of a video that can be written.

  Args:
    path: name that the user gave.
    overwrite: whether an existing file may be replaced.
    suffix: how names of its kind of file end.

  Raises:
    InputError: the name ends otherwise, or as `files.check_target`.
  """
  check_name(path, suffix)
  return files.check_target(path, overwrite=overwrite)


def check_name(path: Path, suffix: str = '.mp4') -> None:
  """Refuses a name that no video can have, whatever its folder.

  Raises:
    InputError: it does not end in the suffix.
  """
  target = pathlib.Path(path)
  if target.suffix.lower() != suffix:
    raise errors.InputError(
      f"{path}: expected a name that ends in {suffix}, found '{target.name}'"
    )


class VideoWriter:
  """Writer of a video file, frame by frame; it appears whole or not at all.

      with video.VideoWriter('out.mp4', fps=25, audio='speech.wav') as writer:
        for frame in frames:
          writer.write(frame)

  Frames and sound go to a hidden file beside the final one, which takes its
  name when the block ends. An exception in the block, Ctrl-C included, removes
  it. Sound starts with the first frame and ends with the last: longer sound is
  cut, shorter sound is followed by silence.
  """

  def __init__(
    self,
    path: Path,
    *,
    fps: fractions.Fraction | float,
    size: tuple[int, int] | None = None,
    audio: Sound | None = None,
    overwrite: bool = False,
    encoding: encoding_lib.Encoding | None = None,
    tags: Mapping[str, str] | None = None,
    seal: Callable[[pathlib.Path], None] | None = None,
  ):
    """Checks all arguments before the first frame.

    Args:
      path: name of the file, ending as the encoding's files do (.mp4 unless
        there is another), in a folder that exists.
      fps: frames a second.
      size: (width, height) of the frames; None takes that of the first frame.
      audio: name of a file with sound, a recording, or a pair of samples and
        rate (`samples.checked`), or None for a video without sound track.
      overwrite: whether an existing file may be replaced.
      encoding: codecs and their quality; None for H.264 that looks like the
        original. WebP has no sound.
      tags: texts of the file by names that FFmpeg knows, such as `comment`.
      seal: last change of the complete file, under its hidden name; what it
        raises leaves no file. Not of a folder of pictures.

    Raises:
      InputError: the folder cannot be written to, the file exists, its name has
        another suffix, the rate is out of range, or as `audio.load` and
        `samples.checked`.
    """
    self._encoding = encoding or encoding_lib.Encoding()
    kind = self._encoding.kind
    self._is_folder = kind.is_folder
    self._path = check_target(path, overwrite=overwrite, suffix=kind.suffix)
    self._overwrite = overwrite
    self._fps = as_rate(fps)
    self._size = size
    encoder.check(self._encoding)
    self._tags, self._seal = tags or {}, seal
    self._soundtrack = None
    if audio is not None and kind.sound is not None:
      self._soundtrack = encoder.Soundtrack(audio, kind.sound)
    self._stack: contextlib.ExitStack | None = None
    self._part: pathlib.Path | None = None
    self._encoder: encoder.Encoder | picture_folders.FolderEncoder | None = None
    self._channels = 3  # of frames
    self.num_frames = 0  # written so far

  @property
  def size(self) -> tuple[int, int] | None:
    """(width, height) of the frames; None before the first."""
    return self._size

  def __enter__(self) -> 'VideoWriter':
    with contextlib.ExitStack() as stack:
      self._part = stack.enter_context(
        picture_folders.replacing(self._path)
        if self._is_folder
        else files.replacing(self._path, overwrite=self._overwrite)
      )
      stack.push(self._end)
      self._stack = stack.pop_all()
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
  ) -> None:
    assert self._stack is not None
    stack, self._stack = self._stack, None
    stack.__exit__(kind, error, trace)

  def write(self, frame: np.ndarray) -> None:
    """Appends a frame.

    Args:
      frame: uint8 [H, W, 3] RGB, of the size of the previous ones; or
        [H, W, 4] with their opacity.

    Raises:
      ValueError: the frame has another shape or type, or the writer is not
        open.
      InputError: the disk is full, the picture too large, or the codec cannot
        be transparent.
    """
    if self._stack is None or self._part is None:
      raise ValueError('expected an open writer: use it in a with statement')
    frame = np.asarray(frame)
    if self._size is None and frame.ndim == 3:
      self._size = (frame.shape[1], frame.shape[0])
    if self._encoder is None and frame.shape[2:] == (4,):
      self._channels = 4
    width, height = self._size or (0, 0)
    wanted = height, width, self._channels
    if frame.shape != wanted or frame.dtype != np.uint8:
      raise ValueError(
        f'expected a frame uint8 {wanted}, found {frame.dtype} {frame.shape}'
      )
    if (height % 2 or width % 2) and not self._is_folder:
      frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), 'edge')
    with self._disk_errors():
      if self._encoder is None:
        self._encoder = self._start(frame)
      self._encoder.add(np.ascontiguousarray(frame))
    self.num_frames += 1

  def _start(
    self, frame: np.ndarray
  ) -> encoder.Encoder | picture_folders.FolderEncoder:
    height, width = frame.shape[:2]
    if max(height, width) > MAX_SIDE or min(height, width) < 2:
      raise errors.InputError(
        f'{self._path}: expected frames of 1 to {MAX_SIDE} pixels a side, '
        f'found {width} x {height}'
      )
    assert self._part is not None
    if self._is_folder:
      return picture_folders.FolderEncoder(
        self._part, fps=self._fps, soundtrack=self._soundtrack, tags=self._tags
      )
    return encoder.Encoder(
      self._part,
      size=(width, height),
      fps=self._fps,
      soundtrack=self._soundtrack,
      encoding=self._encoding,
      tags=self._tags,
      transparent=frame.shape[2] == 4,
    )

  def _end(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
  ) -> None:
    """Completes the hidden file, or closes it after an error."""
    try:
      if kind is None:
        if self._encoder is None:
          raise ValueError(f'{self._path}: expected a frame, found none')
        with self._disk_errors():
          self._encoder.finish()
          if self._seal is not None and not self._is_folder:
            assert self._part is not None
            self._seal(self._part)
    except BaseException:
      kind = BaseException
      raise
    finally:
      if kind is not None and self._encoder is not None:
        self._encoder.abandon()

  @contextlib.contextmanager
  def _disk_errors(self) -> Iterator[None]:
    try:
      yield
    except OSError as error:
      raise errors.InputError(
        f'{self._path}: expected room to write the video, found: '
        f'{error.strerror or error}'
      ) from error


def as_rate(fps: fractions.Fraction | float) -> fractions.Fraction:
  """A frame rate as a fraction; 29.97 stays 2997/100.

  Raises:
    InputError: `fps` is not above 0 and at most 240.
  """
  try:
    rate = fractions.Fraction(fps).limit_denominator(1001)
  except (ValueError, OverflowError):  # NaN, infinity
    rate = fractions.Fraction(0)
  if not 0 < rate <= MAX_FPS:
    raise errors.InputError(
      f'fps: expected frames a second above 0, at most {MAX_FPS}, found {fps}'
    )
  return rate


def _describe(
  container: containers.Container,
  stream: containers.Stream,
  frame: containers.Frame,
  path: Path,
) -> VideoInfo:
  """Facts about an open file whose first frame is decoded."""
  fps = stream.average_rate or stream.guessed_rate or stream.base_rate
  if not fps:
    raise errors.InputError(f'{path}: expected a frame rate, found none')
  duration = containers.seconds(stream.duration, stream.time_base)
  if duration is None and container.duration is not None:
    duration = fractions.Fraction(container.duration, av.time_base)
  height, width = decoder.Display(stream).rgb(frame).shape[:2]
  return VideoInfo(
    fps=fractions.Fraction(fps),
    size=(width, height),
    num_frames=stream.frames or None,
    duration_s=None if duration is None else float(duration),
    codec=stream.codec_context.name,
    rotation=90 * decoder.quarter_turns(frame),
    has_audio=bool(container.streams.audio),
    hdr=decoder.transfer(frame),
  )
