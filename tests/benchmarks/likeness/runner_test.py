"""Likeness from files to tables; rows that are known are not measured again."""

import json

import numpy as np
import pytest

from sadtalker_jax.benchmarks.likeness import (
  lips_alike,
  movement,
  redriving,
  runner,
  surroundings,
  tables,
)
from sadtalker_jax.cli import bench
from sadtalker_jax.inference import bundle
from sadtalker_jax.media import audio, image, video
from sadtalker_jax.ops import resize


def _row(clip: str, ours: float, drawn: float, start: str = 'shut') -> dict:
  lips = dict.fromkeys(lips_alike.NAMES, drawn)
  return {
    'clip': clip,
    'talker': clip[0],
    'start': start,
    'at': 0.0,
    'frames': 75,
    'real': {movement.BROWS: 2.0, movement.HEAD: 3.0},
    'ours': {movement.BROWS: ours, movement.HEAD: ours},
    'missing': {'ours': {surroundings.HAIR: 'bald'}},
    'drawn': lips,
    'track': {**dict.fromkeys(lips_alike.NAMES, 0.5), 'width': None},
  }


def test_talkers_who_move_less_are_drawn_so():
  rows = [_row(name, float(k), 0.5) for k, name in enumerate('abcde')]
  for k, row in enumerate(rows):
    row['real'] = {movement.BROWS: k**2.0, movement.HEAD: -float(k)}
  lines = list(tables.movements(rows))
  assert '| 1.00 | share .6 to 1.4 | 5, 5 |' in lines[2]
  assert any('| -1.00 | .8 to 4 across clips |' in line for line in lines)


def test_tables_weigh_talkers_alike():
  rows = [_row('a1', 1.0, 0.4), _row('a2', 1.0, 0.4), _row('b1', 2.0, 0.8)]
  lines = list(tables.all_of(rows))
  # One talker has half of it, the other all: .75, though two clips have half.
  assert f'| {movement.BROWS} | 2 | 1.5 | 0.75 (0.50 to 1.00) |' in lines[2]
  assert '| least and greatest of a clip | 3.00 to 3.00 | 1.00 to 2.00 |' in (
    '\n'.join(lines)
  )
  assert any(f'{surroundings.HAIR} | not measured: bald' in x for x in lines)
  assert '| a | 2, 2 | 0.40 / 0.40 / 0.40 | 0.50 / 0.50 / - |' in '\n'.join(
    lines
  )
  mean = next(x for x in lines if x.startswith('| mean over talkers'))
  assert '0.60 (0.40 to 0.80)' in mean


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """A clip of 1.3 s: the portrait that ships, still, and its sound."""
  result = tmp_path_factory.mktemp('clips')
  picture = image.load_first_frame(bundle.SAMPLE_PORTRAIT)
  height, width = picture.shape[:2]
  small = (192, 192 * height // width // 2 * 2)
  frame = resize.window(picture, (0, 0, width, height), small)
  wave = audio.load(bundle.SAMPLE_SPEECH)[: 33 * 640]
  with video.VideoWriter(
    result / 'still_1.mp4', fps=25, audio=(wave, 16000)
  ) as writer:
    for _ in range(33):
      writer.write(np.rint(frame).astype(np.uint8))
  return result


def test_a_clip_is_measured_once_and_written_at_once(
  folder, tmp_path, capsys, monkeypatch
):
  rows = tmp_path / 'rows.jsonl'
  flags = ['likeness', str(folder), '--seconds', '1.3', '--size', '128']
  flags += ['--rows', str(rows), '--talkers', 'still']
  assert bench.main([*flags, '--keep', str(tmp_path / 'kept')]) == 0
  said = capsys.readouterr().out
  (row,) = [json.loads(line) for line in rows.read_text().splitlines()]
  # A photo that does not move: shut is the only cut.
  assert (row['clip'], row['start'], row['at']) == ('still_1', 'shut', 0.0)
  assert row['real'][movement.HEAD] < 0.2
  assert row['ours'][movement.HEAD] > row['real'][movement.HEAD]
  measured = {**row['ours'], **row['missing']['ours']}
  assert set(measured) == set(tables.WANTED)
  assert (tmp_path / 'kept' / 'still_1.shut.mp4').exists()
  assert 'still_1.mp4: shut' in said and '| still | 1, 1 |' in said
  monkeypatch.setattr(redriving.Redriver, 'measured', None)
  assert bench.main(flags) == 0
  assert capsys.readouterr().out.strip() == '\n'.join(said.splitlines()[2:])
  assert bench.main([*flags, '--size', '256']) == 2
  assert "expected rows of {'seconds': 1.3" in capsys.readouterr().err


def test_what_is_no_folder_of_clips_is_refused(folder, tmp_path, capsys):
  assert bench.main(['likeness', str(tmp_path)]) == 2
  assert 'expected videos, found none' in capsys.readouterr().err
  assert bench.main(['likeness', str(folder), '--talkers', '(']) == 2
  assert 'expected a regular expression' in capsys.readouterr().err
  with pytest.raises(Exception, match='kind of text'):
    broken = tmp_path / 'rows.jsonl'
    broken.write_text('[]\n')
    next(runner.run([str(folder)], seconds=1.3, size=128, rows_file=broken))
