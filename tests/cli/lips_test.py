"""The command that makes weights of the phonetic lips, with a humming voice."""

import numpy as np
import pytest

from sadtalker_jax.cli import lips
from sadtalker_jax.inference.motion.phonetic import hearing
from sadtalker_jax.phonetic_fitting import making
from tests.phonetic_fitting import hummer


def test_speech_becomes_weights_that_are_heard_with(
  tmp_path, monkeypatch, capsys
):
  monkeypatch.setattr(making, 'synthesisers', lambda *_: [hummer.Hummer()])
  monkeypatch.setattr(making, '_PART', 6.0)
  monkeypatch.delenv('XLA_FLAGS', raising=False)  # conftest's devices
  flags = ['--synthesise', str(tmp_path), '--minutes', '0.2']
  assert lips.main([*flags, '--config', 'configs/lipnet.py:test']) == 0
  printed = capsys.readouterr().out
  assert 'hummer: 0.2 min of speech' in printed and 'training:' in printed
  assert printed.count(' of 7 | ') == 2  # p, b and m of both weights
  heard = hearing.hear(np.zeros(16000), hearing.load(tmp_path / 'lipnet.npz'))
  assert heard.lips.shape == (50, 5)
  card = (tmp_path / 'lipnet.md').read_text()
  assert '| hummer | 0 |' in card and 'those that ship' in card


def test_motions_are_scored_by_their_tracks(capsys):
  assert lips.main(['--motion', 'phonetic', 'baseline']) == 0
  lines = capsys.readouterr().out.splitlines()
  rows = {line.split(' | ')[0].strip('| '): line for line in lines}
  # What is heard, and where the head's lips go: the same closures nearly.
  assert ' of 7 ' in rows['phonetic, its track']
  shut = [
    int(rows[name].split(' | ')[1].split()[0])
    for name in ('those that ship', 'phonetic, its track')
  ]
  assert abs(shut[0] - shut[1]) <= 1
  assert 'baseline, its track' in rows


@pytest.mark.parametrize(
  ('flags', 'words'),
  [
    (['--weights', 'none.npz'], '--weights: expected a file, found none'),
    (['--clips', 'nowhere'], '--clips: expected a folder, found nowhere'),
    (['--synthesise', 'x', '--weights', 'y'], 'found both'),
    (['--synthesise', 'x', '--motion', 'learned'], 'found both'),
    (['--fit_targets', 'x.csv'], 'expected clips of talking faces'),
    (['--fit_targets', 'x', '--clips', '.', '--talkers', '('], 'regular exp'),
    (
      ['--fit_targets', 'x', '--clips', '.', '--motion', 'learned'],
      'found more',
    ),
    (['--motion', 'dance'], 'motion: expected one of auto learned'),
  ],
)
def test_wrong_flags_are_one_line_and_code_2(flags, words, capsys):
  assert lips.main(flags) == 2
  assert words in capsys.readouterr().err
