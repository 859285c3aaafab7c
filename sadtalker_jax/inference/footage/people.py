"""Who is seen in a film: runs of faces put together, person by person.

People are numbered as they appear: those of the first frame with any by their
size, the largest first, as `face_index` numbers them; then whoever comes later.
A run belongs to the person who looks most like it (`faces.appearance`) and is
not seen elsewhere at that time; within a shot also to whoever was lost nearby.
One whom nobody resembles is another person.
"""

from collections.abc import Iterable, Iterator, Sequence
import dataclasses
import itertools
import math
from typing import NamedTuple

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.face3d import measures
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.faces import appearance, crowd, landmarks
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.inference.footage import following

# Looks that are farther apart are of two people; and those lost nearby.
_ALIKE, _NEARBY = 0.25, 0.35
_AWAY = 1.0  # seconds for which a lost face is waited for where it was
_REACH = 1.5  # of the place where it was lost, in sides of the face
_LEAST = 0.2  # seconds of a run that may show a person who was not seen before


class ShotRuns(NamedTuple):
  """The faces of a shot."""

  first: int  # number of its first frame in the film
  length: int  # frames
  runs: list[crowd.Run]


class Film(NamedTuple):
  """A film whose people were followed."""

  num_frames: int
  size: tuple[int, int]  # width, height
  shots: list[ShotRuns]
  people: list['Person']


@dataclasses.dataclass(eq=False)
class Person:
  """The runs of one person, by place of the shot in the film."""

  runs: list[tuple[int, crowd.Run]]
  look: np.ndarray  # [V, 3] mean of all frames
  seen: int  # frames

  def add(self, shot: int, run: crowd.Run) -> None:
    """Adds a run."""
    count = len(run.points)
    self.look = (self.seen * self.look + count * run.look) / (self.seen + count)
    self.seen += count
    self.runs.append((shot, run))


def follow(
  frames: Iterable[np.ndarray], fps: float, bundle: bundle_lib.Bundle
) -> Film:
  """Finds the people of a film.

  Args:
    frames: uint8 [H, W, 3] each; read once.
    fps: Frames per second.
    bundle: Landmark networks and face detector.

  Raises:
    InputError: there is no face that can be re-voiced.
  """
  shots: list[ShotRuns] = []
  first, size = 0, (0, 0)
  for part in following.by_shot(frames):
    counted = following.Counted(part)
    runs = bundle.landmarker.track_all(counted)
    size = counted.size
    shots.append(ShotRuns(first, counted.number, _large(runs)))
    first += counted.number
  people = gathered(shots, fps)
  if not people:
    raise errors.InputError(
      f'expected faces with at least {portrait_lib.MIN_FACE} pixels between '
      f'the eyes, found none in {first} frames'
    )
  return Film(first, size, shots, people)


def gathered(shots: Iterable[ShotRuns], fps: float) -> list[Person]:
  """The people to whom the runs of all shots belong, as they appear."""
  people: list[Person] = []
  for number, shot in enumerate(shots):
    least = min(_LEAST * fps, shot.length)
    for _, together in itertools.groupby(shot.runs, key=lambda run: run.first):
      runs = list(together)
      known: set[int] = set()
      for which, place in _known(people, number, runs, fps):
        people[which].add(number, runs[place])
        known.add(place)
      people += [
        Person([(number, run)], run.look, len(run.points))
        for place, run in enumerate(runs)
        if place not in known and len(run.points) >= least
      ]
  return people


def clip(
  film: Film, person: Person, fps: float, model: morphable.MorphableModel
) -> following.Clip:
  """A film as one of its people is followed through it.

  Args:
    film: Film.
    person: One of its people.
    fps: Frames per second.
    model: Face model.
  """
  found = []
  for number, runs in itertools.groupby(person.runs, key=lambda pair: pair[0]):
    shot = film.shots[number]
    points = np.zeros((shot.length, landmarks.POINTS, 3), np.float32)
    known = np.zeros(shot.length, bool)
    for _, run in runs:
      points[run.first : run.stop] = run.points
      known[run.first : run.stop] = True
    last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    points = points[np.where(last < 0, int(np.argmax(known)), last)]
    made = following.fitted(shot.first, points, known, film.size, fps, model)
    found += [] if made is None else [made]
  return following.Clip(film.num_frames, film.size, found)


def _large(runs: Iterable[crowd.Run]) -> list[crowd.Run]:
  """The runs whose face is somewhere large enough."""
  return [
    run
    for run in runs
    if measures.interocular(run.points[..., :2]).max() >= portrait_lib.MIN_FACE
  ]


def _known(
  people: Sequence[Person], number: int, runs: Sequence[crowd.Run], fps: float
) -> Iterator[tuple[int, int]]:
  """People whose runs are among those that begin together, and which it is."""
  pairs = [
    (_unlikeness(person, number, run, fps), which, place)
    for which, person in enumerate(people)
    for place, run in enumerate(runs)
  ]
  taken: set[int] = set()
  placed: set[int] = set()
  for unlikeness, which, place in sorted(pairs):
    if unlikeness < 1 and which not in taken and place not in placed:
      taken.add(which)
      placed.add(place)
      yield which, place


def _unlikeness(
  person: Person, number: int, run: crowd.Run, fps: float
) -> float:
  """How little a run can be of a person; from 1 on it is of another."""
  here = [other for shot, other in person.runs if shot == number]
  if any(other.stop > run.first for other in here):
    return math.inf
  limit = _ALIKE
  if here:
    last = max(here, key=lambda other: other.stop)
    centre, side = crowd.centre_and_side(last.points[-1])
    away, _ = crowd.centre_and_side(run.points[0])
    near = np.linalg.norm(away - centre) < _REACH * side
    if near and run.first - last.stop < _AWAY * fps:
      limit = _NEARBY
  return appearance.distance(person.look, run.look) / limit
