"""Frames spread over a video."""

import numpy as np

from sadtalker_jax.media import encoding, spread, video


def _video(path, seconds: int):
  with video.VideoWriter(
    path, fps=5, encoding=encoding.Encoding(crf=10)
  ) as writer:
    for i in range(5 * seconds):
      level = round(255 * i / (5 * seconds))
      writer.write(np.full((64, 64, 3), level, np.uint8))
  return path


def test_short_videos_are_sampled_whole(tmp_path):
  groups = list(
    spread.groups(_video(tmp_path / 'a.mp4', 4), places=4, frames=2)
  )
  levels = [float(frame.mean()) for group in groups for frame in group]
  assert len(levels) >= 8
  assert levels == sorted(levels)
  assert levels[0] < 10 and levels[-1] > 200


def test_long_videos_are_sought(tmp_path):
  # x264 makes a key frame every 250 frames, 50 s.
  groups = list(
    spread.groups(_video(tmp_path / 'a.mp4', 240), places=4, frames=3)
  )
  assert [len(group) for group in groups] == [3] * 4
  levels = [float(group[0].mean()) for group in groups]
  assert levels == sorted(levels)
  assert levels[-1] - levels[0] > 100


def test_one_frame_is_a_group(tmp_path):
  with video.VideoWriter(tmp_path / 'a.mp4', fps=25) as writer:
    writer.write(np.zeros((64, 64, 3), np.uint8))
  (group,) = spread.groups(tmp_path / 'a.mp4', places=8, frames=4)
  assert len(group) == 1
