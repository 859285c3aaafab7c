"""Breath: how far the chest is raised, while the head does what it will.

Breathing is slow and never quite even: each breath has a length and a depth of
its own, and is let out more slowly than it was taken in. Frame 0 is the
picture, at the end of a breath. Video frame i is at i / fps seconds, as in
`head_motion`.
"""

import numpy as np

from sadtalker_jax.face3d.bases import makehuman

_STREAM = 0xB2EA  # keeps these draws apart from those of head, eyes and brows
_LENGTHS = (3.5, 5.0)  # seconds of a breath, 0.2 to 0.29 Hz
_DEPTHS = (0.7, 1.0)
_IN = 0.4  # share of a breath that is taken in
_BLOCK = 256  # breaths that are drawn together


def track(seed: int, num_frames: int, fps: float = 25.0) -> np.ndarray:
  """How far the chest is raised, [T] float32 in [0, 1]; 0 at frame 0.

  Args:
    seed: Random seed.
    num_frames: T.
    fps: Frames per second.
  """
  seconds = np.arange(num_frames) / fps
  ends, depths = _breaths(seed, float(seconds[-1]) if num_frames else 0.0)
  now = np.searchsorted(ends, seconds, side='right') - 1
  share = (seconds - ends[now]) / (ends[now + 1] - ends[now])
  # Half a turn of a cosine up, half a turn down.
  turn = np.where(share < _IN, share / _IN, 1 + (share - _IN) / (1 - _IN))
  raised = 0.5 - 0.5 * np.cos(np.pi * turn)
  return (depths[now] * raised).astype(np.float32)


def add(rows: np.ndarray, raised: np.ndarray) -> None:
  """Writes breath [T] into rows [T, 64 or more], in place."""
  rows[:, makehuman.BREATH_SLOT] = raised


def _breaths(seed: int, last: float) -> tuple[np.ndarray, np.ndarray]:
  """Ends [B + 1] of breaths from 0 s to beyond an instant; depths [B]."""
  ends = [np.zeros(1)]
  depths: list[np.ndarray] = []
  while ends[-1][-1] <= last:
    rng = np.random.default_rng([_STREAM, seed, len(depths)])
    draw = rng.random((_BLOCK, 2))
    lengths = _LENGTHS[0] + (_LENGTHS[1] - _LENGTHS[0]) * draw[:, 0]
    ends.append(ends[-1][-1] + np.cumsum(lengths))
    depths.append(_DEPTHS[0] + (_DEPTHS[1] - _DEPTHS[0]) * draw[:, 1])
  return np.concatenate(ends), np.concatenate(depths)
