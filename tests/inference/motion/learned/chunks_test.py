"""Networks over clips of any length: chunks, batches, seams, latents."""

import jax
import numpy as np
import pytest

from sadtalker_jax.inference.motion.learned import chunks
from sadtalker_jax.models import zoo
from sadtalker_jax.models.sadtalker import expnet, posevae

LENGTHS = [1, 2, 3, 21, 31, 32, 33, 34, 65, 75]
REST = np.float32([0.1, -0.2, 0.05, 0.3, 0.1, -0.5])
EXPNET, POSEVAE = expnet.ExpNet(), posevae.PoseVAE()


@pytest.fixture(scope='module')
def exp_weights():
  return jax.device_put(zoo.noise('expnet'))


@pytest.fixture(scope='module')
def pose_weights():
  return jax.device_put(zoo.noise('posevae'))


@pytest.fixture(scope='module')
def windows() -> np.ndarray:
  rng = np.random.default_rng(3)
  return rng.uniform(-4, 4, (120, 80, 16)).astype(np.float32)


@pytest.fixture(scope='module')
def poses(pose_weights, windows):
  def run(length, *, seed=0, style=0, release=False):
    count = chunks.num_chunks(length, release_chunks=release)
    return chunks.poses(
      POSEVAE,
      pose_weights,
      windows[:length],
      REST,
      style,
      chunks.latents(seed, count),
      release_chunks=release,
    )

  return run


