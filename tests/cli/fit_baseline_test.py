"""The command that fits the baseline: from videos to a file of weights."""

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.baseline_fitting import lip_fitting, recordings
from sadtalker_jax.cli import fit_baseline
from sadtalker_jax.inference.motion.baseline import lips
from sadtalker_jax.media import video


def _talking_video(folder, name: str, seed: int) -> None:
  """A film of noise and hum in turns, with landmarks of lips that follow."""
  rng = np.random.default_rng(seed)
  frames = 60
  openness = np.repeat(rng.uniform(0, 1, frames // 6), 6)
  t = np.arange(frames * 640) / 16000
  loud = np.repeat(openness, 640)
  hum = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 20))
  wave = (0.1 * loud * hum).astype(np.float32)
  path = folder / f'{name}.mp4'
  with video.VideoWriter(path, fps=25, audio=(wave, 16000)) as writer:
    for _ in range(frames):
      writer.write(np.zeros((32, 32, 3), np.uint8))
  points = np.zeros((frames, 478, 3), np.float32)
  points[:, 263, 0] = 100.0
  points[:, 291, 0] = 55.0
  points[:, 14, 1] = 1.0 + 20 * openness
  points[:, 152, 1] = 130.0 + 15 * openness
  np.savez(folder / f'{name}.npz', points=points, fps=25.0)


def test_videos_become_weights(tmp_path, capsys, monkeypatch):
  monkeypatch.setattr(lip_fitting, 'NUM_PROTOTYPES', 32)  # quicker
  for seed, name in enumerate(('grid_s1_a', 'grid_s1_b', 'other')):
    _talking_video(tmp_path, name, seed)
  output = tmp_path / 'weights.npz'
  flags = ['--clips', str(tmp_path), '--landmarks', str(tmp_path)]
  assert fit_baseline.main([*flags, '--output', str(output)]) == 0
  weights = lips.load(output)
  assert weights.lips.shape[1] == 3
  assert 0.1 < weights.scale[0] < 0.25
  printed = capsys.readouterr().out
  assert printed.count('grid_s1_') == 2 and 'mean of clips' in printed


def test_talkers_are_read_from_file_names():
  assert recordings.talker('grid_s31_bgiq6p') == 's31'
  assert recordings.talker('grid_bbaf2n') == 'grid_bbaf2n'


def test_folders_without_videos_are_one_line_and_code_2(tmp_path, capsys):
  flags = ['--clips', str(tmp_path), '--output', 'x.npz']
  assert fit_baseline.main(flags) == 2
  assert capsys.readouterr().err == (
    f'fit_baseline: {tmp_path}: expected videos, found none\n'
  )


def test_lips_that_do_not_move_are_refused(tmp_path):
  _talking_video(tmp_path, 'clip', 0)
  with np.load(tmp_path / 'clip.npz') as stored:
    points = np.repeat(stored['points'][:1], 60, axis=0)
  np.savez(tmp_path / 'clip.npz', points=points, fps=25.0)
  with pytest.raises(errors.InputError, match='expected moving lips'):
    recordings.read(tmp_path / 'clip.mp4', tmp_path)
