"""How good weights of the phonetic lips are, by phones and by real lips.

Phones are those of the packaged recording, which nobody learns from
(`data/librivox_0870.csv`: times that come with it in the package pocketsphinx).
Real lips are those of clips of talking faces, if there are any.
"""

from collections.abc import Sequence
import dataclasses
import pathlib
from typing import NamedTuple

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.face3d import measures
from sadtalker_jax.faces import landmarks
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.motion.phonetic import hearing, mouth
from sadtalker_jax.media import audio, video
from sadtalker_jax.metrics import speaking
from sadtalker_jax.ops import lip_classes
from sadtalker_jax.typing import Variables

_PHONES = pathlib.Path(__file__).resolve().parent / 'data' / 'librivox_0870.csv'
_FINE = 100.0  # frames a second at which phones are looked at
_SUFFIXES = ('.mp4', '.mpg', '.mov', '.mkv', '.webm', '.avi')


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
  """Sound of a talking face, and its lips; T frames."""

  name: str
  wave: np.ndarray  # [L] at 16 kHz
  fps: float
  gap: np.ndarray  # [T], shares of the eye distance
  width: np.ndarray  # [T]


class Scores(NamedTuple):
  """Of weights: phones of the recording, and means over clips."""

  closures: speaking.Closures
  rounding: float  # separation d of spread from rounded phones
  full: float  # r of the gap over whole clips; NaN without clips
  speech: float  # where there is speech
  width: float  # r of the width there
  gap: np.ndarray  # [3] quantiles of the gap in speech
  real_gap: np.ndarray  # [3] those of the real lips


def read_clips(folder: pathlib.Path) -> list[Clip]:
  """The videos of a folder, their faces tracked.

  Raises:
    InputError: There are none, or one of them has no face or no sound.
  """
  if not folder.is_dir():
    raise errors.InputError(f'--clips: expected a folder, found {folder}')
  files = sorted(p for p in folder.iterdir() if p.suffix in _SUFFIXES)
  if not files:
    raise errors.InputError(f'--clips: expected videos in {folder}, found none')
  return [_read(file) for file in files]


def score(params: Variables | None, clips: Sequence[Clip] = ()) -> Scores:
  """Scores of weights; None for those that ship."""
  gap, width = _lips(params, audio.load(bundle.SAMPLE_SPEECH), _FINE)
  segments = _segments()
  separated = speaking.rounding(width, _FINE, segments)
  rows = [_against(params, clip) for clip in clips]
  # Of no clips there is nothing to be a mean of.
  means = np.mean(rows or [np.full(9, np.nan)], axis=0)
  return Scores(
    speaking.closures(gap, _FINE, segments),
    speaking.separation(*separated),
    float(means[0]),
    float(means[1]),
    float(means[2]),
    means[3:6],
    means[6:],
  )


def table(rows: dict[str, Scores], clips: int) -> str:
  """A table in Markdown, a row for each name.

  Args:
    rows: Scores by what has them.
    clips: Number of clips.
  """
  head = ['', 'p b m closed', 'false closures', 'rounding d']
  if clips:
    head += [f'gap r, {clips} clips', 'in speech', 'width', 'gap p10/50/90']
  lines = [head, ['---'] * len(head)]
  for name, found in rows.items():
    count = found.closures
    line = [
      name,
      f'{count.shut} of {count.bilabials}',
      f'{count.false} of {count.others}',
      f'{found.rounding:.2f}',
    ]
    if clips:
      line += [f'{x:.3f}' for x in (found.full, found.speech, found.width)]
      line.append(_numbers(found.gap))
    lines.append(line)
  if clips:
    real = next(iter(rows.values())).real_gap
    lines.append(['real lips', *[''] * (len(head) - 2), _numbers(real)])
  return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def _numbers(values: np.ndarray) -> str:
  return '/'.join(f'{value:.3f}' for value in values)


def _read(file: pathlib.Path) -> Clip:
  reader = video.VideoReader(file)
  points = landmarks.FaceMesh().track(reader).points
  return Clip(
    file.stem,
    audio.load(file),
    float(reader.fps),
    measures.lip_gap(points),
    measures.mouth_width(points),
  )


def _segments() -> list[lip_classes.Segment]:
  rows = [line.split(',') for line in _PHONES.read_text().splitlines()[1:]]
  return lip_classes.segments((float(b), float(e), p) for b, e, p in rows)


def _lips(
  params: Variables | None,
  wave: np.ndarray,
  fps: float,
  count: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
  """Gap and width [T] that are heard in sound."""
  heard = hearing.hear(wave, params)
  if count is None:
    count = int(len(heard.lips) / hearing.ROWS_PER_SECOND * fps)
  presence = mouth.heard_presence(heard, count, fps)
  found = mouth.measure(heard, presence, count, fps)
  return found.gap, found.width


def _against(params: Variables | None, clip: Clip) -> np.ndarray:
  """[9]: r of the gap in all frames, in speech, of the width; quantiles."""
  count = len(clip.gap)
  gap, width = _lips(params, clip.wave, clip.fps, count)
  speech = speaking.in_speech(clip.wave, count, clip.fps)
  return np.array(
    [
      speaking.correlation(clip.gap, gap, np.ones(count, bool)),
      speaking.correlation(clip.gap, gap, speech),
      speaking.correlation(clip.width, width, speech),
      *speaking.quantiles(gap, speech),
      *speaking.quantiles(clip.gap, speech),
    ]
  )
