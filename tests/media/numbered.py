"""Videos whose frames spell their numbers."""

import pathlib

import numpy as np

from sadtalker_jax.media import video


def plain(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
  """Grey frames whose eight blocks spell their number, up to 255."""
  frames = []
  for index in range(count):
    bits = [60 + 120 * (index >> bit & 1) for bit in range(8)]
    blocks = np.reshape(bits, (2, 4)).astype(np.uint8)
    blocks = blocks.repeat(height // 2, 0).repeat(width // 4, 1)
    frames.append(np.repeat(blocks[:, :, None], 3, axis=2))
  return frames


def number(frame: np.ndarray) -> int:
  """Which of `plain`'s frames this is."""
  height, width = frame.shape[:2]
  blocks = frame.reshape(2, height // 2, 4, width // 4, 3).mean(axis=(1, 3, 4))
  return sum(int(level > 120) << bit for bit, level in enumerate(blocks.flat))


def write(path: pathlib.Path, frames: list[np.ndarray], **options) -> None:
  options = {'fps': 25} | options
  with video.VideoWriter(path, **options) as writer:
    for frame in frames:
      writer.write(frame)
