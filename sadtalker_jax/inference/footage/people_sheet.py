"""The people of a film with their numbers, to say who speaks."""

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.faces import crop, crowd
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import face_list, inputs
from sadtalker_jax.inference.footage import frame_order, people
from sadtalker_jax.media import video
from sadtalker_jax.ops import resize

_WIDTH = 480  # pixels of a frame in the sheet
_COLUMNS = 3
_MOST = 24  # frames


def drawn(
  path: inputs.Path, bundle: bundle_lib.Bundle, fps: float | None = None
) -> np.ndarray:
  """Frames of a film in which its people can be seen, with numbers.

  The whole film is followed, as it is to be re-voiced.

  Args:
    path: Video file.
    bundle: Landmark networks.
    fps: Rate at which the film is to be shown; None for its own.

  Returns:
    [H, W, 3] uint8, a grid of frames, in each of them someone new.

  Raises:
    InputError: the file is no video, or shows no face that is large enough.
  """
  reader = video.VideoReader(path)
  rate = video.as_rate(fps or reader.fps)
  try:
    film = people.follow(reader.frames(fps=rate), float(rate), bundle)
  except errors.InputError as error:
    raise errors.InputError(f'{path}: {error}') from error
  chosen = frames_of(film)
  shown = []
  numbers = np.array(sorted(chosen))
  frames = frame_order.read(reader, rate, numbers)
  height = round(_WIDTH * film.size[1] / film.size[0])
  for number, frame in zip(numbers.tolist(), frames, strict=True):
    marked = face_list.drawn(frame, chosen[number], least=film.size[0] // 20)
    box = 0.0, 0.0, float(film.size[0]), float(film.size[1])
    small = resize.window(marked, box, (_WIDTH, height))
    shown.append(np.rint(small).astype(np.uint8))
  return _grid(shown)


def frames_of(film: people.Film) -> dict[int, dict[int, crop.Box]]:
  """Numbers of frames, with the people who are seen there and their boxes.

  Each person is in one of them, the first 24 frames with someone new.
  """
  chosen: dict[int, dict[int, crop.Box]] = {}
  met: set[int] = set()
  for which, person in enumerate(film.people):
    if which in met or len(chosen) == _MOST:
      continue
    shot, run = max(person.runs[:3], key=lambda pair: len(pair[1].points))
    number = film.shots[shot].first + run.first + len(run.points) // 2
    chosen[number] = {
      other: box
      for other, person in enumerate(film.people)
      if (box := _box(film, person, number)) is not None
    }
    met |= chosen[number].keys()
  return chosen


def _box(
  film: people.Film, person: people.Person, number: int
) -> crop.Box | None:
  """Where a person is in a frame; None if not seen there."""
  for shot, run in person.runs:
    place = number - film.shots[shot].first - run.first
    if 0 <= place < len(run.points):
      centre, side = crowd.centre_and_side(run.points[place])
      (x0, y0), (x1, y1) = centre - side / 2, centre + side / 2
      return float(x0), float(y0), float(x1), float(y1)
  return None


def _grid(pictures: list[np.ndarray]) -> np.ndarray:
  """Pictures of one size side by side, three in a line."""
  columns = min(len(pictures), _COLUMNS)
  blank = np.zeros_like(pictures[0])
  pictures = pictures + [blank] * (-len(pictures) % columns)
  lines = [
    np.concatenate(pictures[start : start + columns], axis=1)
    for start in range(0, len(pictures), columns)
  ]
  return np.concatenate(lines)
