"""What a service takes from strangers: sizes, durations, pixels, numbers."""

from collections.abc import Mapping
import dataclasses
import pathlib

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.direction import keyframes
from sadtalker_jax.media import audio, containers, picture_decoding, video

_BLOCK = 1 << 16  # samples that are decoded at a time to count them
_KEYFRAMES = 1_000_000  # bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
  """Limits of one service; the defaults suit one machine without a GPU.

  Attributes:
    request_bytes: Size of a request, both files together.
    seconds: Duration of a recording, or of an idle clip.
    video_seconds: Duration of a video. What is in it is looked for frame by
      frame, which nobody can cut short.
    pixels: Pixels of a picture.
    pasted_pixels: Pixels of a picture whose frames are pasted back into it,
      each frame then being as large.
    size: Side of the animated crop.
    fps: Frames a second.
    active: Jobs of one token that wait or run.
    queued: Jobs of all that wait.
    uploads: Uploaded files of one token that no job has taken yet.
    upload_hours: Hours that such files are kept.
    keep_hours: Hours that a finished job and its video are kept.
    streams: Streams of all that are open.
    streams_of_one: Streams of one token that are open.
    stream_idle_s: Seconds after which a stream without any message ends.
    stream_s: Seconds after which any stream ends.
  """

  request_bytes: int = 50_000_000
  seconds: float = 120.0
  video_seconds: float = 30.0
  pixels: int = 25_000_000
  pasted_pixels: int = 4_000_000
  size: int = 512
  fps: float = 60.0
  active: int = 8
  queued: int = 64
  uploads: int = 16
  upload_hours: float = 1.0
  keep_hours: float = 24.0
  streams: int = 4
  streams_of_one: int = 2
  stream_idle_s: float = 60.0
  stream_s: float = 3600.0

  def check_options(self, options: options_lib.Options) -> None:
    """Refuses options whose work is too large.

    Raises:
      InputError: a value is over its limit.
    """
    most_of = {'size': self.size, 'fps': self.fps, 'idle': self.seconds}
    for name, most in most_of.items():
      value = getattr(options, name)
      if value is not None and value > most:
        raise errors.InputError(
          f'{name}: expected at most {most:g} here, found {value:g}'
        )

  def check_files(
    self, files: Mapping[str, pathlib.Path], options: options_lib.Options
  ) -> None:
    """Refuses files that are too large or too long, whatever they state.

    Args:
      files: Files by name, see `given_files`.
      options: Options of the job.

    Raises:
      InputError: one is, or is not what its name says.
    """
    for name, path in files.items():
      if name in ('image', 'background_image'):
        self.check_picture(path, options, name)
      elif name == 'audio' or name.startswith('speaker_'):
        self.check_sound(path, name)
      elif name == 'keyframes':
        self._check_keyframes(path)
      else:
        self._check_video(path, name)

  def check_picture(
    self, path: pathlib.Path, options: options_lib.Options, name: str = 'image'
  ) -> None:
    """Refuses a picture that is too large, before it is decoded.

    Raises:
      InputError: it is too large, or no picture.
    """
    size = picture_decoding.stated_size(path)
    if size is None:  # perhaps a video, whose first frame is meant
      size = video.probe(path).size
    pasted = options.is_pasted
    most = self.pasted_pixels if pasted else self.pixels
    if size[0] * size[1] > most:
      kind = f' with preprocess {options.preprocess}' if pasted else ''
      raise errors.InputError(
        f'{name}: expected at most {most / 1e6:g} million pixels{kind}, found '
        f'{size[0]} x {size[1]}'
      )

  def check_detected(self, path: pathlib.Path) -> None:
    """Refuses a picture that is too large to be looked through.

    Raises:
      InputError: it is too large.
    """
    size = picture_decoding.stated_size(path)  # of videos a few frames are read
    if size is not None and size[0] * size[1] > self.pixels:
      raise errors.InputError(
        f'file: expected at most {self.pixels / 1e6:g} million pixels, found '
        f'{size[0]} x {size[1]}'
      )

  def check_sound(self, path: pathlib.Path, name: str = 'audio') -> None:
    """Refuses a recording that is too long, whatever its file states.

    Raises:
      InputError: it is too long, or no sound.
    """
    rate = conventions.SAMPLE_RATE
    most = self.seconds * rate
    count = 0
    blocks = audio.blocks(path, rate=rate, channels=1, block=_BLOCK)
    for block in blocks:
      count += int(np.shape(block)[1])
      if count > most:
        raise errors.InputError(
          f'{name}: expected at most {self.seconds:g} s, found more'
        )

  def _check_keyframes(self, path: pathlib.Path) -> None:
    if path.stat().st_size > _KEYFRAMES:
      raise errors.InputError(
        f'keyframes: expected at most {_KEYFRAMES} bytes, found more'
      )
    keyframes.read(path)  # raises

  def _check_video(self, path: pathlib.Path, name: str) -> None:
    """Refuses a video; its pictures are counted, not decoded."""
    info = video.probe(path)
    width, height = info.size
    if width * height > self.pasted_pixels:
      raise errors.InputError(
        f'{name}: expected at most {self.pasted_pixels / 1e6:g} million pixels '
        f'a frame, found {width} x {height}'
      )
    if name == 'video' and info.fps > self.fps:
      raise errors.InputError(
        f'{name}: expected at most {self.fps:g} frames a second, found '
        f'{float(info.fps):g}'
      )
    count, seconds = containers.counted(path)
    most = self.video_seconds
    if seconds > most or count > most * self.fps:
      raise errors.InputError(
        f'{name}: expected a video of at most {most:g} s, found more'
      )
