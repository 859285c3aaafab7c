"""The offset between sound and lips of a clip, and whether there is speech.

An offset is in frames at 25 a second; it is positive where the sound comes
late: what the lips do in frame t is heard in frame t + offset. (SyncNet's own
program counts the other way.) Sound is int16 [640 T] at 16 kHz, frames uint8
[T, S, S, 3], points as in `faces.landmarks`, in pixels of the frames.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d import measures
from sadtalker_jax.faces import syncnet_view
from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import syncnet_v2
from sadtalker_jax.ops import mfcc
from sadtalker_jax.preparation.input import followed_faces
from sadtalker_jax.typing import Variables

REACH = 15  # frames: the largest offset that is looked for (method 9.4)
_FRAME = 640  # samples of a frame

_ROWS = 16  # windows of five frames in the network at a time
_STEPS = 20  # rows of cepstral coefficients in a window of sound

# Speech, measured on the sample clips: six that speak have a level that moves
# by 20 dB and more and pauses in a third of the time; music has 16 dB and 17 %.
_LEAST_LEVEL = -50.0  # dB of full scale, 95th percentile of 40 ms
_LEAST_RANGE = 17.5  # dB between the 10th and the 95th percentile of 10 ms
_LEAST_PAUSES = 0.22  # share of 10 ms below half of the mean level
_LEAST_LIPS = 0.008  # deviation of the lips' gap, in eye distances

# Limits of a correlation that counts: standard deviations of chance, frames of
# one independent sample, least gain over the correlation without an offset.
_CHANCE, _SYLLABLE, _CLEARLY = 2.75, 4.0, 0.15


class Offset(NamedTuple):
  """The offset at which sound and lips fit best."""

  frames: int
  # SyncNet: distance of the embeddings, median less minimum (LSE-C); else the
  # correlation of lips and loudness.
  confidence: float


def silent(sound: np.ndarray) -> tuple[bool, str]:
  """Whether there is nothing to hear, and the level of the sound as text."""
  level = float(np.percentile(_levels(sound, _FRAME), 95))
  return level < _LEAST_LEVEL, f'{level:.0f} dB'


def speaks(sound: np.ndarray, points: np.ndarray) -> tuple[bool, str]:
  """Whether the sound is like speech and the lips move, and the figures.

  Args:
    sound: int16 [640 T] sound.
    points: [T, 478, 3] landmarks.
  """
  levels = _levels(sound, 160)
  low, high = np.percentile(levels, [10, 95])
  loudness = 10 ** (levels / 20)
  pauses = float((loudness < loudness.mean() / 2).mean())
  lips = float(_moving(measures.lip_gap(points)).std())
  is_speech = (
    high - low >= _LEAST_RANGE
    and pauses >= _LEAST_PAUSES
    and lips >= _LEAST_LIPS
  )
  detail = f'range {high - low:.0f} dB, pauses {pauses:.2f}, lips {lips:.3f}'
  return bool(is_speech), detail


def by_loudness(sound: np.ndarray, points: np.ndarray) -> Offset:
  """The offset at which open lips go best with loud sound.

  A weak measure: in 15 clips of three seconds in sync, the best correlation was
  at 0 to 2 frames in 6, and up to 9 frames off in the others, where syllables
  repeat. So an offset is given only where chance does not explain it and the
  correlation without it is clearly less; else it is 0. The confidence is the
  correlation at the given offset.
  """
  lips = _moving(measures.lip_gap(points))
  levels = _levels(sound, _FRAME)
  loud = _moving(np.maximum(levels, levels.max() + _LEAST_LEVEL))
  count = min(len(lips), len(loud))
  scores = []
  for lag in range(-REACH, REACH + 1):
    start, stop = max(0, -lag), min(count, count - lag)
    a, b = lips[start:stop], loud[start + lag : stop + lag]
    if stop - start < 2 * REACH or a.std() < 1e-6 or b.std() < 1e-6:
      scores.append(0.0)
    else:
      scores.append(float(np.corrcoef(a, b)[0, 1]))
  best = int(np.argmax(scores))
  chance = _CHANCE * (_SYLLABLE / max(count, 1)) ** 0.5
  if scores[best] < max(chance, scores[REACH] + _CLEARLY):
    best = REACH
  return Offset(best - REACH, scores[best])


def by_syncnet(
  frames: np.ndarray,
  sound: np.ndarray,
  points: np.ndarray,
  variables: Variables,
) -> Offset:
  """The offset that SyncNet finds (method 9.4).

  SyncNet's view of the face is cut from the frames; what lies outside of them
  is grey, as it is where a face touches the border of a film.
  """
  count = len(frames) - syncnet_v2.NUM_FRAMES  # windows, as the original counts
  if count < 1:
    return Offset(0, 0.0)
  views = np.stack([_view(f, p) for f, p in zip(frames, points, strict=True)])
  lips = []
  for start in range(0, count, _ROWS):
    part = views[start : start + _ROWS + syncnet_v2.NUM_FRAMES - 1]
    missing = _ROWS + syncnet_v2.NUM_FRAMES - 1 - len(part)
    part = np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0)), mode='edge')
    lips.append(np.asarray(_embed_lips(variables, part[None]))[0])
  seen = np.concatenate(lips)[:count]
  coefficients = mfcc.mfcc(sound)
  last = 4 * (count - 1) + _STEPS
  coefficients = np.pad(
    coefficients, ((0, max(0, last - len(coefficients))), (0, 0)), mode='edge'
  )
  windows = np.stack(
    [coefficients[4 * i : 4 * i + _STEPS].T for i in range(count)]
  )  # [N, 13, 20]
  heard = []
  for start in range(0, count, _ROWS):
    part = windows[start : start + _ROWS]
    missing = _ROWS - len(part)
    part = np.pad(part, ((0, missing), (0, 0), (0, 0)))
    out = np.asarray(_embed_sound(variables, part[..., None]))
    heard.append(out[: _ROWS - missing])
  return _compare(seen, np.concatenate(heard))


def _compare(seen: np.ndarray, heard: np.ndarray) -> Offset:
  """Best shift between embeddings [N, D] of lips and of sound."""
  padded = np.pad(heard, ((REACH, REACH), (0, 0)))
  distances = [
    np.linalg.norm(seen - padded[i : i + len(seen)] + 1e-6, axis=1).mean()
    for i in range(2 * REACH + 1)
  ]
  best = int(np.argmin(distances))
  return Offset(best - REACH, float(np.median(distances) - distances[best]))


@jax.jit
def _embed_lips(variables: Variables, frames: jax.Array) -> jax.Array:
  net = zoo.build('syncnet_v2')
  return jnp.asarray(
    net.apply(
      variables,
      frames.astype(jnp.float32),
      train=False,
      method='embed_lip',
    )
  )


@jax.jit
def _embed_sound(variables: Variables, windows: jax.Array) -> jax.Array:
  net = zoo.build('syncnet_v2')
  return jnp.asarray(
    net.apply(variables, windows, train=False, method='embed_audio')
  )


def _view(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
  """See `syncnet_view.cut`."""
  x0, y0, x1, y1 = followed_faces.box_of(points)
  half = max(x1 - x0, y1 - y0) / 2
  return syncnet_view.cut(frame, half, (x0 + x1) / 2, (y0 + y1) / 2)


def _levels(sound: np.ndarray, window: int) -> np.ndarray:
  """Decibels of full scale of consecutive windows."""
  count = max(1, len(sound) // window)
  wave = np.zeros(count * window, np.float32)
  part = sound[: count * window]
  wave[: len(part)] = part.astype(np.float32) / 32768
  power = np.square(wave.reshape(count, window)).mean(1)
  return 10 * np.log10(power + 1e-10)


def _moving(values: np.ndarray, window: int = 25) -> np.ndarray:
  """The values less their mean over a second."""
  padded = np.pad(values, window // 2, mode='edge')
  mean = np.convolve(padded, np.ones(window) / window, 'valid')
  return values - mean[: len(values)]
