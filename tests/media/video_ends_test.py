"""Video out is all or nothing: errors, interruptions, names, full disks."""

import os
import pathlib
import resource
import signal

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import encoder, video
from tests.media import numbered


class Boom(Exception):
  pass


@pytest.mark.parametrize('error', [Boom, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize('after', [0, 3])
def test_exception_leaves_nothing(tmp_path, speech_like, error, after):
  with pytest.raises(error):
    with video.VideoWriter(
      tmp_path / 'a.mp4', fps=25, audio=(speech_like(1, 16000), 16000)
    ) as writer:
      for frame in numbered.plain(after):
        writer.write(frame)
      raise error
  assert list(tmp_path.iterdir()) == []


@pytest.fixture
def default_interrupt():
  """Ctrl-C raises, also where the tests run as a background job."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('default_interrupt')
def test_ctrl_c_leaves_nothing(tmp_path):
  with pytest.raises(KeyboardInterrupt):
    with video.VideoWriter(tmp_path / 'a.mp4', fps=25) as writer:
      for index, frame in enumerate(numbered.plain(50)):
        writer.write(frame)
        if index == 20:
          os.kill(os.getpid(), signal.SIGINT)
  assert list(tmp_path.iterdir()) == []


def test_interruption_while_finishing_leaves_nothing(tmp_path, monkeypatch):
  def interrupted(self: encoder.Encoder) -> None:
    raise KeyboardInterrupt

  monkeypatch.setattr(encoder.Encoder, 'finish', interrupted)
  with pytest.raises(KeyboardInterrupt):
    numbered.write(tmp_path / 'a.mp4', numbered.plain(5))
  assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_file_that_was_to_be_replaced(tmp_path):
  path = tmp_path / 'a.mp4'
  path.write_bytes(b'old')
  with pytest.raises(Boom):
    with video.VideoWriter(path, fps=25, overwrite=True) as writer:
      writer.write(numbered.plain(1)[0])
      raise Boom
  assert path.read_bytes() == b'old'
  numbered.write(path, numbered.plain(5), overwrite=True)
  assert video.probe(path).num_frames == 5
  assert os.listdir(tmp_path) == ['a.mp4']


def test_file_gets_the_usual_permissions(tmp_path):
  numbered.write(tmp_path / 'a.mp4', numbered.plain(2))
  (tmp_path / 'usual').touch()
  modes = {p.stat().st_mode for p in tmp_path.iterdir()}
  assert len(modes) == 1


def test_nothing_is_seen_under_the_name_before_the_end(tmp_path):
  path = tmp_path / 'a.mp4'
  with video.VideoWriter(path, fps=25) as writer:
    for frame in numbered.plain(3):
      writer.write(frame)
      assert not path.exists()
    assert writer.num_frames == 3 and writer.size == (64, 48)
  assert path.exists()


def test_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
  path = tmp_path / 'a.mp4'
  with pytest.raises(errors.InputError, match='not overwritten'):
    with video.VideoWriter(path, fps=25) as writer:
      writer.write(numbered.plain(1)[0])
      path.write_bytes(b'theirs')
  assert path.read_bytes() == b'theirs'
  assert os.listdir(tmp_path) == ['a.mp4']


def _existing(folder: pathlib.Path) -> pathlib.Path:
  (folder / 'a.mp4').write_bytes(b'x')
  return folder / 'a.mp4'


def _folder(folder: pathlib.Path) -> pathlib.Path:
  (folder / 'a.mp4').mkdir()
  return folder / 'a.mp4'


def _under_a_file(folder: pathlib.Path) -> pathlib.Path:
  (folder / 'f').write_bytes(b'x')
  return folder / 'f' / 'a.mp4'


@pytest.mark.parametrize(
  ('make', 'found'),
  [
    (_existing, 'found one'),
    (_folder, 'found a directory'),
    (_under_a_file, 'Not a directory'),
    (lambda folder: folder / 'no' / 'a.mp4', 'No such file or directory'),
    (lambda folder: folder / 'a.avi', "found 'a.avi'"),
    (lambda folder: folder / 'a', "found 'a'"),
    (lambda folder: pathlib.Path('/proc/a.mp4'), 'expected a folder to write'),
  ],
)
def test_bad_target_is_an_error_before_any_work(tmp_path, make, found):
  path = make(tmp_path)
  before = sorted(tmp_path.rglob('*'))
  with pytest.raises(errors.InputError) as error:
    video.VideoWriter(path, fps=25)
  message = str(error.value)
  assert str(path) in message and found in message and '\n' not in message
  assert sorted(tmp_path.rglob('*')) == before


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write anywhere')
def test_folder_without_permission_is_an_error(tmp_path):
  tmp_path.chmod(0o500)
  with pytest.raises(errors.InputError, match='Permission denied'):
    video.VideoWriter(tmp_path / 'a.mp4', fps=25)


def test_bad_sound_is_an_error_before_any_work(tmp_path):
  (tmp_path / 'a.wav').write_bytes(b'')
  with pytest.raises(errors.InputError, match='an empty file'):
    video.VideoWriter(tmp_path / 'a.mp4', fps=25, audio=tmp_path / 'a.wav')
  for wave in (np.zeros((3, 9)), np.full(9, np.nan), np.zeros((1, 1, 1))):
    with pytest.raises(errors.InputError, match='audio: expected'):
      video.VideoWriter(tmp_path / 'a.mp4', fps=25, audio=(wave, 16000))
  assert os.listdir(tmp_path) == ['a.wav']


@pytest.mark.parametrize('fps', [0, -25, 241, float('nan'), float('inf')])
def test_bad_frame_rate_is_an_error(tmp_path, fps):
  with pytest.raises(errors.InputError, match='fps: expected'):
    video.VideoWriter(tmp_path / 'a.mp4', fps=fps)


def test_full_disk_is_an_error_and_leaves_nothing(tmp_path):
  # A limit on the size of files stands in for a full disk.
  old = resource.getrlimit(resource.RLIMIT_FSIZE)
  handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
  noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
  try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
    with pytest.raises(errors.InputError, match='room to write') as error:
      numbered.write(
        tmp_path / 'a.mp4', [np.roll(noise, i, 0) for i in range(30)]
      )
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
    signal.signal(signal.SIGXFSZ, handler)
  assert str(tmp_path / 'a.mp4') in str(error.value)
  assert list(tmp_path.iterdir()) == []


def test_writer_refuses_other_frames(tmp_path):
  with pytest.raises(ValueError, match='found uint8 \\(48, 64\\)'):
    numbered.write(tmp_path / 'a.mp4', [numbered.plain(1)[0][..., 0]])
  with pytest.raises(ValueError, match='found float32'):
    numbered.write(
      tmp_path / 'a.mp4', [numbered.plain(1)[0].astype(np.float32)]
    )
  with pytest.raises(ValueError, match='uint8 \\(48, 64, 3\\), found'):
    numbered.write(
      tmp_path / 'a.mp4', [*numbered.plain(2), *numbered.plain(1, 68)]
    )
  with pytest.raises(ValueError, match='uint8 \\(48, 66, 3\\), found'):
    numbered.write(tmp_path / 'a.mp4', numbered.plain(2), size=(66, 48))
  with pytest.raises(ValueError, match='expected a frame, found none'):
    numbered.write(tmp_path / 'a.mp4', [])
  with pytest.raises(ValueError, match='with statement'):
    video.VideoWriter(tmp_path / 'a.mp4', fps=25).write(numbered.plain(1)[0])
  assert list(tmp_path.iterdir()) == []
