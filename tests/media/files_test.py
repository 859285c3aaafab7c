"""Names of files: checked before work, given once."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import audio, files, image, reserved_names, video


def test_reserved_names_differ(tmp_path):
  with reserved_names.reserved(tmp_path, 'a', '.mp4') as one:
    with reserved_names.reserved(tmp_path, 'a', '.mp4') as other:
      assert (one.name, other.name) == ('a.mp4', 'a_2.mp4')
    one.touch()
  with reserved_names.reserved(tmp_path, 'a', '.mp4') as third:
    assert third.name == 'a_2.mp4'
  assert os.listdir(tmp_path) == ['a.mp4']


def test_many_at_once_get_a_name_each(tmp_path):
  names = []

  def take():
    with reserved_names.reserved(tmp_path, 'a', '.mp4') as path:
      path.touch()
      names.append(path.name)

  threads = [threading.Thread(target=take) for _ in range(16)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert sorted(names) == sorted(os.listdir(tmp_path)) and len(names) == 16


@pytest.mark.parametrize(
  ('name', 'found'),
  [
    ('x' * 252 + '.mp4', 'found 256 bytes'),
    ('ü' * 126 + '.mp4', 'found 256 bytes'),
    ('a\0.mp4', 'found a NUL character'),
    ('a\ud800.mp4', 'found half a character'),
  ],
)
def test_impossible_names_are_known_before_any_work(tmp_path, name, found):
  with pytest.raises(errors.InputError, match=found):
    files.check_target(tmp_path / name, overwrite=False)
  assert not os.listdir(tmp_path)


@pytest.mark.parametrize('name', ['x' * 251 + '.mp4', 'ü' * 125 + '.mp4'])
def test_longest_names_are_written(tmp_path, name):
  with files.replacing(tmp_path / name, overwrite=False) as part:
    part.write_text('made')
  assert os.listdir(tmp_path) == [name]


def test_names_that_are_no_utf8_are_read_and_written(
  tmp_path, sound_file, speech_like
):
  odd = os.fsdecode(b'\xff\xfe')
  wave = speech_like(0.2, 16000)
  sound = sound_file(tmp_path / 'a.wav', wave, 16000, 'pcm_s16le')
  sound.rename(tmp_path / f'{odd}.wav')
  assert len(audio.load(tmp_path / f'{odd}.wav')) == 3200
  frame = np.zeros((64, 64, 3), np.uint8)
  target = tmp_path / f'{odd}.mp4'
  with video.VideoWriter(
    target, fps=25, audio=tmp_path / f'{odd}.wav'
  ) as writer:
    writer.write(frame)
  assert image.load_first_frame(target).shape == (64, 64, 3)
  assert sorted(os.listdir(tmp_path)) == [f'{odd}.mp4', f'{odd}.wav']


def test_folder_that_is_no_utf8_is_one_line(tmp_path):
  folder = tmp_path / os.fsdecode(b'\xff')
  folder.mkdir()
  with pytest.raises(errors.InputError, match='whose name is UTF-8'):
    files.check_target(folder / 'a.mp4', overwrite=False)


def test_devices_and_pipes_are_never_replaced(tmp_path):
  os.mkfifo(tmp_path / 'pipe')
  for name in (tmp_path / 'pipe', '/dev/null'):
    with pytest.raises(errors.InputError, match='found a device or a pipe'):
      files.check_target(name, overwrite=True)


def test_of_two_writers_of_one_name_the_first_wins(tmp_path):
  target = tmp_path / 'a.txt'
  with pytest.raises(errors.InputError, match='found one'):
    with files.replacing(target, overwrite=False) as late:
      with files.replacing(target, overwrite=False) as early:
        early.write_text('early')
      late.write_text('late')
  assert target.read_text() == 'early' and os.listdir(tmp_path) == ['a.txt']


_LEAVES = """
import os, signal, sys, pathlib
from sadtalker_jax.media import files, reserved_names
folder = pathlib.Path(sys.argv[1])
with reserved_names.reserved(folder, 'b', '.mp4') as name:
  with files.replacing(name, overwrite=False):
    with files.replacing(folder / 'a.mp4', overwrite=False):
      os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_leaves_is_removed_by_the_next(tmp_path):
  subprocess.run([sys.executable, '-c', _LEAVES, tmp_path], check=False)
  left = sorted(os.listdir(tmp_path))
  assert [name[:7] for name in left] == ['.a.mp4.', '.b.mp4.', '.b.rese']
  foreign = tmp_path / '.a.mp4.notes.part'
  foreign.touch()
  with files.replacing(tmp_path / 'a.mp4', overwrite=False) as alive:
    # The part of a process that lives stays.
    files.check_target(tmp_path / 'a.mp4', overwrite=False)
    assert sorted(os.listdir(tmp_path)) == sorted(
      [alive.name, foreign.name, *left[1:]]
    )
    alive.write_text('made')
  with reserved_names.reserved(tmp_path, 'c', '.mp4') as name:
    with reserved_names.reserved(tmp_path, 'c', '.mp4') as other:
      assert (name.name, other.name) == ('c.mp4', 'c_2.mp4')
  assert sorted(os.listdir(tmp_path)) == [foreign.name, 'a.mp4']


def test_file_systems_without_links_serve_as_well(tmp_path, monkeypatch):
  def refuse(*_):
    raise OSError('no links here')

  monkeypatch.setattr(os, 'link', refuse)
  with files.replacing(tmp_path / 'a.txt', overwrite=False) as part:
    part.write_text('made')
  assert os.listdir(tmp_path) == ['a.txt']
