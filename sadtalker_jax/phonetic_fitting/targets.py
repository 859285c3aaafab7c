"""Fits the lips of phones, `ops/data/dominance.csv`, to people who talk.

Of each class and measure a target, a strength and two times are learned by
Adam, with a prior towards a table made by hand (`data/dominance_prior.csv`).
Talkers open, spread and rest their lips each in their own way: a gain and an
offset of each talker and measure are learned beside and thrown away. A talker
of many clips counts by the root of their frames, and recognised phones half.

Letters: C clips, T frames, N segments, M measures, K talkers.
"""

from collections.abc import Mapping, Sequence
import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from sadtalker_jax import errors
from sadtalker_jax.evaluation import phone_times
from sadtalker_jax.metrics import speaking
from sadtalker_jax.ops import dominance, lip_classes
from sadtalker_jax.phonetic_fitting import scores

_PRIOR = pathlib.Path(__file__).resolve().parent / 'data/dominance_prior.csv'
# Precisions of scaled targets, strengths and logarithms of times; of talkers.
# With a third of the first four, the width of talkers held out is worse than
# with the prior alone; with three times as much their upper lips are.
_TARGET, _STRENGTH, _TIME = 9.0, 1.0, 5.0
_TALKER = 3.0
_STEPS, _RATE = 100, 0.03  # of Adam, along a cosine
_QUIET = 0.1  # weight of frames without speech
_RECOGNISED = 0.5  # weight of clips whose words are not known
_MEMORY = 75  # frames of a talker that count as they are
_SHIFT = 4  # frames by which sound and picture of a clip may be apart
_FEWEST = 8  # quiet frames that tell what rest is


class Spoken(NamedTuple):
  """A clip whose phones are known."""

  name: str
  talker: str
  fps: float
  lips: np.ndarray  # [T, M] over rest, in amplitudes of the gap
  speech: np.ndarray  # [T] bool
  segments: list[lip_classes.Segment]
  exact: bool  # whether the words were known
  shift: int  # frames by which the lips come after the sound

  def seconds(self) -> np.ndarray:
    """Times [T] in the sound, one of each frame."""
    return (np.arange(len(self.lips)) + 0.5 - self.shift) / self.fps


class Fit(NamedTuple):
  """Numbers of the classes, and of talkers [K, M] what sets them apart."""

  table: dominance.Dominance  # times as logarithms
  gain: jax.Array  # logarithm
  offset: jax.Array


class _Data(NamedTuple):
  """Clips side by side, filled up with nothing."""

  early: np.ndarray  # [C, T, N]
  late: np.ndarray
  classes: np.ndarray  # [C, N]
  absent: np.ndarray  # [C, N] large where there is no segment
  lips: np.ndarray  # [C, T, M]
  weight: np.ndarray  # [C, T]
  talker: np.ndarray  # [C]


def read(
  clips: Sequence[scores.Clip],
  texts: Mapping[str, str],
  talkers: Mapping[str, str],
) -> list[Spoken]:
  """Clips with their phones; those in which none are found are left out.

  Args:
    clips: Clips of talking faces.
    texts: What is said by name of the clip, as far as it is known.
    talkers: Who speaks by name of the clip.

  Raises:
    InputError: Phones are found in none.
  """
  found = []
  for clip in clips:
    text = texts.get(clip.name, '')
    try:
      phones = phone_times.find(clip.wave, text)
    except phone_times.NotAligned:
      continue
    speech = speaking.in_speech(clip.wave, len(clip.gap), clip.fps)
    low, high = np.percentile(clip.gap, [5, 95])
    quiet = ~speech if (~speech).sum() >= _FEWEST else np.ones_like(speech)
    rest = np.median(clip.shape[quiet], axis=0)
    rest[0] = low
    segments = lip_classes.segments(phones)
    lips = (clip.shape - rest) / max(high - low, 1e-3)
    found.append(
      Spoken(
        clip.name,
        talkers[clip.name],
        clip.fps,
        lips,
        speech,
        segments,
        bool(text),
        _shift(lips[:, 0], segments, clip.fps),
      )
    )
  if not found:
    raise errors.InputError('expected clips with English speech, found none')
  return found


def fit(
  clips: Sequence[Spoken], without: str | None = None
) -> dominance.Dominance:
  """The numbers that fit clips.

  Args:
    clips: Clips with their phones.
    without: Talker who is left out.
  """
  data = _data([clip for clip in clips if clip.talker != without])
  return _fitted(data, len(set(data.talker)))


def held_out(clips: Sequence[Spoken]) -> dict[str, np.ndarray]:
  """Correlations in speech [M] by clip, with numbers that know no such talker.

  Raises:
    InputError: There is one talker only.
  """
  talkers = sorted({clip.talker for clip in clips})
  if len(talkers) < 2:
    raise errors.InputError(f'expected two talkers at least, found {talkers}')
  tables = {name: fit(clips, without=name) for name in talkers}
  return {clip.name: correlations(clip, tables[clip.talker]) for clip in clips}


def correlations(clip: Spoken, table: dominance.Dominance) -> np.ndarray:
  """Of a clip's measures [M] in speech, with those that its phones make."""
  made = dominance.lips_at(clip.segments, clip.seconds(), table)
  return np.array([
    speaking.correlation(real, lips, clip.speech)
    for real, lips in zip(clip.lips.T, made.T, strict=True)
  ])  # fmt: skip