def _published(weights, windows, style, draws) -> np.ndarray:
  """The procedure of method 4.7, 1 to 3, as it is written."""
  apply = jax.jit(POSEVAE.apply, static_argnames=('train', 'method'))
  sound = apply(weights, windows[None, 1:, ..., None], method='encode_audio')
  sound = np.asarray(sound)  # [1, T - 1, 512]
  moving, parts = sound.shape[1], [np.zeros((1, 6), np.float32)]
  draws = iter(draws)

  def decode(embedding):
    latent = next(draws)[None]
    return np.asarray(
      apply(
        weights,
        latent,
        REST[None],
        np.array([style], np.int32),
        embedding,
        train=False,
        method='decode',
      )
    )[0]

  for chunk in range(moving // 32):
    parts.append(decode(sound[:, 32 * chunk : 32 * chunk + 32]))
  left = moving % 32
  if left:
    last = sound[:, -32:]
    missing = 32 - last.shape[1]
    last = np.concatenate([last[:, :1]] * missing + [last], axis=1)
    parts.append(decode(last)[-left:])
  return REST + np.concatenate(parts)


@pytest.mark.parametrize('length', [21, 33, 34, 75])
def test_release_chunks_are_the_published_procedure(
  poses, pose_weights, windows, length
):
  draws = chunks.latents(0, 3)
  want = _published(pose_weights, windows[:length], 7, draws)
  result = poses(length, style=7, release=True)
  np.testing.assert_allclose(result, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('release', [False, True])
@pytest.mark.parametrize('length', LENGTHS)
def test_every_frame_has_a_pose(poses, length, release):
  result = poses(length, release=release)
  assert result.shape == (length, 6) and result.dtype == np.float32
  np.testing.assert_array_equal(result[0], REST)
  assert (np.abs(result[1:] - REST).max(axis=1) > 0.01).all()


@pytest.mark.parametrize('length', range(1, 150))
def test_chunks_are_as_few_as_can_be(length):
  moving = length - 1
  released = chunks.num_chunks(length, release_chunks=True)
  assert released == -(-moving // 32)
  faded = chunks.num_chunks(length)
  assert 24 * faded + 8 >= moving and (faded < 2 or 24 * faded - 16 < moving)
  assert (faded == 0) == (moving == 0)


def test_cross_fading_makes_seams_smaller(monkeypatch, poses):
  def level(module, weights, windows, latent, rest, style):
    """Motion of one value per chunk, so that seams alone move."""
    return np.tile(latent[:6], (32, 1))

  monkeypatch.setattr(chunks, 'decode', level)
  for seed in range(5):
    draws = chunks.latents(seed, 4)[:, :6]
    released = np.abs(np.diff(poses(97, seed=seed, release=True)[1:], axis=0))
    np.testing.assert_allclose(released[31], abs(draws[1] - draws[0]), 1e-4)
    faded = np.abs(np.diff(poses(97, seed=seed)[1:], axis=0))
    seams = np.abs(np.diff(draws, axis=0))
    assert (faded.max(axis=0) < 0.18 * seams.max(axis=0)).all()
    # Chunks overlap in three places, and are left alone in between.
    assert np.count_nonzero(faded.any(axis=1)) == 3 * (chunks.OVERLAP + 1)


def test_overlapping_frames_go_over_from_chunk_to_chunk(
  pose_weights, windows, poses
):
  draws = chunks.latents(0, 2)

  def chunk(first, latent):
    return chunks.poses(
      POSEVAE,
      pose_weights,
      windows[[0, *range(first, first + 32)]],
      REST,
      0,
      latent[None],
    )[1:]

  before, after = chunk(1, draws[0]), chunk(25, draws[1])
  result = poses(57)[1:]
  np.testing.assert_allclose(result[:24], before[:24], atol=1e-5)
  np.testing.assert_allclose(result[32:], after[8:], atol=1e-5)
  share = (result[24:32] - before[24:]) / (after[:8] - before[24:])
  assert (np.diff(share, axis=0) > 0).all()
  np.testing.assert_allclose(share[[0, -1], 0].sum(), 1, atol=1e-2)


def test_longer_clips_begin_like_shorter_ones(poses):
  # Up to where the longer clip begins to fade over to its next chunk.
  np.testing.assert_allclose(poses(57)[:49], poses(100)[:49], atol=1e-5)
  short, long = poses(65, release=True), poses(97, release=True)
  np.testing.assert_allclose(short, long[:65], atol=1e-5)


def test_seeds_and_styles_decide(poses):
  np.testing.assert_array_equal(poses(40), poses(40))
  assert np.abs(poses(40) - poses(40, seed=1)).max() > 1e-3
  assert np.abs(poses(40) - poses(40, style=45)).max() > 1e-3


def test_latents_are_normal_and_independent():
  draws = chunks.latents(5, 200)
  assert draws.dtype == np.float32 and np.isfinite(draws).all()
  assert abs(draws.mean()) < 0.02 and abs(draws.std() - 1) < 0.02
  assert abs(np.mean(np.abs(draws) < 1) - 0.683) < 0.02
  assert np.abs(np.corrcoef(draws)[0, 1:]).max() < 0.5
  np.testing.assert_array_equal(chunks.latents(5, 3), draws[:3])
  assert np.abs(chunks.latents(6, 3) - draws[:3]).min() > 0


def test_another_number_of_latents_is_refused(pose_weights, windows):
  with pytest.raises(ValueError, match='expected 2 latents, found 1'):
    chunks.poses(
      POSEVAE,
      pose_weights,
      windows[:40],
      REST,
      0,
      chunks.latents(0, 1),
    )


@pytest.mark.parametrize('length', LENGTHS)
def test_batches_do_not_change_expressions(
  monkeypatch, exp_weights, windows, length
):
  rng = np.random.default_rng(0)
  reference = rng.standard_normal((length, 64), np.float32)
  blink = rng.random(length, np.float32)
  inputs = EXPNET, exp_weights, windows[:length], reference, blink
  result = chunks.expressions(*inputs)
  assert result.shape == (length, 64) and result.dtype == np.float32
  monkeypatch.setattr(chunks, 'BATCH', 7)
  np.testing.assert_allclose(
    chunks.expressions(*inputs), result, rtol=1e-4, atol=1e-4
  )


def test_clips_of_all_lengths_share_one_compilation(
  poses, exp_weights, windows
):
  def run(length):
    poses(length)
    blink = np.zeros(length, np.float32)
    reference = np.zeros((length, 64), np.float32)
    chunks.expressions(EXPNET, exp_weights, windows[:length], reference, blink)

  def compiled():
    functions = chunks.express, chunks.decode
    return [function._cache_size() for function in functions]

  run(33)
  before = compiled()
  run(5)
  run(90)
  assert compiled() == before
