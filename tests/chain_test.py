"""Drawn videos to a talking one: every command of docs/guides/training.md."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from sadtalker_jax.checkpoints import cards
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.media import video

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Runs commands one after the other, as they would be typed, in one process:
# twelve more would spend most of their time on the same imports. Drawn clips
# are as long as the stages need, and no longer. Tracing leaves few circles to
# collect: see `conftest.pytest_collection_finish`.
_SHELL = """
import gc, json, sys
from absl.testing import flagsaver
import infer
from sadtalker_jax.cli import bundle, prepare
from sadtalker_jax.synthesis import voices
import train

voices.SECONDS = (1.6, 1.7)
gc.freeze()
gc.set_threshold(10_000, 10, 10)

def trained(flags):
  sys.argv = ['train.py', *flags]  # where ml_collections looks
  with flagsaver.flagsaver():
    train.main(train.parse(sys.argv))

programs = {
  'prepare': prepare.main,
  'train': trained,
  'bundle': bundle.main,
  'infer': infer.main,
}
for name, *flags in json.load(sys.stdin):
  print(name, *flags, file=sys.stderr)
  if code := programs[name](flags):
    sys.exit(code)
"""

# Of the networks that draw: their depth is minutes of compiling.
_SHALLOW = tuple(
  f'--config.model.{field}=1'
  for field in (
    'keypoint_detector.num_blocks',
    'generator.num_blocks',
    'generator.motion_blocks',
  )
)


def commands(folder: pathlib.Path, sound: pathlib.Path) -> list[list[str]]:
  """Programs and their flags, in the order of the guide."""
  result: list[list[str]] = []

  def call(*words: object) -> None:
    result.append([str(word) for word in words])

  records = folder / 'records'
  call(
    # Heads alone: the fourth would be the packaged portrait, animated.
    *('prepare', '--synthesise', 2, '--output', records),
    *('--validation', 0, '--test', 0),
  )

  def train(name: str, config: str, *options: str) -> pathlib.Path:
    run = folder / 'runs' / name
    call(
      *('train', '--config', f'configs/{config}', '--workdir', run),
      *(f'--config.data.folder={records}', '--config.steps=2'),
      # Programs more to compile; other tests have them.
      *('--config.validation.every=0', '--config.summarise_every=0'),
      *options,
    )
    return run

  def bundle(name: str, *runs: pathlib.Path) -> pathlib.Path:
    output = folder / name
    flags = [part for run in runs for part in ('--run', run)]
    call('bundle', *flags, '--output', output)
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
      'posevae.py:no_gan+test',
      f'--config.warm_start.bundle={bundle("teacher", teacher)}',
      f'--config.warm_start.parts={(ear,)}',
    )
  )
  # Steps with all terms and with discriminators are taken in training/
  # stages_test.py.
  renderer = train(
    *('renderer', 'renderer.py:no_gan+test', '--config.loss.equivariance=0'),
    *_SHALLOW,
  )
  mapping = train(
    'mapping',
    'mapping.py:test',
    f'--config.bundle={bundle("phase1", renderer)}',
    '--config.loss.gan=0',
    *_SHALLOW,
  )
  whole = bundle('whole', *motion, renderer, mapping)
  call(
    *('infer', '--source_image', bundle_lib.SAMPLE_PORTRAIT),
    *('--driven_audio', sound, '--bundle', whole, '--renderer', 'neural'),
    *('--size', 64, '--output', folder / 'talking.mp4'),
  )
  return result


@pytest.mark.slow
def test_drawn_videos_become_a_talking_one(tmp_path, short, quick_flags):
  found = subprocess.run(
    [sys.executable, '-c', _SHELL],
    input=json.dumps(commands(tmp_path, short)),
    cwd=ROOT,
    env={**os.environ, 'XLA_FLAGS': quick_flags, 'JAX_PLATFORMS': 'cpu'},
    capture_output=True,
    text=True,
    check=False,
  )
  assert found.returncode == 0, found.stderr[-3000:]
  card = cards.read(tmp_path / 'whole')
  assert card.size == 64 and card.morphable == 'makehuman'
  assert {'recon', 'expnet', 'posevae', 'mapping', 'generator'} <= set(
    card.networks
  )
  info = video.probe(tmp_path / 'talking.mp4')
  assert info.num_frames == 8 and info.has_audio
  assert info.size == (64, 64)
