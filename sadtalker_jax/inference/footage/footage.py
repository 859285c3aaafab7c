"""A clip is read, followed, and given another voice's mouth.

One person says a recording, or several people one each (`people` says who is
who); all others keep their own faces.
"""

from collections.abc import Mapping
import pathlib

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.faces import crop
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import inputs, tracks
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.footage import (
  following,
  footage_drawer,
  footage_portrait,
  people,
  people_drawer,
  person,
  revoiced,
)
from sadtalker_jax.media import encoder, mixing

_BACKGROUND = 0.25  # of the video's own sound, where it is kept: -12 dB
# Options of one face, or of one recording.
_OF_ONE = ('face_index', 'box', 'audio_track')
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
  'idle',
  'emotion',
  'gaze',
  'blink_rate',
  'keyframes',
  'release_chunks',
  'release_crop',
  'face3dvis',
)


def check(is_given: bool, options: options_lib.Options) -> None:
  """Refuses options that mean nothing for a video, and one without a voice.

  Args:
    is_given: Whether there is a recording.
    options: Choices.

  Raises:
    InputError: there is such an option; or there is no recording, or one
      beside those of speakers.
  """
  if not is_given and options.speakers is None:
    raise errors.InputError('audio: expected with a video, found none')
  if options.speakers is not None:
    inputs.check_sound(is_given, options)
    for spec in options_lib.chosen(options, _OF_ONE):
      raise errors.InputError(f'{spec.name}: expected without speakers')
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


def animation(
  path: inputs.Path,
  heard: inputs.Heard,
  motion: tracks.Motion,
  bundle: bundle_lib.Bundle,
  options: options_lib.Options,
) -> revoiced.Revoiced:
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
  reader, fps = person.opened(path, options)
  seconds = len(heard.wave) / conventions.SAMPLE_RATE
  frames = person.followed(reader, fps, seconds)
  try:
    if options.box is not None:
      crop.check_box(options.box, reader.size)
    clip = following.follow(frames, float(fps), bundle, options)
    footage_drawer.check_size([clip])
  except errors.InputError as error:
    raise errors.InputError(f'{path}: {error}') from error
  (one,) = person.portraits(reader, fps, [clip], seconds, options.end)
  return revoiced.Revoiced(
    one,
    tracks.still(_rows(one, heard.wave[:], motion, bundle, options)),
    fps,
    _sound(path, [heard.source], options),
    footage_drawer.FootageDrawer(bundle.model),
    options.batch_size,
  )


def several(
  path: inputs.Path,
  motion: tracks.Motion,
  bundle: bundle_lib.Bundle,
  options: options_lib.Options,
) -> revoiced.Revoiced:
  """A film whose people say a recording each, ready to be drawn.

  All recordings begin together; the result is as long as the longest.

  Args:
    path: Video file.
    motion: What moves the lips, in the basis of the packaged head.
    bundle: Landmark networks and head model.
    options: Choices that passed `check`; `speakers` says who says what.

  Raises:
    InputError: the file is no video, shows no such person, or a recording
      cannot be read.
  """
  speakers = dict(options.speakers or ())
  waves = {face: inputs.sound(file).wave[:] for face, file in speakers.items()}
  longest = max(map(len, waves.values()))
  reader, fps = person.opened(path, options)
  seconds = longest / conventions.SAMPLE_RATE
  frames = person.followed(reader, fps, seconds)
  try:
    film = people.follow(frames, float(fps), bundle)
    clips = _clips(film, speakers, float(fps), bundle)
    footage_drawer.check_size(clips)
  except errors.InputError as error:
    raise errors.InputError(f'{path}: {error}') from error
  members = person.portraits(reader, fps, clips, seconds, options.end)
  rows = []
  for member, wave in zip(members, waves.values(), strict=True):
    wave = np.pad(wave, (0, longest - len(wave)))
    rows.append(_rows(member, wave, motion, bundle, options))
  return revoiced.Revoiced(
    people_drawer.PeoplePortrait(tuple(members)),
    tracks.still(np.stack(rows, axis=1)),
    fps,
    _sound(path, list(speakers.values()), options),
    people_drawer.PeopleDrawer(bundle.model),
    options.batch_size,
  )


def _clips(
  film: people.Film,
  speakers: Mapping[int, pathlib.Path],
  fps: float,
  bundle: bundle_lib.Bundle,
) -> list[following.Clip]:
  """The film as each of the speakers is followed through it."""
  count = len(film.people)
  for face in speakers:
    if face >= count:
      raise errors.InputError(
        f'speakers: expected faces 0 to {count - 1}, found {face}; '
        '--list_faces shows them'
      )
  return [
    people.clip(film, film.people[face], fps, bundle.model) for face in speakers
  ]


def _rows(
  one: footage_portrait.FootagePortrait,
  wave: np.ndarray,
  motion: tracks.Motion,
  bundle: bundle_lib.Bundle,
  options: options_lib.Options,
) -> np.ndarray:
  """The rows [T, 70] of a person who says a recording [L]."""
  track = motion.track(
    wave,
    source=one.row,
    num_frames=len(one.order),
    fps=one.fps,
    options=tracks.MotionOptions(
      seed=options.seed, expression_scale=options.expression_scale
    ),
  )
  return person.voiced(one, track, bundle.model)


def _sound(
  path: inputs.Path,
  given: list[encoder.Sound | pathlib.Path | None],
  options: options_lib.Options,
) -> encoder.Sound | None:
  """The sound of a clip: recordings, and the video's own if it is kept."""
  if len(given) == 1 and options.speakers is None:
    if not options.keep_background_sound:
      return given[0]
  parts = [mixing.loaded(sound) for sound in given if sound is not None]
  if options.keep_background_sound:
    parts.append(_BACKGROUND * mixing.loaded(path))
  return mixing.mixed(parts), mixing.RATE
