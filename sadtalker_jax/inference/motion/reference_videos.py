"""Reference videos: clips whose head motion or eyes an animation has."""

from collections.abc import Callable
import pathlib

import numpy as np

from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import tracks

# A video to coefficients [T, 70] of its face, at the frame rate of the result.
Measure = Callable[[pathlib.Path], np.ndarray]


def motion_options(
  options: options_lib.Options, measure: Measure
) -> tracks.MotionOptions:
  """The choices of `options` about motion, with reference videos measured.

  Args:
    options: Options of the animation.
    measure: Function from a video to its track; called once for each video.

  Raises:
    InputError: a file is no video, or shows no face.
  """
  found = {
    path: measure(path)
    for path in dict.fromkeys((options.ref_pose, options.ref_eyeblink))
    if path is not None
  }

  def track(path: pathlib.Path | None) -> np.ndarray | None:
    return None if path is None else found[path]

  return tracks.MotionOptions(
    seed=options.seed,
    pose_style=options.pose_style,
    expression_scale=options.expression_scale,
    still=options.still,
    blink=options.blink,
    ref_pose=track(options.ref_pose),
    ref_eyeblink=track(options.ref_eyeblink),
    input_yaw=options.input_yaw,
    input_pitch=options.input_pitch,
    input_roll=options.input_roll,
    release_chunks=options.release_chunks,
  )
