"""Whether a track is good enough for a clip, and the measures that decide.

Frames are uint8 [H, W, 3], points as in `faces.landmarks` in their pixels,
boxes (x0, y0, x1, y1). Cheap checks come before the frames are cut
(`of_track`), the others when frames and coefficients are known (`of_clip`).
"""

import numpy as np

from sadtalker_jax.faces import crop
from sadtalker_jax.preparation import options as options_lib
from sadtalker_jax.preparation import rejects
from sadtalker_jax.preparation.input import followed_faces

Reason = rejects.Reason
Finding = tuple[Reason, str]  # the reason, and the figure that decided

_LEAST_FOUND = 0.9  # share of a track's frames that show the face
_CROWDED = 0.2  # other faces in the crop, per look
_PERCENTILE = 95.0  # percentile of the frames that pose and error are judged by


def of_track(
  track: followed_faces.FaceTrack,
  square: crop.IntBox | None,
  options: options_lib.PreparationOptions,
) -> Finding | None:
  """The reason why a track cannot become a clip; None if there is none.

  Args:
    track: Followed face.
    square: Square of the clip, see `region.enlarge`; None if there is none.
    options: Limits.
  """
  frames, (x0, y0, x1, y1) = len(track.points), track.box
  longer = max(x1 - x0, y1 - y0)
  size = f'{int(longer)} pixels' if longer < options.face_pixels else ''
  if frames < options.least_frames:
    return Reason.TOO_SHORT, f'{frames} frames{size and f" of {size}"}'
  if size:
    return Reason.TOO_SMALL, size
  if square is None:
    return Reason.LEAVES_PICTURE, f'{longer:.0f} pixels at {x0:.0f}, {y0:.0f}'
  found = float(track.found.mean())
  if found < _LEAST_FOUND:
    return Reason.FACE_LOST, f'{found:.2f} of the frames'
  others = _others(track.crowd, square) / max(track.looks, 1)
  if others > _CROWDED:
    return Reason.SEVERAL_FACES, f'{others:.2f} others'
  return None


def of_clip(
  sharpness_: float,
  angles: np.ndarray,
  error: np.ndarray,
  options: options_lib.PreparationOptions,
) -> Finding | None:
  """The reason why a clip is not good enough; None if there is none.

  Args:
    sharpness_: Result of `sharpness`.
    angles: [T, 3] angles of the head, radian.
    error: [T] error of the fit, percent; NaN where unknown.
    options: Limits.
  """
  if sharpness_ < options.min_sharpness:
    return Reason.BLURRED, f'sharpness {sharpness_:.1f}'
  turn = np.degrees(np.percentile(np.abs(angles), _PERCENTILE, axis=0))
  if turn[1] > options.max_yaw or turn[0] > options.max_pitch:
    return Reason.TURNED, f'yaw {turn[1]:.0f}, pitch {turn[0]:.0f}'
  known = error[np.isfinite(error)]
  off = float(np.percentile(known, _PERCENTILE)) if len(known) else 0.0
  if off > options.max_error:
    return Reason.BAD_FIT, f'{off:.1f} % of the eye distance'
  return None


def sharpness(frame: np.ndarray, box: crop.Box) -> float:
  """How much fine detail a face shows, percent of its contrast.

  The standard deviation of the Laplacian over that of the brightness, on the
  face alone, in pixels of the frame: an enlarged face is as blurred as one out
  of focus.

  Args:
    frame: uint8 [H, W, 3] frame.
    box: Box of the face.
  """
  height, width = frame.shape[:2]
  x0, y0 = (max(int(v), 0) for v in box[:2])
  x1, y1 = min(int(box[2]), width), min(int(box[3]), height)
  grey = frame[y0:y1, x0:x1].astype(np.float32) @ np.array(
    [0.299, 0.587, 0.114], np.float32
  )
  if min(grey.shape) < 3:
    return 0.0
  centre = 4 * grey[1:-1, 1:-1]
  around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
  contrast = max(float(grey.std()), 1.0)
  return 100 * float((centre - around).std()) / contrast


def _others(crowd: np.ndarray, square: crop.IntBox) -> int:
  """The number of boxes [N, 4] whose middle lies in the square."""
  x0, y0, x1, y1 = square
  x, y = (crowd[:, 0] + crowd[:, 2]) / 2, (crowd[:, 1] + crowd[:, 3]) / 2
  return int(((x0 < x) & (x < x1) & (y0 < y) & (y < y1)).sum())
