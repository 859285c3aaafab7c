"""One track becomes one clip: its frames cut out, measured, judged.

A clip is what a record holds (`schema.CLIP`), without the place of its frames,
which is known only when all clips are.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.faces import crop, landmarks
from sadtalker_jax.media import image
from sadtalker_jax.preparation import clock, parts
from sadtalker_jax.preparation import experts as experts_lib
from sadtalker_jax.preparation import options as options_lib
from sadtalker_jax.preparation.clip import (
  features,
  quality,
  region,
  signatures,
  sound,
  sync,
  teacher,
)
from sadtalker_jax.preparation.input import followed_faces

_SHARP_EVERY = 8  # frames between two whose sharpness is measured
# Least confidence of SyncNet for its offset to be taken off the sound.
_SURE_OFFSET = 3.0

Reason = quality.Reason


@dataclasses.dataclass(frozen=True)
class Made:
  """A clip that is good enough."""

  info: parts.ClipInfo
  fields: Mapping[str, Any]  # those of `schema.CLIP` but frame_offset
  frames: list[bytes]  # JPEG


@dataclasses.dataclass(frozen=True)
class Place:
  """The origin of a clip."""

  id: str
  speaker: str
  video: str
  first: int  # frame of the video at 25 a second
  square: crop.IntBox  # place of the crop, pixels of the video
  source_fps: float


class Cutter:
  """Makes a clip of the frames of a video, which are given one by one."""

  def __init__(
    self,
    place: Place,
    points: np.ndarray,
    found: np.ndarray,
    options: options_lib.PreparationOptions,
  ):
    """Starts before the first frame.

    Args:
      place: Origin of the clip.
      points: [T, 478, 3] landmarks, pixels of the video.
      found: [T] whether the face was seen.
      options: Options of the preparation.
    """
    self.place = place
    self._options = options
    self._points = region.to_frame(points, place.square, options.size)
    self._found = found
    self._jpegs: list[bytes] = []
    self._sharp: list[float] = []
    self._looks: dict[int, np.ndarray] = dict.fromkeys(
      signatures.places(len(points)), np.zeros(0)
    )

  @property
  def last(self) -> int:
    """The frame of the video after the clip's last one."""
    return self.place.first + len(self._points)

  def take(self, frame: np.ndarray) -> None:
    """Adds the next frame of the video, uint8 [H, W, 3]."""
    number = len(self._jpegs)
    size = self._options.size
    picture = crop.resize_to(frame, self.place.square, size)
    if number % _SHARP_EVERY == 0:
      box = followed_faces.box_of(self._points[number])
      self._sharp.append(quality.sharpness(picture, box))
    if number in self._looks:
      self._looks[number] = picture
    self._jpegs.append(image.to_jpeg(picture))

  def finish(
    self,
    track: np.ndarray | None,
    experts: experts_lib.MeasuringNetworks,
    times: clock.Clock,
  ) -> Made | quality.Finding:
    """Measures the clip when all of its frames are there.

    Args:
      track: int16 [L] sound of the video; None without sound.
      experts: Networks and face model.
      times: Clock that the work is counted on.

    Returns:
      The clip, or the reason why it is not good enough.
    """
    options = self._options
    with times.measure('sound'):
      own = self._sound(track, 0)
      finding = self._judge_sound(own)
    if finding is not None:
      return finding
    frames = None
    if experts.recon is not None or experts.syncnet is not None:
      with times.measure('encode'):
        frames = np.stack([image.from_jpeg(jpeg) for jpeg in self._jpegs])
    with times.measure('fit'):
      faces = features.faces(
        frames, self._points, self._found, options.size, experts
      )
      finding = quality.of_clip(
        float(np.median(self._sharp)),
        faces.coefficients[:, conventions.ANGLES],
        faces.error,
        options,
      )
    if finding is not None:
      return finding
    with times.measure('sync'):
      offset = self._offset(frames, own, experts)
      finding = self._judge_offset(offset)
    if finding is not None:
      return finding
    sure = experts.syncnet is not None and offset.confidence >= _SURE_OFFSET
    lips = np.zeros((0, conventions.EXPRESSION_SIZE), np.float32)
    with times.measure('sound'):
      own = self._sound(track, offset.frames if sure else 0)
      spectrogram = sound.mel(own)
    if options.teacher:
      with times.measure('teacher'):
        lips = teacher.expression(
          image.from_jpeg(self._jpegs[0]),
          self._points[0],
          own,
          len(self._points),
          experts,
        )
    return self._made(faces, offset, own, spectrogram, lips, experts)

  def _made(
    self,
    faces: features.Faces,
    offset: sync.Offset,
    own: np.ndarray,
    spectrogram: np.ndarray,
    lips: np.ndarray,
    experts: experts_lib.MeasuringNetworks,
  ) -> Made:
    """The clip, from what was measured of it."""
    place, count = self.place, len(self._points)
    fields = {
      'id': place.id,
      'speaker': place.speaker,
      'video': place.video,
      'fps': conventions.FRAME_RATE,
      'size': self._options.size,
      'num_frames': count,
      'audio': own,
      'mel': spectrogram,
      'landmarks': landmarks.to_68(self._points)[..., :2].copy(),
      'coefficients': faces.coefficients,
      'crop': faces.crop,
      'blink': features.blink(self._points),
      'teacher': lips,
      'box': np.array(place.square, np.float32),
      'source_fps': place.source_fps,
      'offset': float(offset.frames),
      'confidence': offset.confidence,
      'morphable': experts.morphable,
      'method': experts.method,
    }
    signature = signatures.make(list(self._looks.values()), spectrogram)
    info = parts.ClipInfo(
      place.id,
      place.speaker,
      count,
      sum(len(jpeg) for jpeg in self._jpegs),
      tuple(int(word) for word in signature),
      place.video,
      place.first,
    )
    return Made(info, fields, self._jpegs)

  def _sound(self, track: np.ndarray | None, offset: int) -> np.ndarray:
    count = len(self._points)
    if track is None:
      return np.zeros(count * conventions.SAMPLES_PER_FRAME, np.int16)
    return sound.piece(track, self.place.first + offset, count)

  def _judge_sound(self, own: np.ndarray) -> quality.Finding | None:
    if not self._options.require_speech:
      return None
    silent, detail = sync.silent(own)
    if silent:
      return Reason.SILENT, detail
    speaks, detail = sync.speaks(own, self._points)
    return None if speaks else (Reason.NO_SPEECH, detail)

  def _offset(
    self,
    frames: np.ndarray | None,
    own: np.ndarray,
    experts: experts_lib.MeasuringNetworks,
  ) -> sync.Offset:
    if sync.silent(own)[0]:
      return sync.Offset(0, 0.0)
    if frames is None or experts.syncnet is None:
      return sync.by_loudness(own, self._points)
    return sync.by_syncnet(frames, own, self._points, experts.syncnet)

  def _judge_offset(self, offset: sync.Offset) -> quality.Finding | None:
    options = self._options
    detail = f'{offset.frames} frames, confidence {offset.confidence:.2f}'
    far = (
      options.max_offset is not None and abs(offset.frames) > options.max_offset
    )
    unsure = (
      options.min_confidence is not None
      and offset.confidence < options.min_confidence
    )
    return (Reason.OUT_OF_SYNC, detail) if far or unsure else None
