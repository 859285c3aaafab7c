"""The two passes over one video: faces are followed, then clips are cut.

The video is decoded twice, frame by frame, so memory grows neither with its
length nor with its number of faces: first all faces are followed, and the
landmarks of tracks that may become clips go to disk; then the clips are cut.
"""

from collections.abc import Callable
import dataclasses
import pathlib

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.faces import crop
from sadtalker_jax.media import video
from sadtalker_jax.preparation import clock, parts, rejects
from sadtalker_jax.preparation import experts as experts_lib
from sadtalker_jax.preparation import options as options_lib
from sadtalker_jax.preparation.clip import clips, quality, region, sound
from sadtalker_jax.preparation.input import (
  counted_frames,
  face_tracks,
  followed_faces,
  video_files,
)

Reason = rejects.Reason


class VideoLeftOut(Exception):
  """The whole video is left out, for a reason."""

  def __init__(self, reason: Reason, detail: str):
    super().__init__(detail)
    self.reason = reason


@dataclasses.dataclass(frozen=True)
class _Found:
  """A track on disk that may become a clip."""

  first: int
  path: pathlib.Path
  square: crop.IntBox
  utterance: str


class VideoPasses:
  """The state of the preparation of one video."""

  def __init__(
    self,
    source: video_files.VideoSource,
    options: options_lib.PreparationOptions,
    experts: experts_lib.MeasuringNetworks,
    writer: parts.PartWriter,
    folder: pathlib.Path,
    progress: Callable[[], None],
  ):
    """Starts before the first pass.

    Args:
      source: Video to prepare.
      options: Options of the preparation.
      experts: Networks and face model.
      writer: Part that clips are added to.
      folder: Empty folder for tracks and sound.
      progress: Function called after every window of frames and every clip.
    """
    self._source, self._options = source, options
    self._experts, self._writer, self._folder = experts, writer, folder
    self._progress = progress
    self.clock = clock.Clock()
    self.rejects: list[rejects.Reject] = []
    self.frames = 0

  def reject(
    self, reason: Reason, detail: str, first: int = 0, frames: int = 0
  ) -> None:
    """Records that something is left out.

    Args:
      reason: Reason.
      detail: Figure that decided.
      first: Number of the first frame, for a piece of the video.
      frames: Number of frames; 0 for the whole video.
    """
    self.rejects.append(
      rejects.Reject(reason, self._source.name, first, frames, detail)
    )

  def run(self) -> None:
    """Prepares the video.

    Raises:
      VideoLeftOut: The video has no clip, for one reason.
      InputError: The video cannot be read.
    """
    with self.clock.measure('decode'):
      reader = video.VideoReader(self._source.path)
    with reader:
      length = reader.info.duration_s or 0.0
      self._check_length(min(length, self._source.end_s or length))
      if not reader.info.has_audio and not self._options.allow_no_audio:
        raise VideoLeftOut(Reason.NO_AUDIO, 'no sound track')
      seen, found = self._scan(reader)
      if not seen:
        raise VideoLeftOut(Reason.NO_FACE, f'{self.frames} frames')
      if found:
        self._cut(reader, found, self._sound(reader.info.has_audio))

  def _check_length(self, seconds: float) -> None:
    if seconds > 60 * self._options.max_minutes:
      raise VideoLeftOut(Reason.TOO_LONG, f'{seconds / 60:.1f} minutes')

  def _scan(self, reader: video.VideoReader) -> tuple[bool, list[_Found]]:
    """Follows all faces: whether there is one, and tracks that may be clips."""
    tracker = face_tracks.Tracker(
      self._experts.finder,
      self._experts.landmarker,
      max_frames=self._options.max_frames,
      least_face=self._options.face_pixels,
      stretches=self._source.stretches,
    )
    seen = False
    found: list[_Found] = []

    def keep(ended: list[followed_faces.FaceTrack]) -> None:
      nonlocal seen
      for track in ended:
        seen = True
        item = self._keep(track, reader.size, len(found))
        if item is not None:
          found.append(item)

    expected = 0
    for window in counted_frames.windows(self._source, reader, self.clock):
      if window[0][0] != expected:  # what lies between does not count
        keep(tracker.finish())
      expected = window[-1][0] + 1
      self.frames += len(window)
      self._check_length(self.frames / conventions.FRAME_RATE)
      with self.clock.measure('detect'):
        keep(tracker.feed([frame for _, frame in window], window[0][0]))
      self._progress()
    keep(tracker.finish())
    return seen, sorted(found, key=lambda item: (item.first, item.square))

  def _keep(
    self, track: followed_faces.FaceTrack, size: tuple[int, int], number: int
  ) -> _Found | None:
    """Puts a track on disk, if it may become a clip."""
    square = region.enlarge(
      track.box,
      size,
      margin=self._options.margin,
      strict=self._options.annotated,
    )
    finding = quality.of_track(track, square, self._options)
    if finding is not None:
      self.reject(*finding, track.first, len(track.points))
      return None
    assert square is not None
    path = self._folder / f'{number}.npz'
    np.savez(path, points=track.points, found=track.found)
    utterance = track.utterance or self._source.utterance
    return _Found(track.first, path, square, utterance)

  def _sound(self, has_audio: bool) -> np.ndarray | None:
    if not has_audio:
      return None
    with self.clock.measure('sound'):
      try:
        return sound.spool(self._source.path, self._folder / 'sound')
      except errors.InputError as error:
        if self._options.allow_no_audio:
          return None
        raise VideoLeftOut(Reason.NO_AUDIO, str(error)) from error

  def _cut(
    self,
    reader: video.VideoReader,
    found: list[_Found],
    track: np.ndarray | None,
  ) -> None:
    """Cuts all clips in one pass over the frames."""
    waiting = list(enumerate(found))
    active: list[clips.Cutter] = []
    for number, frame in counted_frames.numbered(
      self._source, reader, self.clock
    ):
      while waiting and waiting[0][1].first == number:
        active.append(self._start(*waiting.pop(0), reader))
      with self.clock.measure('encode'):
        for cutter in active:
          cutter.take(frame)
      for cutter in [c for c in active if c.last == number + 1]:
        active.remove(cutter)
        self._finish(cutter, track)
        self._progress()
      if not waiting and not active:
        break

  def _start(
    self, count: int, item: _Found, reader: video.VideoReader
  ) -> clips.Cutter:
    source = self._source
    with np.load(item.path) as stored:
      points, found = stored['points'], stored['found']
    item.path.unlink()
    place = clips.Place(
      f'{source.speaker}#{source.video}#{item.utterance}#{count:05d}',
      source.speaker,
      source.name,
      item.first,
      item.square,
      float(reader.fps),
    )
    return clips.Cutter(place, points, found, self._options)

  def _finish(self, cutter: clips.Cutter, track: np.ndarray | None) -> None:
    made = cutter.finish(track, self._experts, self.clock)
    if isinstance(made, clips.Made):
      with self.clock.measure('encode'):
        self._writer.add(made.info, made.fields, made.frames)
    else:
      first = cutter.place.first
      self.reject(*made, first, cutter.last - first)