def report(clips: Sequence[Spoken], held: Mapping[str, np.ndarray]) -> str:
  """A table in Markdown of correlations by talker, and their means."""
  lines = [['talker', 'clips', *dominance.MEASURES]]
  lines.append(['---'] * len(lines[0]))
  rows = []
  for talker in sorted({clip.talker for clip in clips}):
    own = [held[clip.name] for clip in clips if clip.talker == talker]
    rows.append(np.mean(own, axis=0))
    numbers = [f'{value:.2f}' for value in rows[-1]]
    lines.append([talker, str(len(own)), *numbers])
  mean = [f'{value:.2f}' for value in np.mean(rows, axis=0)]
  lines.append(['mean', str(len(clips)), *mean])
  return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def _shift(
  gap: np.ndarray, segments: Sequence[lip_classes.Segment], fps: float
) -> int:
  """The shift at which a gap [T] is nearest to that of the prior."""
  shifts = range(-_SHIFT, _SHIFT + 1)
  prior = dominance.load(_PRIOR)
  times = np.arange(len(gap)) + 0.5

  def likeness(shift: int) -> float:
    made = dominance.lips_at(segments, (times - shift) / fps, prior)
    return float(np.corrcoef(gap, made[:, 0])[0, 1])

  return max(shifts, key=likeness)


def _data(clips: Sequence[Spoken]) -> _Data:
  talkers = sorted({clip.talker for clip in clips})
  frames = {name: 0 for name in talkers}
  for clip in clips:
    frames[clip.talker] += len(clip.lips)
  long = max(len(clip.lips) for clip in clips)
  many = max(len(clip.segments) for clip in clips)
  shape = (len(clips), long, many)
  data = _Data(
    np.zeros(shape, np.float32),
    np.zeros(shape, np.float32),
    np.zeros((len(clips), many), np.int32),
    np.full((len(clips), many), 1e4, np.float32),
    np.zeros((len(clips), long, len(dominance.MEASURES)), np.float32),
    np.zeros((len(clips), long), np.float32),
    np.array([talkers.index(clip.talker) for clip in clips]),
  )
  for k, clip in enumerate(clips):
    t, n = len(clip.lips), len(clip.segments)
    early, late = dominance.distances(clip.segments, clip.seconds())
    data.early[k, :t, :n], data.late[k, :t, :n] = early, late
    data.classes[k, :n] = [lip_classes.INDEX[s.name] for s in clip.segments]
    data.absent[k, :n] = 0
    data.lips[k, :t] = clip.lips
    share = min(_MEMORY / frames[clip.talker], 1) ** 0.5
    share *= 1 if clip.exact else _RECOGNISED
    data.weight[k, :t] = np.where(clip.speech, 1, _QUIET) * share
  return data


def _fitted(data: _Data, talkers: int) -> dominance.Dominance:
  prior = _logarithmic(dominance.load(_PRIOR))
  nothing = jnp.zeros((talkers, len(dominance.MEASURES)))
  begin = Fit(jax.tree.map(jnp.asarray, prior), nothing, nothing)
  optimizer = optax.adam(optax.cosine_decay_schedule(_RATE, _STEPS))

  @jax.jit
  def run(data: _Data) -> Fit:
    def step(
      state: tuple[Fit, optax.OptState], _: None
    ) -> tuple[tuple[Fit, optax.OptState], None]:
      found, moments = state
      gradient = jax.grad(_loss)(found, data, prior)
      change, moments = optimizer.update(gradient, moments)
      return (optax.apply_updates(found, change), moments), None

    state = begin, optimizer.init(begin)
    return jax.lax.scan(step, state, None, length=_STEPS)[0][0]

  with jax.numpy_dtype_promotion('standard'):  # optax counts in whole numbers
    found = run(data)
  table = jax.tree.map(lambda x: np.asarray(x, np.float64), found.table)
  return table._replace(before=np.exp(table.before), after=np.exp(table.after))


def _logarithmic(table: dominance.Dominance) -> dominance.Dominance:
  table = table._replace(before=np.log(table.before), after=np.log(table.after))
  return dominance.Dominance(*(np.asarray(x, np.float32) for x in table))


def _loss(found: Fit, data: _Data, prior: dominance.Dominance) -> jax.Array:
  target, strength, before, after = (x[data.classes] for x in found.table)
  pull = (strength - data.absent[..., None])[:, None]
  pull -= data.early[..., None] * jnp.exp(-before)[:, None]
  pull -= data.late[..., None] * jnp.exp(-after)[:, None]
  lips = jnp.einsum('ctnm,cnm->ctm', jax.nn.softmax(pull, axis=2), target)
  gain, offset = found.gain[data.talker], found.offset[data.talker]
  lips = lips * jnp.exp(gain)[:, None] + offset[:, None]
  error = jnp.square((lips - data.lips) * dominance.SCALES)
  error = error * data.weight[..., None]
  doubt = jax.tree.map(lambda x, y: jnp.square(x - y), found.table, prior)
  apart = jnp.square(found.gain).sum() + jnp.square(found.offset).sum()
  return (
    error.sum()
    + _TARGET * (doubt.target * dominance.SCALES**2).sum()
    + _STRENGTH * doubt.strength.sum()
    + _TIME * (doubt.before + doubt.after).sum()
    + _TALKER * apart
  )
