"""The puppet's portrait: its fitted face, and the window that is animated.

Conventions: those of `inference.portrait`; frame points are pixels of the
rendered frame, texture points are frame points plus `margin`.
"""

import dataclasses
import fractions
import hashlib

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.face3d import alignment, coeffs
from sadtalker_jax.face3d.fitting import landmark_fit
from sadtalker_jax.faces import crop, landmarks
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.inference.puppet import lip_line
from sadtalker_jax.media import video
from sadtalker_jax.ops import resize

MARGIN = 0.25  # texture around the canvas, share of its longer side
CANVAS_STEP = 64  # pixels; few sizes of canvas, few compilations
# Pasted windows reach this much beyond the crop on every side, so that the
# motion can fade out before the window's border.
PASTE_GROWTH = 0.35


@dataclasses.dataclass(frozen=True)
class FittedPortrait:
  """A portrait before any motion: picture, fitted face, window, texture."""

  picture: np.ndarray  # [H, W, 3] uint8
  landmarks: np.ndarray  # [478, 3] picture points
  identity: np.ndarray  # [80]
  row: np.ndarray  # [70] coefficients
  trans: alignment.TransParams
  fit_error: float  # mean landmark error, percent of the inter-ocular distance
  window: portrait_lib.Window
  margin: np.ndarray  # [2] texture pixels left of and above the frame
  texture: np.ndarray  # [Ht, Wt, 3] float32, 0..255; canvas and margin

  @property
  def canvas_size(self) -> tuple[int, int]:
    """Width and height that are drawn; the frame is the upper left part."""
    height, width = self.texture.shape[:2]
    return width - 2 * int(self.margin[0]), height - 2 * int(self.margin[1])

  @property
  def frame_size(self) -> tuple[int, int]:
    """Width and height of the frames."""
    return self.window.frame_size

  @property
  def pinned(self) -> tuple[bool, bool, bool, bool]:
    """Sides of the frame that must not move: left, top, right, bottom."""
    return self.window.pinned

  def to_frame(self, points: np.ndarray) -> np.ndarray:
    """Picture points [..., 2] as frame points."""
    x0, y0, x1, y1 = self.window.box
    width, height = self.window.frame_size
    scale = np.array([width / (x1 - x0), height / (y1 - y0)])
    return (points - np.array([x0, y0])) * scale

  def measured(self) -> portrait_lib.MeasuredFace:
    """The face as it was fitted, in the picture."""
    parts = coeffs.from_row(self.identity, self.row)
    vector = np.asarray(coeffs.join(parts))
    return portrait_lib.MeasuredFace(self.picture, vector, self.trans)


def prepare(
  picture: np.ndarray, bundle: bundle_lib.Bundle, options: options_lib.Options
) -> FittedPortrait:
  """Finds and fits the face of a portrait.

  Args:
    picture: [H, W, 3] uint8 RGB.
    bundle: Detector, landmark networks and face model.
    options: Choice of the face and the window.

  Raises:
    InputError: there is no such face, or it is too small or unclear.
  """
  height, width = picture.shape[:2]
  points = portrait_lib.locate(picture, bundle, options)
  fit = landmark_fit.fit_image(points, (width, height), bundle.model)
  window = _window(points, (width, height), options)
  canvas = tuple(-(-n // CANVAS_STEP) * CANVAS_STEP for n in window.frame_size)
  margin = round(MARGIN * max(canvas))
  x0, y0, x1, y1 = window.box
  dx = (x1 - x0) / window.frame_size[0]  # picture pixels per frame pixel
  dy = (y1 - y0) / window.frame_size[1]
  texture = resize.window(
    picture,
    (
      x0 - margin * dx,
      y0 - margin * dy,
      x0 + (canvas[0] + margin) * dx,
      y0 + (canvas[1] + margin) * dy,
    ),
    (canvas[0] + 2 * margin, canvas[1] + 2 * margin),
  )
  # The fit has seen plain landmarks; the surface meets lips as they are seen.
  scale, shift = np.array([dx, dy]), np.array([x0, y0])
  lips = lip_line.met((points[:, :2] - shift) / scale + margin, texture)
  points = points.copy()
  points[:, :2] = (lips - margin) * scale + shift
  return FittedPortrait(
    picture=picture,
    landmarks=points,
    identity=fit.identity,
    row=fit.rows[0],
    trans=fit.trans,
    fit_error=float(fit.error[0]),
    window=window,
    margin=np.array([margin, margin]),
    texture=texture,
  )


def key(picture: np.ndarray, options: options_lib.Options) -> bytes:
  """A hash of all that `prepare` makes a portrait of, beside the bundle."""
  chosen = options.box, options.face_index, options.preprocess, options.size
  found = hashlib.sha256(repr((picture.shape, chosen)).encode())
  found.update(picture.tobytes())
  return found.digest()


def _window(
  points: np.ndarray, size: tuple[int, int], options: options_lib.Options
) -> portrait_lib.Window:
  """The window of a preprocess mode, for landmarks [478, 3].

  A crop is rendered with `options.size` pixels along its width. A window that
  is pasted back is rendered at the picture's own resolution, at most twice that
  of the crop, so that it is not blurred beside its surroundings.
  """
  mode = options.preprocess
  width, height = size
  info = crop.crop_box(landmarks.to_68(points), size, mode)
  x0, y0, x1, y1 = (float(v) for v in info.box)
  scale = options.size / (x1 - x0)
  paste = options.is_pasted
  if paste:
    grow = PASTE_GROWTH * max(x1 - x0, y1 - y0)
    x0, y0 = max(x0 - grow, 0.0), max(y0 - grow, 0.0)
    x1, y1 = min(x1 + grow, width), min(y1 + grow, height)
    x0, y0, x1, y1 = (float(round(v)) for v in (x0, y0, x1, y1))
    scale = min(1.0, 2.0 * scale)
  frame = (
    max(2, round((x1 - x0) * scale)),
    max(2, round((y1 - y0) * scale)),
  )
  # A side where the picture ends has nothing to show behind it, and one that is
  # pasted must meet what is around.
  reach = MARGIN * 0.5 * max(x1 - x0, y1 - y0)
  ends = (x0 < reach, y0 < reach, width - x1 < reach, height - y1 < reach)
  return portrait_lib.Window(
    (x0, y0, x1, y1),
    frame,
    (True,) * 4 if paste else ends,
    paste,
  )


def video_rows(
  path: video.Path,
  fps: fractions.Fraction,
  bundle: bundle_lib.Bundle,
) -> np.ndarray:
  """Coefficients [T, 70] of the face in a video.

  Args:
    path: Video file.
    fps: Frames per second of the result.
    bundle: Landmark networks and face model.

  Raises:
    InputError: the file is no video, or shows no face.
  """
  with video.VideoReader(path) as reader:
    frames = reader.frames(fps=fps)
    points, _, found = bundle.landmarker.track(frames)
    size = reader.size
  if not found.any():
    raise errors.InputError(f'{path}: expected a face, found none')
  return landmark_fit.fit_video(
    points, found, size, float(fps), bundle.model
  ).rows
