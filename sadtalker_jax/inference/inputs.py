"""What a clip is made of, checked where it enters: a picture and a recording.

Files and arrays meet the same limits, whoever gives them: the command line, a
manifest, or a program.
"""

import fractions
import os
from typing import NamedTuple, TypeAlias

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.media import audio as audio_lib
from sadtalker_jax.media import encoder, recordings, resampling, samples
from sadtalker_jax.media import image as image_lib
from sadtalker_jax.media import video as video_lib
from sadtalker_jax.ops import mel, waves

Path: TypeAlias = str | os.PathLike[str]
Picture: TypeAlias = Path | np.ndarray
# Sound: a file, or samples with their rate, see `media.samples`.
Sound: TypeAlias = Path | tuple[np.ndarray, int]


class Heard(NamedTuple):
  """A recording that was checked."""

  wave: waves.Wave  # [L] at 16 kHz, what moves the lips
  source: encoder.Sound | None  # what a video gets as its sound


def check_sound(is_given: bool, options: options_lib.Options) -> None:
  """Refuses a clip that nothing moves, or two things at once.

  Raises:
    InputError: there is no recording, and nothing stands for it; or there is
      one, and the clip shall be idle.
  """
  if is_given and options.idle is not None:
    raise errors.InputError('idle: expected no recording beside it')
  if is_given and options.speakers is not None:
    raise errors.InputError('speakers: expected no recording beside them')
  stand_ins = (options.idle, options.drive, options.ref_pose, options.speakers)
  if not is_given and not any(value is not None for value in stand_ins):
    raise errors.InputError(
      'audio: expected a recording, or one of idle, drive, ref_pose and '
      'speakers; found none'
    )


def heard(given: Sound | None, options: options_lib.Options) -> Heard | None:
  """The sound of a clip; None where its length is that of a video.

  Args:
    given: Recording; None for a clip that is idle or follows a video.
    options: Choice of the track, and what may stand for a recording.

  Raises:
    InputError: as `check_sound`; it cannot be read, or is no sound.
  """
  if options.keep_background_sound:
    raise errors.InputError(
      'keep_background_sound: expected with a video as the source only'
    )
  check_sound(given is not None, options)
  if given is not None:
    return sound(given, options.audio_track)
  if options.idle is None:
    return None
  length = max(1, round(options.idle * conventions.SAMPLE_RATE))
  return Heard(np.zeros(length, np.float32), None)


def beside_video(
  options: options_lib.Options, num_frames: int, fps: fractions.Fraction
) -> Heard:
  """The sound of a clip that follows a video: the video's own, if driven by it.

  Args:
    options: The videos, and which sound track.
    num_frames: Frames of the video, at the clip's rate.
    fps: Frames per second of the clip.

  Raises:
    InputError: the video has no such track.
  """
  wave = np.zeros(mel.num_samples(num_frames, fps), np.float32)
  path, track = options.drive, options.audio_track
  if path is None or (track is None and not video_lib.probe(path).has_audio):
    return Heard(wave, None)
  return Heard(wave, recordings.examine(path, track))


def sound(given: Sound, track: int | None = None) -> Heard:
  """The sound of a clip.

  Args:
    given: Sound file, or a pair of samples and rate.
    track: Number of the sound track of a file, from 0; None for the best one.

  Raises:
    InputError: it cannot be read, or is no sound.
  """
  if isinstance(given, (str, os.PathLike)):
    recording = recordings.examine(given, track)
    return Heard(audio_lib.stored(recording), recording)
  wave, rate = samples.checked(given)
  pieces = resampling.resampled(
    iter([samples.mono(wave)]), rate, conventions.SAMPLE_RATE, 1
  )
  return Heard(np.concatenate(list(pieces), axis=1)[0], (wave, rate))


def given_files(
  image: Picture, audio: Sound | None, options: options_lib.Options
) -> dict[str, Path]:
  """Files that a clip is made of, by what they are; arrays are none."""
  given = {
    'portrait': image,
    'recording': audio,
    'head motion': options.ref_pose,
    'blinks': options.ref_eyeblink,
    'motion': options.drive,
    **{f'recording {face}': path for face, path in options.speakers or ()},
  }
  return {
    role: value
    for role, value in given.items()
    if isinstance(value, (str, os.PathLike))
  }


def picture(given: Picture) -> np.ndarray:
  """The picture of a clip, RGB [H, W, 3] uint8.

  Args:
    given: Picture file, video (whose first frame is taken), or the array.

  Raises:
    InputError: it cannot be read, or is no picture.
  """
  if isinstance(given, (str, os.PathLike)):
    return image_lib.load_first_frame(given)
  return image_lib.checked(given)
