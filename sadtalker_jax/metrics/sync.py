"""Agreement of lips and sound, by SyncNet.

An offset is in frames at 25 a second and positive where the sound is late: the
sound of the lips in frame t is heard in frame t + offset. (SyncNet's own
program prints the opposite sign.) Sound is [L] at 16 kHz in the range of int16.
SyncNet's views of a face are [T, 224, 224, 3], BGR, 0 to 255, as in
`models.experts.syncnet_v2`. Networks are passed as callables.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from sadtalker_jax.metrics import batches
from sadtalker_jax.ops import mfcc
from sadtalker_jax.typing import Array

REACH = 15  # frames; the largest offset that is tried (method 9.4)
_FRAMES = 5  # views in a window
_STEPS = 20  # steps of 10 ms in a window of sound, four to a frame
_FRAME = 640  # samples of a frame
_EPSILON = 1e-6  # torch adds it to differences before it takes their length

Network = Callable[[Array], Array]


class Sync(NamedTuple):
  """SyncNet's distances for a clip (method 9.4)."""

  lse_d: float  # least mean distance of lips and sound
  lse_c: float  # confidence: median of the distances minus the least
  offset: int  # frames, positive where the sound is late
  distances: np.ndarray  # [31] float64, mean over frames, offsets -15 to 15


def lse(lips: Array, sound: Array, *, reach: int = REACH) -> Sync:
  """LSE-D, LSE-C and the offset of a clip.

  Chung and Zisserman, Out of Time, 2016, as used by Prajwal et al., Wav2Lip,
  2020: distances between frames and sound at each offset, averaged over the
  frames; the sound is padded with zeros.

  Args:
    lips: [N, D] embeddings of lips, not normalised, N above `reach`.
    sound: [N, D] embeddings of the sound at the same frames.
    reach: largest offset that is tried.

  Raises:
    ValueError: shapes differ, or there are too few frames.
  """
  lips = np.asarray(lips, np.float64)
  sound = np.asarray(sound, np.float64)
  if lips.ndim != 2 or lips.shape != sound.shape:
    raise ValueError(
      f'expected embeddings [N, D] twice, found {lips.shape} and {sound.shape}'
    )
  if len(lips) <= reach:
    raise ValueError(
      f'expected more than {reach} windows of lips and sound, found {len(lips)}'
    )
  padded = np.pad(sound, ((reach, reach), (0, 0)))
  distances = np.array(
    [
      np.linalg.norm(lips - padded[i : i + len(lips)] + _EPSILON, axis=1).mean()
      for i in range(2 * reach + 1)
    ]
  )
  best = int(np.argmin(distances))
  least = float(distances[best])
  confidence = float(np.median(distances)) - least
  return Sync(least, confidence, best - reach, distances)


def num_windows(num_frames: int, num_samples: int) -> int:
  """Number of SyncNet windows in a clip; 0 where it is too short."""
  return max(0, min(num_frames, num_samples // _FRAME) - _FRAMES)


def sound_windows(wave: np.ndarray, count: int) -> np.ndarray:
  """Cepstral coefficients around the first frames of a clip.

  Args:
    wave: [L] sound.
    count: number N of windows, at least 1; see `num_windows`.

  Returns:
    [N, 13, 20, 1] float32. Beyond the end of the sound its last step is
    repeated.

  Raises:
    ValueError: `wave` is empty, or `count` is below 1.
  """
  if count < 1:
    raise ValueError(f'expected at least 1 window of sound, found {count}')
  steps = mfcc.mfcc(wave)
  missing = 4 * (count - 1) + _STEPS - len(steps)
  steps = np.pad(steps, ((0, max(0, missing)), (0, 0)), mode='edge')
  places = 4 * np.arange(count)[:, None] + np.arange(_STEPS)
  return steps[places].swapaxes(1, 2)[..., None]


def embed_sound(
  network: Network, wave: np.ndarray, count: int, *, batch: int = 16
) -> np.ndarray:
  """Embeddings of the sound at the first frames of a clip.

  Args:
    network: function from [B, 13, 20, 1] float32 to [B, D].
    wave: [L] sound.
    count: number N of windows, at least 1; see `num_windows`.
    batch: batch size B.

  Returns:
    [N, D].

  Raises:
    ValueError: `wave` is empty, or `count` is below 1.
  """
  return batches.apply(network, sound_windows(wave, count), size=batch)


def embed_lips(
  network: Network, views: Array, count: int, *, batch: int = 16
) -> np.ndarray:
  """Embeddings of the lips at the first frames of a clip.

  Args:
    network: function from [1, B + 4, 224, 224, 3] float32 to [1, B, D]; frames
      that neighbouring windows share are computed once, which saves most of the
      work.
    views: [T, 224, 224, 3], T at least N + 4.
    count: number N of windows, at least 1; see `num_windows`.
    batch: batch size B.

  Returns:
    [N, D].

  Raises:
    ValueError: `count` is below 1, or there are too few views.
  """
  if count < 1 or len(views) < count + _FRAMES - 1:
    raise ValueError(
      f'expected at least 1 window and {_FRAMES - 1} views more than windows, '
      f'found {count} windows and {len(views)} views'
    )
  parts = []
  for start in range(0, count, batch):
    places = np.arange(start, start + batch + _FRAMES - 1)
    part = np.asarray(views[np.minimum(places, len(views) - 1)], np.float32)
    parts.append(np.asarray(jax.device_get(network(part[None])))[0])
  return np.concatenate(parts)[:count]
