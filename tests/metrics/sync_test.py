"""SyncNet's distances against its own program; offsets; windows."""

import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.metrics import sync
from sadtalker_jax.ops import mfcc


def _embeddings(count: int) -> np.ndarray:
  return np.random.default_rng(count).normal(size=(count, 32))


def test_distances_are_the_reference(golden):
  found = sync.lse(golden['lse/in/lip'], golden['lse/in/audio'])
  # Means of float32 there.
  np.testing.assert_allclose(
    found.distances, golden['lse/out/mean_distance'], rtol=1e-6
  )
  assert found.lse_d == pytest.approx(float(golden['lse/out/lse_d']), rel=1e-6)
  assert found.lse_c == pytest.approx(float(golden['lse/out/lse_c']), rel=1e-6)
  assert found.offset == -golden['lse/out/offset']  # the other sign


@pytest.mark.parametrize('late', [-15, -4, 0, 7, 15])
def test_late_sound_has_a_positive_offset(late):
  both = _embeddings(100)
  sound, lips = both[20 - late : 80 - late], both[20:80]
  found = sync.lse(lips, sound)
  assert found.offset == late
  assert found.lse_d == found.distances[15 + late] == found.distances.min()


def test_the_same_embeddings_are_in_sync():
  both = _embeddings(16)
  found = sync.lse(both, both)
  # torch's epsilon is in every difference.
  assert found.offset == 0
  assert found.lse_d == pytest.approx(1e-6 * np.sqrt(32))
  assert found.lse_c == pytest.approx(np.median(found.distances), abs=1e-5)


def test_windows_are_counted_as_by_syncnet():
  assert sync.num_windows(200, 200 * 640) == 195
  assert sync.num_windows(200, 200 * 640 - 1) == 194
  assert sync.num_windows(4, 10**6) == 0


def test_windows_of_sound_start_four_steps_apart():
  wave = np.random.default_rng(0).integers(-9999, 9999, 8000).astype(np.int16)
  found = sync.sound_windows(wave, 7)
  steps = mfcc.mfcc(wave)
  assert found.shape == (7, 13, 20, 1) and found.dtype == np.float32
  np.testing.assert_array_equal(found[6, :, :, 0], steps[24:44].T)
  ended = sync.sound_windows(wave[:3000], 2)
  np.testing.assert_array_equal(ended[1, :, -1, 0], mfcc.mfcc(wave[:3000])[-1])


@pytest.mark.parametrize('count', [1, 4, 9])
def test_lips_are_embedded_window_by_window(count):
  views = np.random.default_rng(count).integers(
    0, 256, (count + 4, 3, 2, 3), np.uint8
  )

  def network(frames):
    assert frames.shape == (1, 8, 3, 2, 3) and frames.dtype == np.float32
    means = jnp.asarray(frames).mean((2, 3))  # [1, 8, 3]
    return jnp.concatenate([means[:, i : i + 4] for i in range(5)], -1)

  found = sync.embed_lips(network, views, count, batch=4)
  want = [views[i : i + 5].mean((1, 2)).reshape(-1) for i in range(count)]
  np.testing.assert_allclose(found, want, rtol=1e-5)


def test_sound_is_embedded_window_by_window():
  wave = np.random.default_rng(0).integers(-9999, 9999, 8000).astype(np.int16)
  found = sync.embed_sound(lambda x: x.mean((2, 3)), wave, 7, batch=3)
  want = sync.sound_windows(wave, 7).mean((2, 3))
  np.testing.assert_allclose(found, want, rtol=1e-6)


def test_other_input_is_told():
  with pytest.raises(ValueError, match='more than 15'):
    sync.lse(_embeddings(15), _embeddings(15))
  with pytest.raises(ValueError, match='twice'):
    sync.lse(_embeddings(20), _embeddings(21))
  with pytest.raises(ValueError, match='at least 1 window'):
    sync.sound_windows(np.zeros(640, np.int16), 0)
  with pytest.raises(ValueError, match='4 views more'):
    sync.embed_lips(lambda x: x, np.zeros((7, 2, 2, 3)), 4)
