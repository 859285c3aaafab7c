"""Several faces followed: they come, leave, cross; looks tell them apart."""

import types

import numpy as np
import pytest

from sadtalker_jax.faces import appearance, crowd, detector

SIDE = 40  # pixels of a face
_SHAPE = np.random.default_rng(0).uniform(0, SIDE, (478, 3)).astype(np.float32)
_SHAPE[:2, :2] = [[0, 0], [SIDE, SIDE]]


class World:
  """Faces at places [T, 2] (nan: away); a frame is its number."""

  def __init__(self, *paths: np.ndarray, front: int = 0):
    self._paths = paths
    self._front = front  # who hides the others
    length = len(paths[0])
    self.frames = [np.full((200, 400, 3), k, np.uint8) for k in range(length)]

  def _seen(self, number: int) -> dict[int, np.ndarray]:
    places = {i: path[number] for i, path in enumerate(self._paths)}
    here = {i: place for i, place in places.items() if not np.isnan(place[0])}
    hiding = here.get(self._front)
    return {
      i: place
      for i, place in here.items()
      if i == self._front
      or hiding is None
      or np.linalg.norm(place - hiding) > 0.6 * SIDE
    }

  def detect(self, picture, face=None, *, thorough=True):
    """Faces of a frame; or the landmarks of one, as `Follower` has it."""
    del thorough
    if face is not None:
      return self._at(picture, np.array(face.box[:2]))
    boxes = [(*p, *(p + SIDE)) for p in self._seen(picture[0, 0, 0]).values()]
    return [detector.Detection(b, 1.0, np.zeros((6, 2))) for b in boxes]

  def follow(self, picture, before):
    """The nearest face, as the network would take it."""
    return self._at(picture, before[0, :2])

  def _at(self, picture, corner):
    places = list(self._seen(picture[0, 0, 0]).values())
    away = [np.linalg.norm(place - corner) for place in places]
    if not away or min(away) > SIDE:
      return types.SimpleNamespace(points=None, confidence=0.0)
    points = _SHAPE.copy()
    points[:, :2] += places[int(np.argmin(away))]
    return types.SimpleNamespace(points=points, confidence=1.0)


def _line(start, stop, length):
  steps = np.linspace(start, stop, length)
  return np.stack([steps, np.full(length, 80.0)], 1)


def _runs(world):
  return crowd.track(world.frames, world, world)


def test_each_face_has_a_run_from_where_it_is_seen():
  away = np.full((12, 2), np.nan)
  comes = np.concatenate([away, _line(200, 210, 28)])
  leaves = np.concatenate([_line(20, 30, 15), np.full((25, 2), np.nan)])
  runs = _runs(World(_line(100, 110, 40), leaves, comes))
  # The one who comes is found because another is lost and looked for.
  found = sorted((run.first, run.stop) for run in runs)
  assert found == [(0, 15), (0, 40), (15, 40)]
  assert runs[2].points[0, 0, 0] == pytest.approx(comes[15, 0])


def test_people_who_cross_are_two_before_and_after():
  one, two = _line(40, 240, 60), _line(240, 40, 60)
  runs = _runs(World(one, two))
  front, *others = sorted(runs, key=lambda run: -len(run.points))
  assert len(front.points) == 60
  np.testing.assert_allclose(front.points[:, 0, 0], one[:, 0], atol=1e-4)
  assert len(others) == 2
  for run in others:
    np.testing.assert_allclose(
      run.points[:, 0, 0], two[run.first : run.stop, 0], atol=1e-4
    )
  assert sum(len(run.points) for run in others) > 40


def test_looks_do_not_depend_on_place_size_or_exposure():
  rng = np.random.default_rng(1)
  points = np.float32(rng.uniform(20, 100, (478, 3)))
  coarse = rng.uniform(40, 160, (2, 6, 6, 3)).repeat(20, 1).repeat(20, 2)
  one, other = coarse.astype(np.uint8)
  look = appearance.look(one, points)
  twice = one.repeat(2, 0).repeat(2, 1)
  same = [
    appearance.look(np.roll(one, (9, 7), (0, 1)), points + [7, 9, 0]),
    appearance.look(twice, 2 * points),
    appearance.look((1.4 * one).astype(np.uint8), points),
  ]
  for seen in same:
    assert appearance.distance(look, seen) < 0.1
  assert appearance.distance(look, appearance.look(other, points)) > 0.3
