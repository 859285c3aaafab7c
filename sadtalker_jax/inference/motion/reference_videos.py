"""Reference videos: clips whose motion, head or eyes an animation has."""

from collections.abc import Callable
import pathlib
from typing import NamedTuple

import numpy as np

from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import tracks

# A video to coefficients [T, 70] of its face, at the frame rate of the result.
Measure = Callable[[pathlib.Path], np.ndarray]


class References(NamedTuple):
  """Coefficients [T, 70] of the faces of videos; None where none is asked for.

  Each has a length of its own.
  """

  drive: np.ndarray | None
  pose: np.ndarray | None
  eyeblink: np.ndarray | None

  @property
  def leading(self) -> np.ndarray:
    """The video whose length a clip without a recording has."""
    leading = self.drive if self.drive is not None else self.pose
    assert leading is not None, 'neither drives'
    return leading

  def motion_options(
    self, options: options_lib.Options, *, glances: bool
  ) -> tracks.MotionOptions:
    """The choices of `options` about motion.

    Args:
      options: Options of the animation.
      glances: Whether the eyes may wander.
    """
    return tracks.MotionOptions(
      seed=options.seed,
      pose_style=options.pose_style,
      expression_scale=options.expression_scale,
      still=options.still,
      blink=options.blink,
      blink_rate=options.blink_rate,
      glances=glances,
      ref_pose=self.pose,
      ref_eyeblink=self.eyeblink,
      input_yaw=options.input_yaw,
      input_pitch=options.input_pitch,
      input_roll=options.input_roll,
      release_chunks=options.release_chunks,
    )


def measured(options: options_lib.Options, measure: Measure) -> References:
  """The reference videos of `options`.

  Args:
    options: Options of the animation.
    measure: Function from a video to its track; called once for each video.

  Raises:
    InputError: a file is no video, or shows no face.
  """
  paths = options.drive, options.ref_pose, options.ref_eyeblink
  found = {path: measure(path) for path in dict.fromkeys(paths) if path}
  return References(*(found.get(path) if path else None for path in paths))
