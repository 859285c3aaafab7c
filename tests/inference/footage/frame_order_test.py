"""Which frames of a clip are shown, and in which order they are read."""

import fractions
import types

import numpy as np
import pytest

from sadtalker_jax.inference.footage import frame_order, person


class _Reader:
  """A video of frames that show their numbers; counts how many were read."""

  size = (2000, 2000)

  def __init__(self, number):
    self.number = number
    self.decoded = 0

  def frames(self, fps):
    del fps
    for place in range(self.number):
      self.decoded += 1
      yield place


@pytest.mark.parametrize(
  ('end', 'expected'),
  [
    ('loop', [0, 1, 2, 1, 0, 1, 2]),
    ('freeze', [0, 1, 2, 2, 2, 2, 2]),
    ('stop', [0, 1, 2]),
  ],
)
def test_clip_shorter_than_the_voice(end, expected):
  assert frame_order.order(3, 7, end).tolist() == expected
  assert frame_order.order(9, 3, end).tolist() == [0, 1, 2]


@pytest.mark.parametrize('number', [1, 2, 3, 60])
def test_frames_are_read_in_that_order(number):
  numbers = frame_order.order(number, 150, 'loop')
  assert np.abs(np.diff(numbers)).max(initial=0) <= 1
  reader = _Reader(number)
  assert list(frame_order.read(reader, 25, numbers)) == numbers.tolist()


def test_what_is_not_asked_for_is_not_decoded():
  reader = _Reader(100)
  assert list(frame_order.read(reader, 25, np.array([3, 9]))) == [3, 9]
  assert reader.decoded == 10


def test_films_are_followed_as_far_as_the_voice_reaches():
  film = types.SimpleNamespace(frames=lambda fps: iter(range(10_000)))
  for seconds, count in ((1, 750), (29.9, 750), (100, 2500), (1000, 10_000)):
    frames = person.followed(film, fractions.Fraction(25), seconds)
    assert sum(1 for _ in frames) == count
