"""What a clip is made of, checked where it enters: a picture and a recording.

Files and arrays meet the same limits, whoever gives them: the command line, a
manifest, or a program.
"""

import os
from typing import NamedTuple, TypeAlias

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.media import audio as audio_lib
from sadtalker_jax.media import encoder, recordings, resampling, samples
from sadtalker_jax.media import image as image_lib

Path: TypeAlias = str | os.PathLike[str]
Picture: TypeAlias = Path | np.ndarray
# Sound: a file, or samples with their rate, see `media.samples`.
Sound: TypeAlias = Path | tuple[np.ndarray, int]


class Heard(NamedTuple):
  """A recording that was checked."""

  wave: np.ndarray  # [L] at 16 kHz, what moves the lips
  source: encoder.Sound  # what a video gets as its sound


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
    return Heard(audio_lib.load(recording), recording)
  wave, rate = samples.checked(given)
  pieces = resampling.resampled(
    iter([samples.mono(wave)]), rate, conventions.SAMPLE_RATE, 1
  )
  return Heard(np.concatenate(list(pieces), axis=1)[0], (wave, rate))


def given_files(
  image: Picture, audio: Sound, options: options_lib.Options
) -> dict[str, Path]:
  """Files that a clip is made of, by what they are; arrays are none."""
  given = {
    'portrait': image,
    'recording': audio,
    'head motion': options.ref_pose,
    'blinks': options.ref_eyeblink,
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
