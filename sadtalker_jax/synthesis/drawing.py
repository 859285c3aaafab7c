"""Draws clips: the packaged portrait, or random heads (`heads`), that speak."""

from collections.abc import Sequence
import dataclasses
from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d import alignment, camera, coeffs
from sadtalker_jax.face3d.bases import makehuman, morphable
from sadtalker_jax.faces import crop
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as inference_options
from sadtalker_jax.inference import pipeline, tracks
from sadtalker_jax.inference.motion.phonetic import phonetic_motion
from sadtalker_jax.media import image
from sadtalker_jax.preparation.clip import region
from sadtalker_jax.preparation.input import followed_faces
from sadtalker_jax.synthesis import heads, voices

_EVERY = 4  # the last clip of so many is the portrait; the others are one head
_MARGIN = 0.25  # around the portrait's face: heads move
_TURN = (8.0, 20.0, 6.0)  # pitch, yaw, roll that heads look aside, degrees

Rng = np.random.Generator


class DrawnClip(NamedTuple):
  """A clip, before it is written."""

  speaker: str
  frames: np.ndarray  # uint8 [T, S, S, 3]
  coefficients: np.ndarray  # float32 [T, 257]
  trans: alignment.TransParams  # alignment of the frames
  landmarks: np.ndarray  # float32 [T, 68, 2]
  wave: np.ndarray  # float32 [640 T]


@dataclasses.dataclass(frozen=True)
class DrawingTask:
  """A clip that is to be drawn."""

  number: int
  seed: int

  def key(self, digest: str) -> str:
    """The name of its part.

    Args:
      digest: Hash of the options.
    """
    return f'synthetic-{self.seed}-{self.number:06d}-{digest}'


class ClipArtist:
  """Draws clips; holds the models, portrait and speech that they share."""

  def __init__(self, size: int, recordings: Sequence[np.ndarray]):
    """Loads face model and portrait.

    Args:
      size: Side of the frames, pixels.
      recordings: What is said: [L] each, at 16 kHz.
    """
    self._size = size
    self._model = makehuman.load()
    self._animator = pipeline.Animator(bundle_lib.load())
    self._recordings = recordings
    self._portrait = _portrait_square(size)

  def draw(self, task: DrawingTask) -> DrawnClip:
    """The clip of a task."""
    rng = np.random.default_rng([task.seed, task.number])
    wave = voices.piece(self._recordings, rng)
    if task.number % _EVERY == _EVERY - 1:
      return self._puppet(wave, rng)
    return self._head(wave, task, rng)

  def _puppet(self, wave: np.ndarray, rng: Rng) -> DrawnClip:
    size = self._size
    clip = self._animator.animate(
      self._portrait,
      (wave, conventions.SAMPLE_RATE),
      inference_options.Options(
        preprocess='resize',
        size=size,
        seed=int(rng.integers(1 << 30)),
        pose_style=int(rng.integers(conventions.NUM_STYLES)),
        motion='phonetic',
        renderer='puppet',
      ),
    )
    measured = clip.portrait.measured()
    frames = np.concatenate(list(clip.batches()))
    # The square portrait is the frame, so one factor is all there is.
    own, factor = measured.trans, size / len(self._portrait)
    trans = alignment.TransParams(
      size, size, own.scale / factor, own.tx * factor, own.ty * factor
    )
    identity = measured.coefficients[conventions.IDENTITY]
    rows = coeffs.from_row(identity, clip.track)
    vectors = np.asarray(coeffs.join(rows), np.float32)
    points = _landmarks(self._model, vectors, trans)
    return DrawnClip('portrait', frames, vectors, trans, points, wave)

  def _head(self, wave: np.ndarray, task: DrawingTask, rng: Rng) -> DrawnClip:
    group = task.number // _EVERY
    head = heads.Head(self._model, np.random.default_rng([task.seed, group, 1]))
    rest = np.zeros(conventions.ROW_SIZE, np.float32)
    rest[conventions.ROW_EXPRESSION] = heads.resting_face(rng)
    rest[conventions.ROW_ANGLES] = np.radians(rng.uniform(-1, 1, 3) * _TURN)
    track = phonetic_motion.PhoneticMotion().track(
      wave,
      source=rest,
      num_frames=len(wave) // conventions.SAMPLES_PER_FRAME,
      fps=conventions.FRAME_RATE,
      options=tracks.MotionOptions(
        seed=int(rng.integers(1 << 30)),
        pose_style=int(rng.integers(conventions.NUM_STYLES)),
      ),
    )
    rows = track.coefficients
    frames, vectors, trans, points = head.draw(rows, self._size, rng)
    return DrawnClip(f'head{group:04d}', frames, vectors, trans, points, wave)


def _portrait_square(size: int) -> np.ndarray:
  """The packaged portrait, cut to a square around its face."""
  bundle = bundle_lib.load()
  picture = image.load(bundle_lib.SAMPLE_PORTRAIT)
  found = bundle.landmarker.detect(picture, bundle.detector.detect(picture)[0])
  whole = (picture.shape[1], picture.shape[0])
  square = region.enlarge(
    followed_faces.box_of(found.points), whole, margin=_MARGIN, strict=False
  )
  assert square is not None  # the packaged picture has room
  return crop.resize_to(picture, square, size)


def _landmarks(
  model: morphable.MorphableModel,
  vectors: np.ndarray,
  trans: alignment.TransParams,
) -> np.ndarray:
  """The model's 68 points [T, 68, 2] in the frames of coefficients [T, 257]."""
  own = coeffs.split(vectors)
  mean, identity, expression = (
    np.asarray(part)
    for part in morphable.restrict(
      model, model.landmark_ids, model.landmark_weights
    )
  )
  points = (
    mean
    + np.tensordot(own.identity, identity, 1)
    + np.tensordot(own.expression, expression, 1)
  )
  posed = camera.transform(points, own.angles, own.translation)
  return np.asarray(camera.project_to_picture(posed, trans))[..., :2]
