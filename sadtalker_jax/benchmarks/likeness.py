"""How much default videos look like real ones: measures of landmarks, in pairs.

Each real clip is driven again from its first frame by its own sound, with the
default options, and both are measured alike. Lengths are shares of the distance
between the outer corners of the eyes, in thousandths; spread is the standard
deviation over a clip. A table says real, ours, and the share of the real one.
"""

from collections.abc import Iterable, Iterator, Mapping
import itertools
import pathlib
from typing import NamedTuple

import numpy as np

import sadtalker_jax
from sadtalker_jax import conventions, errors
from sadtalker_jax.evaluation.measures import heads
from sadtalker_jax.evaluation.statistics import bootstrap
from sadtalker_jax.face3d import measures as face_measures
from sadtalker_jax.faces import landmarks
from sadtalker_jax.media import audio, video
from sadtalker_jax.metrics import blinking, lips

SUFFIXES = frozenset(['.mp4', '.mpg', '.mkv', '.mov', '.webm', '.avi'])
LEAST = 25  # frames of a clip

_CORNERS = (33, 263)
_BROWS = [105, 334, 66, 296]
_IRISES = ((468, 33, 133), (473, 362, 263))  # centre and corners of an eye
_NOSE = 1
_MOUTH = (61, 291)
_BLINKING = 0.7  # share of the usual opening, below which gaze is not measured


class Side(NamedTuple):
  """What is measured of one video."""

  values: dict[str, float]
  gap: np.ndarray  # [T] opening of the lips
  rate: float  # frames a second


def run(
  folder: str, made: str | None, seconds: float, size: int
) -> Iterator[str]:
  """The lines of a table in Markdown, and of what was left out.

  Args:
    folder: Folder of real clips.
    made: Folder of generated clips of the same names; None to make them.
    seconds: Length of each clip that is looked at.
    size: Side of generated crops, pixels.

  Raises:
    InputError: the folder has no videos, or none can be measured.
  """
  found: list[tuple[Mapping[str, float], Mapping[str, float]]] = []
  left_out = []
  for path in clips(folder):
    try:
      real = measured(_frames(path, seconds), _rate(path))
      ours = _ours(path, made, seconds, size)
    except errors.InputError as error:
      left_out.append(f'- {path.name}: {error}')
      continue
    together = _lip_correlation(real, ours)
    found.append(
      (
        {**real.values, 'lip correlation': 1.0},
        {**ours.values, 'lip correlation': together},
      )
    )
  if not found:
    raise errors.InputError(
      f'{folder}: expected clips of a talking face, found none\n'
      + '\n'.join(left_out)
    )
  yield from table(found)
  if left_out:
    yield from ['', 'Left out:', '', *left_out]


def clips(folder: str) -> list[pathlib.Path]:
  """The videos of a folder, by name.

  Raises:
    InputError: there are none.
  """
  paths = sorted(
    path
    for path in pathlib.Path(folder).glob('*')
    if path.suffix.lower() in SUFFIXES
  )
  if not paths:
    raise errors.InputError(f'{folder}: expected videos, found none')
  return paths


def measured(frames: Iterable[np.ndarray], rate: float) -> Side:
  """The measures of a video of one face.

  Args:
    frames: uint8 [H, W, 3] each.
    rate: Frames a second.

  Raises:
    InputError: there are too few frames, or a face is missing in more than a
      tenth of them.
  """
  found = landmarks.FaceMesh().track(frames)
  if len(found.points) < LEAST:
    raise errors.InputError(
      f'expected {LEAST} frames or more, found {len(found.points)}'
    )
  if found.found.mean() < 0.9:
    raise errors.InputError(
      f'expected a face in every frame, found {found.found.sum()} of '
      f'{len(found.found)}'
    )
  points = found.points.astype(np.float64)
  return Side(of_points(points, rate), face_measures.lip_gap(points), rate)


