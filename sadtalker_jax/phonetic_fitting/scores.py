"""How good lips are, by phones and by real lips: of weights, or of motions.

Weights of LipNet are judged by the measures that they hear, which is quick;
motions of any kind by where their tracks put the lips of a head.

Phones are those of the packaged recording, which nobody learns from
(`data/librivox_0870.csv`: times that come with it in the package pocketsphinx).
Real lips are those of clips of talking faces, if there are any.
"""

from collections.abc import Callable, Sequence
import dataclasses
import fractions
import pathlib
from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d import alignment, camera, measures
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.fitting import landmark_fit
from sadtalker_jax.faces import landmarks
from sadtalker_jax.inference import bundle, tracks
from sadtalker_jax.inference.motion.phonetic import hearing, mouth
from sadtalker_jax.media import audio, video
from sadtalker_jax.metrics import speaking
from sadtalker_jax.ops import lip_classes, waves
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
  shape: np.ndarray  # [T, M] of `face3d.measures.mouth_shape`


# Gap and width [T] of lips that say a sound [L], at frames a second.
Lips = Callable[[waves.Wave, float, int], tuple[np.ndarray, np.ndarray]]


class Scores(NamedTuple):
  """Of lips: phones of the recording, and means over clips."""

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


def of_weights(params: Variables | None) -> Lips:
  """Lips that LipNet hears with parameters; None for those that ship."""

  def lips(
    wave: waves.Wave, fps: float, count: int
  ) -> tuple[np.ndarray, np.ndarray]:
    heard = hearing.hear(wave, params)
    presence = mouth.heard_presence(heard, count, fps)
    found = mouth.measure(heard, presence, count, fps)
    return found.gap, found.width

  return lips


def of_motion(motion: tracks.Motion, model: morphable.MorphableModel) -> Lips:
  """Lips of the mean head of a face model, whose head a motion holds still.

  Args:
    motion: A motion of that model.
    model: The packaged head.
  """
  source = np.zeros(conventions.ROW_SIZE, np.float32)
  size = camera.SIZE
  trans = alignment.TransParams(size, size, 1.0, size / 2, size / 2)
  options = tracks.MotionOptions(seed=0, still=True, blink=False)

  def lips(
    wave: waves.Wave, fps: float, count: int
  ) -> tuple[np.ndarray, np.ndarray]:
    rows = motion.track(
      wave,
      source=source,
      num_frames=count,
      fps=fractions.Fraction(fps).limit_denominator(1001),
      options=options,
    ).coefficients
    identity = np.zeros(conventions.IDENTITY_SIZE, np.float32)
    fit = landmark_fit.of_rows(identity, rows, trans)
    points = landmark_fit.project(fit, model)
    return measures.lip_gap(points), measures.mouth_width(points)

  return lips


def score(lips: Lips, clips: Sequence[Clip] = ()) -> Scores:
  """Scores of lips."""
  wave = audio.load(bundle.SAMPLE_SPEECH)
  count = int(len(wave) * _FINE / conventions.SAMPLE_RATE)
  gap, width = lips(wave, _FINE, count)
  segments = _segments()
  separated = speaking.rounding(width, _FINE, segments)
  rows = [_against(lips, clip) for clip in clips]
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
    measures.mouth_shape(points),
  )


def _segments() -> list[lip_classes.Segment]:
  rows = [line.split(',') for line in _PHONES.read_text().splitlines()[1:]]
  return lip_classes.segments((float(b), float(e), p) for b, e, p in rows)


def _against(lips: Lips, clip: Clip) -> np.ndarray:
  """[9]: r of the gap in all frames, in speech, of the width; quantiles."""
  count = len(clip.gap)
  gap, width = lips(clip.wave, clip.fps, count)
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
