"""A clip is read, followed, and given another voice's mouth.

What stays of a frame: head pose, eyes, brows, cheeks, light and background.
Jaw and lips begin from the resting mouth of the shot, see `resting`.
"""

import dataclasses
import fractions
from typing import Self

from absl import logging
import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference import animation as animation_lib
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import inputs, tracks
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.footage import (
  following,
  footage_drawer,
  footage_portrait,
  frame_order,
  resting,
  shot_rig,
)
from sadtalker_jax.marking import statements
from sadtalker_jax.media import encoder, mixing, video

_BACKGROUND = 0.25  # of the video's own sound, where it is kept: -12 dB
# Options that say how a picture moves, or how it is drawn.
_OF_PICTURES = (
  'background',
  'background_image',
  'preprocess',
  'size',
  'pose_style',
  'still',
  'blink',
  'input_yaw',
  'input_pitch',
  'input_roll',
  'ref_pose',
  'ref_eyeblink',
  'drive',
  'speakers',
  'idle',
  'emotion',
  'gaze',
  'blink_rate',
  'keyframes',
  'release_chunks',
  'release_crop',
  'face3dvis',
)


def check(options: options_lib.Options) -> None:
  """Refuses options that mean nothing for a video.

  Raises:
    InputError: there is one.
  """
  for spec in options_lib.chosen(options, _OF_PICTURES):
    raise errors.InputError(
      f'{spec.flag or spec.name}: expected with a picture only, found a video '
      'as the source, which keeps its own head, eyes and size'
    )
  if options.renderer not in (options_lib.AUTO, 'puppet'):
    raise errors.InputError(
      "renderer: expected 'puppet' with a video as the source, found "
      f'{options.renderer!r}'
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Revoiced(animation_lib.Animation):
  """A re-voiced clip; its portrait has a frame for every frame."""

  portrait: footage_portrait.FootagePortrait

  @property
  def source_type(self) -> str:
    """Word of IPTC: a recording, a part of which was generated."""
    return statements.COMPOSITE

  def only(self, places: np.ndarray) -> Self:
    """The clip with some of its frames, numbers [k] in order."""
    few = super().only(places)
    order = self.portrait.order[places]
    portrait = dataclasses.replace(self.portrait, order=order)
    return dataclasses.replace(few, portrait=portrait)


def animation(
  path: inputs.Path,
  heard: inputs.Heard,
  motion: tracks.Motion,
  bundle: bundle_lib.Bundle,
  options: options_lib.Options,
) -> Revoiced:
  """A clip whose person says a recording, ready to be drawn.

  Args:
    path: Video file.
    heard: The recording.
    motion: What moves the lips, in the basis of the packaged head.
    bundle: Landmark networks and head model.
    options: Choices that passed `check`.

  Raises:
    InputError: the file is no video, or shows no face that is large enough.
  """
  seconds = len(heard.wave) / conventions.SAMPLE_RATE
  person = _person(path, seconds, bundle, options)
  track = motion.track(
    heard.wave,
    source=person.row,
    num_frames=len(person.order),
    fps=person.fps,
    options=tracks.MotionOptions(
      seed=options.seed, expression_scale=options.expression_scale
    ),
  )
  return Revoiced(
    person,
    _voiced(person, track, bundle.model),
    person.fps,
    _sound(path, heard, options),
    footage_drawer.FootageDrawer(bundle.model),
    options.batch_size,
  )


def _sound(
  path: inputs.Path, heard: inputs.Heard, options: options_lib.Options
) -> encoder.Sound | None:
  """The sound of a clip: the recording, and the video's own if it is kept."""
  if not options.keep_background_sound:
    return heard.source
  if not video.probe(path).has_audio:
    raise errors.InputError(
      f'keep_background_sound: expected a video with sound, found {path}'
    )
  assert heard.source is not None
  own = _BACKGROUND * mixing.loaded(path)
  return mixing.mixed([mixing.loaded(heard.source), own]), mixing.RATE


def _person(
  path: inputs.Path,
  seconds: float,
  bundle: bundle_lib.Bundle,
  options: options_lib.Options,
) -> footage_portrait.FootagePortrait:
  """The person of a clip.

  Args:
    path: Video file.
    seconds: Length of the voice.
    bundle: Landmark networks and face model.
    options: Choice of the face, rate, and end.

  Raises:
    InputError: the file is no video, or shows no face that is large enough.
  """
  reader = video.VideoReader(path)
  if reader.info.hdr is not None:
    logging.warning(
      '%s: HDR (%s): colours are taken as they are, without tone mapping, and '
      'become paler in the result, which is SDR',
      path,
      reader.info.hdr,
    )
  fps = video.as_rate(options.fps or reader.fps)
  try:
    clip = following.follow(reader.frames(fps=fps), float(fps), bundle, options)
    footage_drawer.check_size(clip)
  except errors.InputError as error:
    raise errors.InputError(f'{path}: {error}') from error
  wanted = max(1, round(seconds * float(fps)))
  picture, references = _references(reader, fps, clip)
  return footage_portrait.FootagePortrait(
    picture,
    resting.find(clip.longest).row,
    clip,
    references,
    reader,
    fps,
    frame_order.order(clip.num_frames, wanted, options.end),
  )


def _references(
  reader: video.VideoReader, fps: fractions.Fraction, clip: following.Clip
) -> tuple[np.ndarray, list[shot_rig.References]]:
  """A frame of the longest shot, and what the rigs of all shots are made of."""
  kept = []
  for shot in clip.shots:
    rest = resting.find(shot)
    kept += [(shot, int(rest.frames[0])), (shot, rest.open)]
  numbers = np.array([shot.first + place for shot, place in kept])
  seen: dict[int, np.ndarray] = {}
  order = np.argsort(numbers, kind='stable')
  longest = clip.longest
  frames = frame_order.read(reader, fps, numbers[order])
  for which, frame in zip(order, frames, strict=True):
    seen[which] = shot_rig.lower_face(kept[which][0], frame, kept[which][1])
    if which % 2 == 0 and kept[which][0] is longest:
      picture = frame
  return picture, [
    shot_rig.References(seen[which], seen[which + 1])
    for which in range(0, len(kept), 2)
  ]


def _voiced(
  person: footage_portrait.FootagePortrait,
  track: tracks.Track,
  model: morphable.MorphableModel,
) -> tracks.Track:
  """The frames' own rows with the mouth of a track.

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
  return tracks.still(rows)