def of_points(points: np.ndarray, rate: float) -> dict[str, float]:
  """The measures of landmarks [T, 478, 3] at `rate` frames a second."""
  flat = points[..., :2]
  eyes = face_measures.interocular(flat)
  usual = float(eyes.mean())
  opening = face_measures.eye_openness(points).mean(-1)
  awake = opening > _BLINKING * np.median(opening)
  local = _upright(flat)
  brows = -local[:, _BROWS, 1]
  looks = np.mean(
    [local[:, i] - local[:, [a, b]].mean(1) for i, a, b in _IRISES], axis=0
  )
  width = np.linalg.norm(np.subtract(*(flat[:, i] for i in _MOUTH)), axis=1)
  nose = flat[:, _NOSE] / usual
  speed = np.linalg.norm(np.diff(nose, axis=0), axis=1).mean() * rate / 25
  return {
    'closest lid aperture / median': float(opening.min() / np.median(opening)),
    'blinks a minute': blinking.blinks(opening, fps=rate).rate,
    'head spread, degrees': float(heads.degrees(points).std(0).mean()),
    'brow spread': float(1000 * brows[awake].std(0).mean()),
    'gaze spread': float(1000 * looks[awake].std(0).mean()),
    'mouth-width variation, percent': float(100 * (width / eyes).std())
    / float((width / eyes).mean()),
    'nod spread (vertical)': float(1000 * nose[:, 1].std()),
    'nose speed a 25th of a second': float(1000 * speed),
    'lip-gap median': float(1000 * np.median(face_measures.lip_gap(points))),
  }


def table(
  pairs: Iterable[tuple[Mapping[str, float], Mapping[str, float]]],
) -> Iterator[str]:
  """Lines of Markdown: means over clips, and the range of some measures.

  Shares are of means over clips, with 95 % intervals over resampled clips.
  """
  pairs = list(pairs)
  drawn = bootstrap.weights(len(pairs))
  yield f'| measure, {len(pairs)} clips | real | ours | share (95 %) |'
  yield '|---|---|---|---|'
  for name in pairs[0][0]:
    real, ours = (np.array([pair[i][name] for pair in pairs]) for i in range(2))
    yield (
      f'| {name} | {real.mean():.3g} | {ours.mean():.3g} | '
      f'{_share(real, ours, drawn)} |'
    )
    if name in _RANGES:
      low, high = (
        f'{side.min():.2f} to {side.max():.2f}' for side in (real, ours)
      )
      yield f'| {name}: least and greatest | {low} | {high} | |'


def _share(real: np.ndarray, ours: np.ndarray, drawn: np.ndarray) -> str:
  """The share of real values [N] that ours [N] have, and its interval."""
  if not real.mean():
    return '-'
  with np.errstate(divide='ignore', invalid='ignore'):
    span = bootstrap.interval((drawn @ ours) / (drawn @ real))
  share = f'{ours.mean() / real.mean():.2f}'
  return share if span is None else f'{share} ({span[0]:.2f} to {span[1]:.2f})'


_RANGES = ('closest lid aperture / median', 'head spread, degrees')


def _upright(flat: np.ndarray) -> np.ndarray:
  """Points [T, N, 2] about the middle of the eyes, their line level; shares."""
  first, second = (flat[:, i] for i in _CORNERS)
  along = second - first
  length = np.linalg.norm(along, axis=1, keepdims=True)
  along = along / length
  down = np.stack([-along[:, 1], along[:, 0]], 1)
  offset = flat - ((first + second) / 2)[:, None]
  turned = np.stack(
    [np.einsum('tni,ti->tn', offset, axis) for axis in (along, down)], -1
  )
  return turned / length[:, None]


def _lip_correlation(real: Side, ours: Side) -> float:
  """Correlation of the lips of two videos, at the rate of the second."""
  seconds = min(len(real.gap) / real.rate, len(ours.gap) / ours.rate)
  times = np.arange(int(seconds * ours.rate)) / ours.rate
  curves = (
    np.interp(times, np.arange(len(side.gap)) / side.rate, side.gap)
    for side in (real, ours)
  )
  return lips.correlation(*curves)


def _ours(
  path: pathlib.Path, made: str | None, seconds: float, size: int
) -> Side:
  """The measures of the generated clip beside a real one.

  Args:
    path: Real clip.
    made: Folder that holds the generated one; None to make it.
    seconds: Length that is looked at.
    size: Side of the crop, pixels.
  """
  if made is not None:
    other = pathlib.Path(made) / path.name
    return measured(_frames(other, seconds), _rate(other))
  wave = audio.load(path)[: int(seconds * conventions.SAMPLE_RATE)]
  clip = sadtalker_jax.Animator.from_pretrained().animate(
    path, (wave, conventions.SAMPLE_RATE), size=size, mark='off'
  )
  return measured(clip.frames(), float(clip.fps))


def _rate(path: pathlib.Path) -> float:
  return float(video.probe(path).fps)


def _frames(path: pathlib.Path, seconds: float) -> Iterator[np.ndarray]:
  """The first frames of a video."""
  with video.VideoReader(path) as reader:
    yield from itertools.islice(reader, max(int(seconds * reader.fps), 1))
