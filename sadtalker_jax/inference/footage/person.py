"""A person of a clip in the place of a portrait, and the rows of its frames.

What stays of a frame: head pose, eyes, brows, cheeks, light and background.
Jaw and lips begin from the resting mouth of the shot, see `resting`.
"""

from collections.abc import Iterator, Sequence
import fractions
import itertools
import math

from absl import logging
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference import inputs, tracks
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.footage import (
  following,
  footage_portrait,
  frame_order,
  resting,
  shot_rig,
)
from sadtalker_jax.media import video

_LOOKED_AT = 30  # seconds of a film that are followed for a short voice


def opened(
  path: inputs.Path, options: options_lib.Options
) -> tuple[video.VideoReader, fractions.Fraction]:
  """The reader of a film, and the rate at which it is shown.

  Raises:
    InputError: the file is no video, or has no sound that could be kept.
  """
  reader = video.VideoReader(path)
  if options.keep_background_sound and not reader.info.has_audio:
    raise errors.InputError(
      f'keep_background_sound: expected a video with sound, found {path}'
    )
  if reader.info.hdr is not None:
    logging.warning(
      '%s: HDR (%s) becomes SDR (ITU-R BT.2390): what is brighter than white '
      'loses its steps',
      path,
      reader.info.hdr,
    )
  return reader, video.as_rate(options.fps or reader.fps)


def followed(
  reader: video.VideoReader, fps: fractions.Fraction, seconds: float
) -> Iterator[np.ndarray]:
  """The frames [H, W, 3] that a voice of so many seconds can reach.

  At least half a minute, in which a resting mouth is looked for.
  """
  count = max(_wanted(seconds, fps), math.ceil(_LOOKED_AT * fps))
  return itertools.islice(reader.frames(fps=fps), count)


def _wanted(seconds: float, fps: fractions.Fraction) -> int:
  """Frames of a result."""
  return max(1, round(seconds * float(fps)))


def portraits(
  reader: video.VideoReader,
  fps: fractions.Fraction,
  clips: Sequence[following.Clip],
  seconds: float,
  end: options_lib.End,
) -> list[footage_portrait.FootagePortrait]:
  """The people of a film, each as a clip was followed.

  Args:
    reader: The film.
    fps: Its rate.
    clips: The film as each of them was followed through it.
    seconds: Length of the voice.
    end: What is shown where the voice is longer.
  """
  order = frame_order.order(clips[0].num_frames, _wanted(seconds, fps), end)
  return [
    footage_portrait.FootagePortrait(
      picture,
      resting.find(clip.longest).row,
      clip,
      references,
      reader,
      fps,
      order,
    )
    for clip, (picture, references) in zip(
      clips, _references(reader, fps, clips), strict=True
    )
  ]


def _references(
  reader: video.VideoReader,
  fps: fractions.Fraction,
  clips: Sequence[following.Clip],
) -> list[tuple[np.ndarray, list[shot_rig.References]]]:
  """For each clip a frame of its longest shot, and what rigs are made of.

  The film is read once.
  """
  kept = []  # clip, shot, place in the shot
  for clip in clips:
    for shot in clip.shots:
      rest = resting.find(shot)
      kept += [(clip, shot, int(rest.frames[0])), (clip, shot, rest.open)]
  numbers = np.array([shot.first + place for _, shot, place in kept])
  faces: dict[int, np.ndarray] = {}
  pictures: dict[int, np.ndarray] = {}
  order = np.argsort(numbers, kind='stable')
  frames = frame_order.read(reader, fps, numbers[order])
  for which, frame in zip(order.tolist(), frames, strict=True):
    clip, shot, place = kept[which]
    faces[which] = shot_rig.lower_face(shot, frame, place)
    if which % 2 == 0 and shot is clip.longest:
      pictures[id(clip)] = frame
  found = []
  which = 0
  for clip in clips:
    references = []
    for _ in clip.shots:
      references.append(shot_rig.References(faces[which], faces[which + 1]))
      which += 2
    found.append((pictures[id(clip)], references))
  return found


def voiced(
  person: footage_portrait.FootagePortrait,
  track: tracks.Track,
  model: morphable.MorphableModel,
) -> np.ndarray:
  """The frames' own rows [T, 70] with the mouth of a track.

  Args:
    person: Clip of T frames.
    track: T rows of a motion whose source was the person's resting row.
    model: Head model, whose names of expressions say which are of the mouth.
  """
  slots = resting.mouth_slots(model)
  rows = np.tile(person.row, (len(person.order), 1)).astype(np.float32)
  rests = [resting.find(shot).row for shot in person.clip.shots]
  for place, number in enumerate(person.order):
    which, inside = person.clip.shot_at(int(number))
    if which is None:
      continue
    shot = person.clip.shots[which]
    own = shot.fit.rows[inside]
    rows[place] = own
    mouth = track.coefficients[place, slots] - person.row[slots]
    mouth = mouth + rests[which][slots]
    weight = shot.weight[inside]
    rows[place, slots] = own[slots] + weight * (mouth - own[slots])
  return rows
