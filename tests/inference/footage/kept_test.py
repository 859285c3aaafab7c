"""Drawn frames that are kept: kills, broken records, other clips."""

import pathlib
import signal
import subprocess
import sys

import jax.numpy as jnp
import numpy as np

from sadtalker_jax.inference import rendering, tracks
from sadtalker_jax.inference.footage import kept
from sadtalker_jax.media import reserved_names

_T, _DIES = 11, 7  # frames; the one at which the process is killed
_FILM = np.random.default_rng(0).integers(0, 255, (_T, 12, 16, 3), np.uint8)


class Toy(rendering.Drawer):
  """Turns a part of each frame round; may kill its process."""

  mixes = False

  def __init__(self, dies: int = _T):
    self.drawn: list[int] = []
    self._dies = dies

  def prepare(self, portrait):
    return portrait

  def inputs(self, prepared, track, index):
    return prepared[index], index

  def render(self, portraits, inputs):
    frames, index = inputs
    self.drawn += index.tolist()
    if self._dies in index:
      signal.raise_signal(signal.SIGKILL)
    new = frames.copy()
    new[:, 4:9, 2:7] = 255 - new[:, 4:9, 2:7]
    new[0] = frames[0]  # one that stays
    return jnp.asarray(new)


def _drawn(target: pathlib.Path, toy: Toy, key: str = '0' * 16):
  frames = kept.KeptFrames(target, key)
  drawer = kept.KeptDrawer(toy, frames)
  job = rendering.RenderJob(drawer, _FILM, tracks.still(np.zeros((_T, 70))))
  parts = [np.asarray(part.frames) for part in rendering.stream([job], 3)]
  return np.concatenate(parts), frames


def _names(folder: pathlib.Path) -> list[str]:
  return sorted(path.name for path in folder.iterdir())


def test_a_killed_run_is_gone_on_with_to_the_same_frames(tmp_path):
  target = tmp_path / 'out.mp4'
  made = subprocess.run([sys.executable, __file__, str(target)], check=False)
  assert made.returncode == -signal.SIGKILL
  assert _names(tmp_path) == [f'.out.mp4.{"0" * 16}.drawn']
  toy = Toy()
  found, frames = _drawn(target, toy)
  assert sorted(set(toy.drawn)) == list(range(6, _T))  # batches of three
  want, other = _drawn(tmp_path / 'whole.mp4', Toy())
  np.testing.assert_array_equal(found, want)
  assert len(frames) == len(other) == _T
  for one in (frames, other):
    one.close(remove=True)
  assert not _names(tmp_path)


def test_what_is_broken_or_of_another_clip_is_drawn_again(tmp_path):
  target = tmp_path / 'out.mp4'
  want, frames = _drawn(target, Toy())
  frames.close(remove=False)
  (file,) = tmp_path.iterdir()
  file.write_bytes(file.read_bytes()[:-3])
  toy = Toy()
  found, frames = _drawn(target, toy)
  np.testing.assert_array_equal(found, want)
  assert sorted(set(toy.drawn)) == [9, 10]  # the batch of the broken one
  # While this process has it, another one draws without.
  assert len(kept.KeptFrames(target, '0' * 16)) == 0
  frames.close(remove=False)
  toy = Toy()
  _, frames = _drawn(target, toy, key='1' * 16)
  assert len(set(toy.drawn)) == _T
  assert _names(tmp_path) == [f'.out.mp4.{"1" * 16}.drawn']
  frames.close(remove=True)


def test_names_that_no_other_run_has_keep_nothing(tmp_path):
  with reserved_names.reserved(tmp_path, 'now', '.mp4') as target:
    _, frames = _drawn(target, Toy())
    frames.close(remove=False)
  assert not _names(tmp_path)
  (tmp_path / '.then.reserved').touch()  # of a killed run
  (tmp_path / f'.then.mp4.{"0" * 16}.drawn').write_bytes(b'1')
  with reserved_names.reserved(tmp_path, 'now', '.mp4'):
    assert _names(tmp_path) == ['.now.reserved']


def test_a_full_disk_ends_keeping_and_not_the_run(tmp_path, monkeypatch):
  frames = kept.KeptFrames(tmp_path / 'out.mp4', '0' * 16)
  assert len(frames) == 0

  class Full:
    def __getattr__(self, name):
      return getattr(file, name)

    def write(self, data):
      raise OSError(28, 'No space left on device')

  file, frames._file = frames._file, Full()
  frames.add(_FILM[0], _FILM[1])
  assert len(frames) == 0 and not _names(tmp_path)
  frames.add(_FILM[0], _FILM[1])


if __name__ == '__main__':
  _drawn(pathlib.Path(sys.argv[1]), Toy(_DIES))
