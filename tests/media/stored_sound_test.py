"""Sound on disk is the same as in memory, and needs none."""

import tempfile

import numpy as np
import pytest

from sadtalker_jax.inference.motion.phonetic import phonetic_motion
from sadtalker_jax.media import stored_sound
from sadtalker_jax.ops import waves

WAVE = np.sin(np.arange(9_000) / 9).astype(np.float32)


def _pieces(number=9):
  return iter(np.array_split(WAVE, number))


@pytest.fixture
def small(monkeypatch):
  monkeypatch.setattr(stored_sound, 'IN_MEMORY', 2_500)


def test_few_samples_stay_in_memory():
  kept = stored_sound.stored(_pieces())
  assert isinstance(kept, np.ndarray)
  np.testing.assert_array_equal(kept, WAVE)


def test_slices_are_those_of_the_array(small, tmp_path, monkeypatch):
  monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
  kept = stored_sound.stored(_pieces())
  assert isinstance(kept, stored_sound.StoredSound)
  assert not list(tmp_path.iterdir())  # no name, nothing to be left over
  assert waves.checked(kept) is kept
  assert kept.shape == WAVE.shape
  for part in (slice(None), slice(7, 4_000), slice(-3, 99_999), slice(5, 2)):
    np.testing.assert_array_equal(kept[part], WAVE[part])
  np.testing.assert_array_equal(np.concatenate([*waves.blocks(kept)]), WAVE)
  around = waves.between(kept, -2, 9_003)
  np.testing.assert_array_equal(around, np.pad(WAVE, (2, 3)))


@pytest.mark.parametrize('writes', [None, 0, 3])
def test_without_room_on_disk_memory_serves(small, monkeypatch, writes):
  if writes is None:
    monkeypatch.setattr(tempfile, 'TemporaryFile', _full)
  else:
    made = stored_sound._write
    left = [writes]

    def write(file, data):
      left[0] -= 1
      if left[0] < 0:
        file.write(data[:5])  # a part of it is still written
        _full()
      made(file, data)

    monkeypatch.setattr(stored_sound, '_write', write)
  kept = stored_sound.stored(_pieces())
  assert isinstance(kept, np.ndarray)
  np.testing.assert_array_equal(kept, WAVE)


class _Counted:
  """Sound that notes how much of it was taken at once."""

  def __init__(self, wave):
    self._wave, self.most = wave, 0
    self.ndim, self.dtype = wave.ndim, wave.dtype

  def __len__(self):
    return len(self._wave)

  def __getitem__(self, part):
    taken = self._wave[part]
    self.most = max(self.most, len(taken))
    return taken


def test_motion_never_takes_more_than_a_minute_of_sound():
  rng = np.random.default_rng(0)
  noise = (0.1 * rng.standard_normal(16_000 * 99)).astype(np.float32)
  noise *= np.arange(len(noise)) // 16_000 % 3 > 0
  wave = _Counted(noise)
  motion = phonetic_motion.PhoneticMotion()
  motion.track(wave, source=np.zeros(70, np.float32), num_frames=2475)
  assert 0 < wave.most < 16_000 * 60


def _full(**_):
  raise OSError(28, 'No space left on device')
