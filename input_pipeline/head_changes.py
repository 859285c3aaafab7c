"""Random changes of head motion, where talkers are few, and its liveliness.

Poses are [N, 6]: pitch, yaw and roll in radian, translation in decimetre. The
first is that of the portrait; what comes after it is motion.
"""

import numpy as np

_FASTER, _SLOWER = 1.25, 0.8  # most and least frames in a frame
_LESS, _MORE = 0.2, 3.0  # least and most of the real motion
_ORDINARY = 0.3  # share of the examples whose motion is as large as it was
_MIRRORED = (1, 2, 3)  # yaw, roll and shift to the side
# Liveliness of the calmest and the liveliest style, degrees. Talkers who look
# into the camera have 0.8 to 3.3 on the mean; the liveliest is also as far as a
# single picture should be turned.
_CALMEST, _LIVELIEST = 0.3, 6.0


def times(num_frames: int, room: int, rng: np.random.Generator) -> np.ndarray:
  """Places [N] of frames in a motion that is played faster or slower.

  Args:
    num_frames: N.
    room: Frames that there are, N or more.
    rng: Source of all randomness.

  Returns:
    Places from 0, at most room - 1.
  """
  most = min(_FASTER, (room - 1) / (num_frames - 1))
  return np.arange(num_frames) * rng.uniform(min(_SLOWER, most), most)


def at_times(pose: np.ndarray, times: np.ndarray) -> np.ndarray:
  """Poses [N, 6] between those of frames [T, 6], at places [N]."""
  frames = np.arange(len(pose))
  return np.stack(
    [np.interp(times, frames, channel) for channel in pose.T], axis=1
  ).astype(np.float32)


def changed(
  pose: np.ndarray, num_styles: int, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
  """Motion [N, 6] that is mirrored or not, larger or smaller; and its style.

  Styles go from 1, calm, to the last, lively (`liveliness`). 0 is the style of
  `limited` motion that is as large as it was: however lively people are.
  """
  if rng.random() < 0.5:
    pose = pose.copy()
    pose[:, _MIRRORED] *= -1
  if rng.random() < _ORDINARY:
    return limited(pose), 0
  span = np.log(_LIVELIEST / _CALMEST)
  wanted = _CALMEST * np.exp(rng.uniform(0, span))
  factor = (wanted / max(liveliness(pose), 1e-3)).clip(_LESS, _MORE)
  pose = limited(_larger(pose, factor))
  life = max(liveliness(pose), _CALMEST)
  return pose, 1 + round(
    float(np.log(life / _CALMEST) / span) * (num_styles - 2)
  )


def limited(pose: np.ndarray) -> np.ndarray:
  """Motion [N, 6] that is no livelier than the liveliest style."""
  return _larger(pose, min(_LIVELIEST / max(liveliness(pose), 1e-3), 1.0))


def liveliness(pose: np.ndarray) -> float:
  """How far the head turns from where it was, degrees: root mean square."""
  turns = np.degrees(pose[1:, :3] - pose[:1, :3])
  return float(np.sqrt(np.square(turns).sum(1).mean()))


def _larger(pose: np.ndarray, factor: float) -> np.ndarray:
  return (pose[:1] + factor * (pose - pose[:1])).astype(np.float32)
