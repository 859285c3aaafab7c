"""The teacher of ExpNet: Wav2Lip's video of the first frame (method 3.5).

Wav2Lip (non-GAN weights) moves the lips of frame 0 to the clip's sound; the
head does not move, so frame 0's landmarks align all pictures, and only the
lips of the coefficients change. Sound and lips are aligned as in Wav2Lip's
training, 3.2 (t - 1) mel frames, so that the lips are true in time.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.faces import crop, landmarks, mesh
from sadtalker_jax.models.experts import wav2lip
from sadtalker_jax.ops import mel as mel_lib
from sadtalker_jax.preparation import experts as experts_lib
from sadtalker_jax.preparation.clip import features
from sadtalker_jax.preparation.input import followed_faces
from sadtalker_jax.typing import Variables

_BATCH = experts_lib.BATCH
_BELOW = (
  10 / 256
)  # share of the frame that the box grows downwards (method 7.5)


def expression(
  frame: np.ndarray,
  points: np.ndarray,
  sound: np.ndarray,
  count: int,
  experts: experts_lib.MeasuringNetworks,
) -> np.ndarray:
  """Lip-only expressions.

  Args:
    frame: uint8 [S, S, 3] frame 0.
    points: [478, 3] landmarks of frame 0.
    sound: int16 [640 T] sound of the clip.
    count: T, number of frames.
    experts: Networks, wav2lip among them, and the face model.

  Returns:
    float32 [T, 64] expressions.
  """
  assert experts.wav2lip is not None
  box = _box(points, len(frame))
  drawn = _draw(frame, box, _windows(sound, count), experts.wav2lip)
  x0, y0, x1, y1 = box
  rows = []
  all_points = []
  for start in range(0, count, _BATCH):
    pictures = np.repeat(frame[None], len(drawn[start : start + _BATCH]), 0)
    for picture, face in zip(pictures, drawn[start:], strict=False):
      picture[y0:y1, x0:x1] = crop.resize_plain(face, (x1 - x0, y1 - y0))
    if experts.recon is None:
      squares = [mesh.square_of_mesh(points)] * len(pictures)
      found = experts.landmarker.in_squares(
        list(pictures), squares, batch=_BATCH
      )
      all_points += [face.points for face in found]
    else:
      same = np.repeat(
        landmarks.to_68(points)[None, :, :2], len(pictures), axis=0
      )
      row, _ = experts.recon.coefficients(list(pictures), same)
      rows.append(row[:, conventions.EXPRESSION])
  if experts.recon is None:
    fit = features.fitted(
      np.stack(all_points), np.ones(count, bool), len(frame), experts
    )
    return np.ascontiguousarray(fit.coefficients[:, conventions.EXPRESSION])
  return np.concatenate(rows)


def _box(points: np.ndarray, size: int) -> crop.IntBox:
  """The box of the face that Wav2Lip redraws, whole pixels of the frame."""
  x0, y0, x1, y1 = followed_faces.box_of(points)
  left, top = max(int(x0), 0), max(int(y0), 0)
  right = min(int(x1), size)
  bottom = min(int(y1 + _BELOW * size), size)
  return left, top, max(right, left + 2), max(bottom, top + 2)


def _windows(sound: np.ndarray, count: int) -> np.ndarray:
  """Log-mel windows [T, 80, 16, 1] in the alignment of training."""
  wave = sound.astype(np.float32) / 32768
  spectrogram = np.asarray(mel_lib.log_mel(wave, 'reflect'))
  # 3.2 (t - 1), towards zero, as whole numbers.
  ahead = 16 * (np.arange(count) - 1)
  starts = np.sign(ahead) * (np.abs(ahead) // 5)
  rows = starts[:, None] + np.arange(mel_lib.WINDOW)
  rows = rows.clip(0, len(spectrogram) - 1)
  return spectrogram[rows].transpose(0, 2, 1)[..., None]


def _draw(
  frame: np.ndarray,
  box: crop.IntBox,
  windows: np.ndarray,
  teacher: experts_lib.Teacher,
) -> np.ndarray:
  """Faces uint8 [T, 96, 96, 3], RGB."""
  x0, y0, x1, y1 = box
  side = wav2lip.FACE_SIZE
  face = crop.resize_plain(frame[y0:y1, x0:x1], (side, side))[..., ::-1]
  faces = np.repeat(face[None].astype(np.float32) / 255, _BATCH, 0)
  drawn = []
  for start in range(0, len(windows), _BATCH):
    part = windows[start : start + _BATCH]
    missing = _BATCH - len(part)
    part = np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0)), mode='edge')
    out = np.asarray(_run(*teacher, part, faces))[: _BATCH - missing]
    drawn.append(np.rint(out[..., ::-1] * 255).clip(0, 255).astype(np.uint8))
  return np.concatenate(drawn)


@functools.partial(jax.jit, static_argnums=0)
def _run(
  module: Any, variables: Variables, windows: jax.Array, faces: jax.Array
) -> jax.Array:
  both = wav2lip.face_input(faces, faces)
  return jnp.asarray(module.apply(variables, windows, both, train=False))
