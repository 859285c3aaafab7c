"""Reasons why a video or a piece of it did not become a record.

All that is left out is recorded with one of the reasons below, in the part of
its video and in the manifest.
"""

from collections.abc import Sequence
import dataclasses
import enum
import re


class Reason(enum.StrEnum):
  """Reasons; their values are used in the manifest."""

  # Of whole videos.
  UNREADABLE = 'unreadable'  # missing, empty, no video, nothing to decode
  TOO_LONG = 'too_long'  # more than `max_minutes`
  NO_AUDIO = 'no_audio'  # no sound track
  NO_FACE = 'no_face'  # no face in any frame
  TIMEOUT = 'timeout'  # not done in time
  CRASHED = 'crashed'  # its worker died, or there is a defect in this program
  # Of tracks of a face.
  TOO_SHORT = 'too_short'  # fewer frames than `min_frames`
  TOO_SMALL = 'too_small'  # the tube's box is smaller than `min_face`
  LEAVES_PICTURE = 'leaves_picture'  # its enlarged box does
  SEVERAL_FACES = 'several_faces'  # another face in the crop
  FACE_LOST = 'face_lost'  # the face is seen in too few frames
  BLURRED = 'blurred'
  TURNED = 'turned'  # beyond `max_yaw` or `max_pitch`
  BAD_FIT = 'bad_fit'  # the face model does not follow the landmarks
  SILENT = 'silent'  # with require_speech: nothing to hear
  NO_SPEECH = 'no_speech'  # with require_speech: sound, but not of these lips
  OUT_OF_SYNC = 'out_of_sync'  # sound off by more than `max_offset`
  DUPLICATE = 'duplicate'  # same pictures and sound as another clip


@dataclasses.dataclass(frozen=True)
class Reject:
  """One thing that was left out."""

  reason: Reason
  video: str  # path of the video, relative to the input
  # What of the video: frames at 25 a second, or the whole.
  first: int = 0
  frames: int = 0  # 0: the whole video
  detail: str = ''  # the figure that decided

  def as_json(self) -> dict[str, str | int]:
    """Plain values."""
    return {**dataclasses.asdict(self), 'reason': self.reason.value}


# Flags with their least values, and what their figures look like in a detail.
_FLAGS = {
  'min_frames': (5, re.compile(r'(\d+) frames')),
  'min_face': (32, re.compile(r'(\d+) pixels')),
}


def ways(left_out: Sequence[Reject]) -> str:
  """Flags with which most of what was too short or too small is kept.

  Nine in ten of it: the smallest face of a crowd would be no advice. Empty if
  nothing was, or all of it is too little for any flag.
  """
  kept = [
    r for r in left_out if r.reason in (Reason.TOO_SHORT, Reason.TOO_SMALL)
  ]
  found = []
  for flag, (least, pattern) in _FLAGS.items():
    figures = [pattern.search(r.detail) for r in kept]
    values = sorted(int(m[1]) for m in figures if m and int(m[1]) >= least)
    if values:
      found.append(f'--{flag} {values[len(values) // 10]}')
  return ' '.join(found)


def from_json(value: dict[str, str | int]) -> Reject:
  """The inverse of `Reject.as_json`."""
  return Reject(
    Reason(str(value['reason'])),
    str(value['video']),
    int(value['first']),
    int(value['frames']),
    str(value['detail']),
  )
