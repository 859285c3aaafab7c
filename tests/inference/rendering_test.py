"""The stream of frames of many clips, with a renderer that draws numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.inference import rendering, tracks


class Numbers:
  """Draws a frame of one pixel: portrait, first coefficient, 0."""

  def __init__(self, mixes: bool):
    self.mixes, self.reach = mixes, 0
    self.batches: list[tuple[int, int]] = []  # portraits, frames

  def prepare(self, portrait):
    return portrait

  def inputs(self, prepared, motion, index):
    return (motion.coefficients[index, 0],)

  def render(self, portraits, inputs):
    (values,) = inputs
    self.batches.append((len(portraits), len(values)))
    portraits = np.broadcast_to(portraits, values.shape)
    pixels = np.stack([portraits, values, 0 * values], -1)
    return jnp.asarray(pixels.astype(np.uint8)[:, None, None])


def _clip(renderer, portrait: int, length: int) -> rendering.RenderJob:
  rows = np.zeros((length, 70), np.float32)
  rows[:, 0] = np.arange(length)
  return rendering.RenderJob(
    renderer, renderer.prepare(portrait), tracks.still(rows)
  )


def _frames(clips, batch_size: int) -> dict[int, np.ndarray]:
  found: dict[int, list[np.ndarray]] = {}
  for part in rendering.stream(clips, batch_size):
    assert 1 <= len(part.frames) <= batch_size
    found.setdefault(part.clip.prepared, []).append(part.frames)
  return {key: np.concatenate(parts) for key, parts in found.items()}


@pytest.mark.parametrize('mixes', [False, True])
@pytest.mark.parametrize('batch_size', [1, 3, 8, 64])
def test_every_clip_gets_its_own_frames_in_order(mixes, batch_size):
  renderer = Numbers(mixes)
  lengths = [1, 2, 3, 7, 8, 9, 20]
  clips = [_clip(renderer, i, n) for i, n in enumerate(lengths)]
  found = _frames(clips, batch_size)
  assert sorted(found) == list(range(len(lengths)))
  for portrait, length in enumerate(lengths):
    pixels = found[portrait][:, 0, 0]
    np.testing.assert_array_equal(pixels[:, 0], portrait)
    np.testing.assert_array_equal(pixels[:, 1], np.arange(length))


def test_short_clips_share_batches():
  renderer = Numbers(mixes=True)
  _frames([_clip(renderer, i, 2) for i in range(8)], 8)
  assert renderer.batches == [(8, 8), (8, 8)]


def test_batches_have_one_shape():
  renderer = Numbers(mixes=True)
  _frames([_clip(renderer, 0, 20), _clip(renderer, 1, 3)], 8)
  assert {frames for _, frames in renderer.batches} == {8}
  # Where all frames are of one portrait, it is given once.
  assert renderer.batches == [(1, 8), (1, 8), (8, 8)]


def test_batches_far_larger_than_the_work_are_not_filled_up():
  renderer = Numbers(mixes=True)
  found = _frames([_clip(renderer, 0, 40)], 5000)
  assert len(found[0]) == 40 and renderer.batches == [(1, 64)]


def test_clips_of_renderers_that_do_not_mix_stay_apart():
  one, other = Numbers(mixes=False), Numbers(mixes=True)
  clips = [_clip(one, 0, 3), _clip(other, 1, 3), _clip(one, 2, 3)]
  found = _frames([*clips, _clip(other, 3, 3)], 8)
  assert sorted(found) == [0, 1, 2, 3]
  assert one.batches == [(1, 8), (1, 8)]
  assert other.batches == [(8, 8)]


def test_clips_are_taken_only_when_there_is_room():
  renderer = Numbers(mixes=True)
  taken = []

  def clips():
    for i in range(100):
      taken.append(i)
      yield _clip(renderer, i, 4)

  stream = rendering.stream(clips(), 4)
  for _ in range(5):
    next(stream)
  assert len(taken) <= 8
  assert isinstance(next(stream).frames, np.ndarray)
  assert jax.devices()
