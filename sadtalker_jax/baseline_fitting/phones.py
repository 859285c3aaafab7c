"""Lips for phones: recordings without a picture that help to fit `lips`.

Phones are ARPAbet names as in CMU's dictionary, times are seconds. Their lips
are typical values of a table; how lips slide from one to the next is left to
smoothing. They help to fit weights and play no part in animation.
"""

from collections.abc import Sequence
import itertools
import json
import pathlib

from absl import logging
import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.baseline_fitting import recordings
from sadtalker_jax.evaluation import phone_times
from sadtalker_jax.media import audio
from sadtalker_jax.ops import filters

# Gap, width, chin of phones in amplitudes of a speaker. GRID's means per phone
# (aligned by pocketsphinx), rounded, and general phonetics for rare ones.
_TABLE = {
  'P B M': (0.0, 0.0, 0.3),
  'F V': (0.1, 0.1, 0.3),
  'W UW': (0.2, -0.25, 0.35),
  'R UH SH ZH': (0.25, -0.12, 0.3),
  'OW OY': (0.5, -0.25, 0.6),
  'AO': (0.7, -0.15, 0.65),
  'CH JH TH DH': (0.3, 0.0, 0.3),
  'T D N L': (0.3, 0.08, 0.35),
  'S Z': (0.3, 0.15, 0.1),
  'K G NG HH Y': (0.4, 0.1, 0.4),
  'IY': (0.45, 0.3, 0.35),
  'IH ER': (0.45, 0.12, 0.4),
  'EH EY': (0.8, 0.3, 0.65),
  'AE': (1.0, 0.25, 0.8),
  'AH': (0.65, 0.05, 0.55),
  'AA AY AW': (1.0, 0.1, 0.85),
}
TABLE = {p: np.array(v) for k, v in _TABLE.items() for p in k.split()}


def read_times(path: pathlib.Path) -> recordings.TalkerClip:
  """Speech with the table's lips for phones whose times are known.

  Args:
    path: JSON file of pocketsphinx, beside a wav file of the same stem.
  """
  stem = path.name.split('.')[0]
  wave = audio.load(path.with_name(f'{stem}.wav'))
  words = json.loads(path.read_text())['w']
  times = [(p['b'], p['b'] + p['d'], p['t']) for w in words for p in w['w']]
  return clip_of(stem, 'librivox', wave, times)


def find(path: pathlib.Path) -> list[recordings.TalkerClip]:
  """Pieces of speech with the table's lips for the phones found in them.

  Args:
    path: Recording of English speech.

  Raises:
    InputError: The package pocketsphinx is not installed, or nothing is found.
  """
  if not phone_times.installed():
    raise errors.InputError(
      f'{path}: expected the package pocketsphinx to find phones, found none'
    )
  clips, lost = [], 0
  for number, piece in enumerate(pieces(audio.load(path))):
    try:
      times = phone_times.find(piece)
    except phone_times.NotAligned as error:
      lost += 1
      logging.warning('%s: piece %d is left out: %s', path, number, error)
      continue
    clips.append(clip_of(f'{path.stem}/{number}', path.stem, piece, times))
  if not clips:
    raise errors.InputError(
      f'{path}: expected English speech, found phones in none of {lost} pieces'
    )
  return clips


def pieces(wave: np.ndarray, seconds: float = 7.0) -> list[np.ndarray]:
  """Pieces of sound of about one length, cut at quiet places.

  Args:
    wave: [L] sound at 16 kHz.
    seconds: Length that pieces have about.
  """
  ends = np.concatenate([[0.0], np.cumsum(wave.astype(np.float64) ** 2)])
  quiet = ends[1600:] - ends[:-1600]  # energy of 0.1 s from here
  length = int(seconds * conventions.SAMPLE_RATE)
  cuts = [0]
  while len(wave) - cuts[-1] > 1.5 * length:
    low = cuts[-1] + int(0.7 * length)
    high = cuts[-1] + int(1.3 * length)
    cuts.append(low + int(np.argmin(quiet[low:high])) + 800)
  return [wave[a:b] for a, b in itertools.pairwise([*cuts, len(wave)])]


def clip_of(
  name: str,
  talker_name: str,
  wave: np.ndarray,
  times: Sequence[tuple[float, float, str]],
) -> recordings.TalkerClip:
  """Sound with the table's lips for its phones, smoothed by 30 ms.

  Args:
    name: Name of the clip.
    talker_name: Name of the talker.
    wave: [L] sound at 16 kHz.
    times: Begin and end of each phone in seconds, and the phone.
  """
  rate, fps = 200, 25.0
  track = np.zeros((len(wave) * rate // conventions.SAMPLE_RATE + 1, 3))
  for begin, end, phone in times:
    place = slice(round(begin * rate), round(end * rate))
    track[place] = TABLE.get(phone, (0.05, 0, 0.05))
  track = filters.gaussian(track, 0.03 * rate)
  centre = (
    np.arange(int(len(wave) / conventions.SAMPLE_RATE * fps)) + 0.5
  ) / fps
  return recordings.TalkerClip(
    name, talker_name, wave, track[(centre * rate).astype(np.int64)], fps
  )
