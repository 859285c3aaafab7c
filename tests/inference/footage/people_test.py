"""Who is who in a film: runs of faces put together; two people who speak."""

import types

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.faces import crowd
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.footage import footage, people, people_sheet

FPS = 25.0
_LOOKS = np.random.default_rng(0).uniform(50, 200, (3, 400, 3))
A, B, C = range(3)


def _run(who, first, length, x=100.0, side=60.0):
  points = np.zeros((length, 478, 3), np.float32)
  points[:, 0, :2] = x, 50
  points[:, 33, :2], points[:, 263, :2] = (x, 50), (x + side, 50)
  noise = np.random.default_rng(first).normal(0, 5, _LOOKS[who].shape)
  return crowd.Run(first, points, _LOOKS[who] + noise)


def _film(*shots):
  first, made = 0, []
  for length, *runs in shots:
    made.append(people.ShotRuns(first, length, runs))
    first += length
  return people.Film(first, (400, 200), made, people.gathered(made, FPS))


def _seen(film):
  return [
    [(shot, run.first) for shot, run in person.runs] for person in film.people
  ]


def test_people_are_known_again_after_cuts_whatever_their_order():
  film = _film(
    (50, _run(A, 0, 50, 20), _run(B, 0, 50, 220)),
    (30, _run(B, 0, 30, 150)),
    (40, _run(C, 0, 40), _run(B, 0, 40, 20), _run(A, 0, 40, 220)),
  )
  assert _seen(film) == [[(0, 0), (2, 0)], [(0, 0), (1, 0), (2, 0)], [(2, 0)]]


def test_one_who_is_seen_elsewhere_at_that_time_is_another():
  film = _film((50, _run(A, 0, 50, 20), _run(A, 10, 40, 220)))
  assert _seen(film) == [[(0, 0)], [(0, 10)]]


def test_a_face_that_is_lost_and_found_is_the_same_and_glimpses_are_nobody():
  film = _film((60, _run(A, 0, 20), _run(B, 22, 3, 300), _run(A, 30, 30, 110)))
  assert _seen(film) == [[(0, 0), (0, 30)]]


def test_every_person_is_in_a_frame_of_the_sheet():
  film = _film(
    (50, _run(A, 0, 50, 20), _run(B, 0, 50, 220)), (30, _run(C, 0, 30))
  )
  chosen = people_sheet.frames_of(film)
  assert {n: sorted(faces) for n, faces in chosen.items()} == {
    25: [0, 1],
    65: [2],
  }
  x0, y0, x1, y1 = chosen[65][2]
  assert x1 - x0 == y1 - y0 == 160 and (x0, x1) == (0, 160)


def test_a_speaker_who_is_not_there_and_options_of_one_face_are_refused():
  film = _film((50, _run(A, 0, 50)))
  with pytest.raises(errors.InputError, match='expected faces 0 to 0, found 1'):
    footage._clips(film, {1: 'a.wav'}, FPS, types.SimpleNamespace(model=None))
  for given, is_given, message in (
    (
      {'speakers': {0: 'a'}, 'face_index': 1},
      False,
      'face_index: expected wit',
    ),
    ({'speakers': {0: 'a'}}, True, 'speakers: expected no recording beside'),
    ({}, False, 'audio: expected with a video, found none'),
  ):
    with pytest.raises(errors.InputError, match=message):
      footage.check(is_given, options_lib.Options(**given))
