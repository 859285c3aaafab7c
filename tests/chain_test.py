"""Drawn videos to a talking one: every command of docs/guides/training.md."""

import functools
import os
import pathlib
import subprocess
import sys

import pytest

from sadtalker_jax.checkpoints import cards
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.media import video

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(flags: str, *command: object) -> None:
  """Runs a command as a user does."""
  environment = {**os.environ, 'XLA_FLAGS': flags, 'JAX_PLATFORMS': 'cpu'}
  found = subprocess.run(
    [sys.executable, *map(str, command)],
    cwd=ROOT,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )
  assert found.returncode == 0, f'{command}:\n{found.stderr[-3000:]}'


@pytest.mark.slow
def test_drawn_videos_become_a_talking_one(tmp_path, quick_flags):
  call = functools.partial(run, quick_flags)
  records = tmp_path / 'records'
  call(
    *('-m', 'sadtalker_jax.cli.prepare', '--synthesise', 4),
    *('--output', records, '--validation', 0.3, '--test', 0),
  )

  def train(name: str, config: str, *options: str) -> pathlib.Path:
    folder = tmp_path / 'runs' / name
    call(
      *('train.py', '--config', f'configs/{config}', '--workdir', folder),
      *(f'--config.data.folder={records}', '--config.steps=2'),
      # Programs more to compile; other tests have them.
      *('--config.validation.every=0', '--config.summarise_every=0'),
      *options,
    )
    return folder

  def bundle(name: str, *runs: pathlib.Path) -> pathlib.Path:
    output = tmp_path / name
    flags = [part for run in runs for part in ('--run', run)]
    call('-m', 'sadtalker_jax.cli.bundle', *flags, '--output', output)
    return output

  expert = bundle('expert', train('syncnet', 'syncnet.py:test'))
  teacher = train(
    'wav2lip',
    'syncnet.py:wav2lip+test',
    f'--config.bundle={expert}',
    '--config.loss.sync=0.01',
  )
  motion = [train(name, f'{name}.py:test') for name in ('recon', 'expnet')]
  ear = ('wav2lip/audio_encoder', 'posevae/audio_encoder')
  motion.append(
    train(
      'posevae',
      'posevae.py:test',
      f'--config.warm_start.bundle={bundle("teacher", teacher)}',
      f'--config.warm_start.parts={(ear,)}',
    )
  )
  renderer = train('renderer', 'renderer.py:test')
  mapping = train(
    'mapping',
    'mapping.py:test',
    f'--config.bundle={bundle("phase1", renderer)}',
  )
  whole = bundle('whole', *motion, renderer, mapping)
  card = cards.read(whole)
  assert card.size == 64 and card.morphable == 'makehuman'
  assert {'recon', 'expnet', 'posevae', 'mapping', 'generator'} <= set(
    card.networks
  )
  output = tmp_path / 'talking.mp4'
  call(
    *('infer.py', '--source_image', bundle_lib.SAMPLE_PORTRAIT),
    *('--driven_audio', bundle_lib.SAMPLE_SPEECH, '--bundle', whole),
    *('--renderer', 'neural', '--size', 64, '--output', output),
  )
  info = video.probe(output)
  assert info.num_frames == 177 and info.has_audio
  assert info.size == (64, 64)
