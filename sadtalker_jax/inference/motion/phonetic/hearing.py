"""What LipNet hears in sound: measures of lips, classes of phones.

Sound is mono float32 at 16 kHz; what is heard has 50 rows a second, row n
centred at (n + 1/2) / 50 seconds. Measures are in amplitudes of a speaker, over
rest.

`hear` is for recordings, whose level is known as a whole and where the future
is known, too. `hear_live` is for streams: it knows `look_ahead` seconds beyond
a row, and the level of what was said so far.

Letters: L samples, N rows, S seconds of context.
"""

from collections.abc import Iterator
import functools
import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.models.phonetic import lipnet
from sadtalker_jax.ops import lip_spectra, waves
from sadtalker_jax.typing import Variables

DATA = pathlib.Path(__file__).resolve().parent / 'data' / 'lipnet.npz'

ROWS_PER_SECOND = lip_spectra.ROWS_PER_SECOND // lipnet.STRIDE
HOP = conventions.SAMPLE_RATE // ROWS_PER_SECOND  # samples in a row
LEAST_LOOK_AHEAD = 0.08  # seconds; with less, lips come late

# Rows in the network at a time. One size: one program, and bounded memory.
_PIECE = 512
_LIVE_PIECE = 192  # of streams, which want few rows at a time
_STRIDE = lipnet.STRIDE
_CONTEXT = lipnet.CONTEXT
_ORDINARY = 8.0  # level of loud speech, decibel, before anything is heard
_ORDINARY_ROWS = 50  # spectrum rows for which that counts
_FAINTEST = -15.0  # of streams: what is fainter is never loud speech


class Heard(NamedTuple):
  """Lips and classes of sound, 50 rows a second."""

  lips: np.ndarray  # [N, 5] of `ops.dominance` in amplitudes of a speaker
  classes: np.ndarray  # [N, 24] probabilities of `ops.lip_classes`
  loudness: np.ndarray  # [N] decibel over loud speech


@functools.cache
def load(path: pathlib.Path = DATA) -> Variables:
  """The parameters of a file, float32, read once per process."""
  tree: Variables = {}
  with np.load(path) as stored:
    for name in stored.files:
      *parts, leaf = name.split('/')
      branch = tree
      for part in parts:
        branch = branch.setdefault(part, {})
      branch[leaf] = stored[name].astype(np.float32)
  return tree


def save(path: pathlib.Path, params: Variables) -> None:
  """Writes parameters as `load` reads them, in half precision."""
  leaves = jax.tree_util.tree_leaves_with_path(params)
  arrays: dict[str, Any] = {
    '/'.join(part.key for part in place): np.asarray(leaf, np.float16)
    for place, leaf in leaves
  }
  np.savez_compressed(path, **arrays)


def hear(wave: waves.Wave, params: Variables | None = None) -> Heard:
  """What is heard in a recording.

  Args:
    wave: [L] sound; L may be 0.
    params: Parameters of LipNet; None for the ones that ship.

  Returns:
    N = L // 320 rows.

  Raises:
    ValueError: `wave` is not one-dimensional.
  """
  params = load() if params is None else params
  wave = waves.checked(wave)
  count = len(wave) // lip_spectra.HOP // _STRIDE
  # Twice over the sound: spectra of an hour are 90 MB.
  blocks = lip_spectra.decibel_blocks(wave)
  level = np.concatenate(
    [np.zeros(0, np.float32), *map(lip_spectra.levels, blocks)]
  )[: count * _STRIDE]
  loud = lip_spectra.loud_level(level)
  lips = np.empty((count, lipnet.NUM_MEASURES), np.float32)
  classes = np.empty((count, lipnet.NUM_CLASSES), np.float32)
  inner = _PIECE - 2 * _CONTEXT
  for first, piece in zip(
    range(0, count, inner), _pieces(wave, loud), strict=True
  ):
    found = _network(params, piece)
    here = slice(first, min(first + inner, count))
    middle = slice(_CONTEXT, _CONTEXT + here.stop - first)
    lips[here], classes[here] = (np.asarray(each)[middle] for each in found)
  loudness = (level - loud).reshape(count, _STRIDE).mean(1)
  return Heard(lips, classes, loudness.astype(np.float32))


