"""Writes a drawn clip as the part of a video of its own."""

import pathlib

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.media import image
from sadtalker_jax.preparation import parts
from sadtalker_jax.preparation.clip import signatures, sound
from sadtalker_jax.synthesis import drawing


def write(
  drawn: drawing.DrawnClip, task: drawing.DrawingTask, target: pathlib.Path
) -> parts.PartSummary:
  """Writes the part of a clip.

  Args:
    drawn: The clip.
    task: Number and seed of the clip.
    target: File of the part; the folder exists.

  Returns:
    The index of the part.
  """
  count, size = drawn.frames.shape[:2]
  name = f'{drawn.speaker}#synthetic-{task.seed}#{task.number:06d}#00000'
  video = f'synthetic/{task.seed}/{task.number}'
  jpegs = [image.to_jpeg(frame) for frame in drawn.frames]
  own = sound.to_int16(drawn.wave)
  spectrogram = sound.mel(own)
  lids = [makehuman.EXPRESSION_SLOTS[f'eyeBlink{s}'] for s in ('Left', 'Right')]
  expression = drawn.coefficients[:, conventions.EXPRESSION]
  fields = {
    'id': name,
    'speaker': drawn.speaker,
    'video': video,
    'fps': conventions.FRAME_RATE,
    'size': size,
    'num_frames': count,
    'audio': own,
    'mel': spectrogram,
    'landmarks': drawn.landmarks.astype(np.float32),
    'coefficients': drawn.coefficients.astype(np.float32),
    'crop': np.tile(np.array(drawn.trans[2:], np.float32), (count, 1)),
    'blink': expression[:, lids].mean(1).clip(0, 1).astype(np.float32),
    'teacher': _lips_only(expression),
    'box': np.array([0, 0, size, size], np.float32),
    'source_fps': conventions.FRAME_RATE,
    'offset': 0.0,
    'confidence': 0.0,
    'morphable': 'makehuman',
    'method': 'fit',
  }
  looks = [drawn.frames[i] for i in signatures.places(count)]
  info = parts.ClipInfo(
    name,
    drawn.speaker,
    count,
    sum(len(jpeg) for jpeg in jpegs),
    tuple(int(w) for w in signatures.make(looks, spectrogram)),
    video,
    0,
  )
  with parts.PartWriter(target) as writer:
    writer.add(info, fields, jpegs)
    return writer.finish(video, [], count, {})


def _lips_only(expression: np.ndarray) -> np.ndarray:
  """Expressions [T, 64], eyes and brows as in frame 0."""
  still = [
    slot
    for name, slot in makehuman.EXPRESSION_SLOTS.items()
    if name.startswith(('eye', 'brow'))
  ]
  lips = expression.astype(np.float32)
  lips[:, still] = lips[0, still]
  return lips