def hear_live(
  wave: waves.Wave,
  rows: int,
  *,
  look_ahead: float = LEAST_LOOK_AHEAD,
  params: Variables | None = None,
) -> Heard:
  """What is heard in the newest rows of sound that goes on.

  Nothing but `wave` is known, and no state is kept: a stream keeps its last
  seconds and calls this with them again and again. Two seconds suffice for the
  lips; with eight, the level is steady, too.

  Args:
    wave: [L] the last seconds of the sound so far, L a multiple of 320.
    rows: How many rows are wanted: those that end `look_ahead` before the end
      of `wave`, or more, for as many of them as there are.
    look_ahead: Seconds of sound that are known beyond a row; 0.08 or more for
      lips that are in time.
    params: Parameters of LipNet; None for the ones that ship.

  Returns:
    At most `rows` rows.

  Raises:
    ValueError: `wave` is not one-dimensional, or `look_ahead` is negative.
  """
  if look_ahead < 0:
    raise ValueError(f'expected a look-ahead of 0 or more, found {look_ahead}')
  decibel = _rows(wave)
  ahead = round(look_ahead * ROWS_PER_SECOND)
  last = max(len(decibel) // _STRIDE - ahead, 0)
  return hear_rows(decibel, max(last - rows, 0), last, params)


def hear_rows(
  decibel: np.ndarray, first: int, last: int, params: Variables | None = None
) -> Heard:
  """What is heard in rows of sound that goes on, as in `hear_live`.

  For streams that keep levels, not sound.

  Args:
    decibel: [2 N, 64] levels of the last seconds (`lip_spectra.decibels`).
    first: The first row that is wanted.
    last: The row after the last one, at most N.
    params: Parameters of LipNet; None for the ones that ship.
  """
  params = load() if params is None else params
  loud = loud_so_far(decibel)
  inner = _LIVE_PIECE - 2 * _CONTEXT
  lips = np.empty((last - first, lipnet.NUM_MEASURES), np.float32)
  classes = np.empty((last - first, lipnet.NUM_CLASSES), np.float32)
  for start in range(first, last, inner):
    spectra = _piece(decibel, loud, start - _CONTEXT)
    count = min(inner, last - start)
    here = slice(start - first, start - first + count)
    lips[here], classes[here] = (
      np.asarray(found)[_CONTEXT : _CONTEXT + count]
      for found in _network(params, spectra)
    )
  level = lip_spectra.levels(decibel[first * _STRIDE : last * _STRIDE]) - loud
  loudness = level.reshape(-1, _STRIDE).mean(1).astype(np.float32)
  return Heard(lips, classes, loudness)


def _piece(decibel: np.ndarray, loud: float, start: int) -> np.ndarray:
  """Spectra [2 P, 64] from a row on; silence before, the last one after."""
  place = start * _STRIDE + np.arange(_STRIDE * _LIVE_PIECE)
  # What is not known yet goes on as it is.
  spectra = lip_spectra.relative(
    decibel[np.clip(place, 0, len(decibel) - 1)], loud
  )
  spectra[place < 0] = lip_spectra.LEAST
  return spectra


def loud_so_far(decibel: np.ndarray) -> float:
  """Level of loud speech in what was heard so far, decibel.

  At first that of ordinary speech, which counts less and less.

  Args:
    decibel: [T, 64] levels of `ops.lip_spectra.decibels`.
  """
  ordinary = np.full(_ORDINARY_ROWS, _ORDINARY)
  heard = np.concatenate([ordinary, lip_spectra.levels(decibel)])
  weight = np.ones(len(heard))
  weight[:_ORDINARY_ROWS] = np.clip(2 - len(decibel) / 200, 0, 1)
  order = np.argsort(heard)
  mass = np.cumsum(weight[order])
  place = int(np.searchsorted(mass, 0.95 * mass[-1]))
  return max(float(heard[order[min(place, len(heard) - 1)]]), _FAINTEST)


def _rows(wave: waves.Wave) -> np.ndarray:
  """Levels [T, 64] of whole rows of the network's output."""
  decibel = lip_spectra.decibels(wave)
  return decibel[: len(decibel) // _STRIDE * _STRIDE]


@jax.jit
def _network(params: Variables, spectra: jax.Array) -> list[jax.Array]:
  """Lips [P, 5] and probabilities [P, 24] of spectra [2 P, 64]."""
  found: Any = lipnet.of(params).apply(
    {'params': params}, spectra[None], train=False
  )
  lips, logits = found
  return [lips[0], jax.nn.softmax(logits[0])]


def _pieces(wave: waves.Wave, loud: float) -> Iterator[np.ndarray]:
  """Spectra [2 P, 64] that overlap by the context; silence around the sound."""
  count = len(wave) // lip_spectra.HOP // _STRIDE * _STRIDE
  step = _STRIDE * (_PIECE - 2 * _CONTEXT)
  margin = _STRIDE * _CONTEXT
  rows = _silent(margin)
  after = _silent(-count % step + margin)
  left = count
  for block in lip_spectra.decibel_blocks(wave):
    spectra = lip_spectra.relative(block[:left], loud)
    left -= len(spectra)
    parts = [rows, spectra] if left else [rows, spectra, after]
    rows = np.concatenate(parts)
    while len(rows) >= step + 2 * margin:
      yield rows[: step + 2 * margin]
      rows = rows[step:]


def _silent(count: int) -> np.ndarray:
  return np.full((count, lip_spectra.NUM_BANDS), lip_spectra.LEAST, np.float32)
