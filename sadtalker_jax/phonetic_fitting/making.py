"""Speech of several synthesisers becomes records.

It is made in parts of two minutes, each a file and a seed of its own, side by
side: a part that is there is not made again, and more minutes are more parts.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent import futures
import math
import os
import pathlib
import random

from sadtalker_jax import errors
from sadtalker_jax.phonetic_fitting import (
  festival,
  flite,
  kokoro,
  synthesiser,
  texts,
)
from sadtalker_jax.records import speech

NAMES = ('kokoro', 'flite', 'festival')
# Parts of the minutes; of Kokoro's the voices are many, and like people's.
_SHARES = {'kokoro': 0.4, 'flite': 0.35, 'festival': 0.25}
_PART = 120.0  # seconds


def synthesisers(
  folder: pathlib.Path, without: Collection[str] = ()
) -> list[synthesiser.Synthesiser]:
  """Those that are wanted, installed or not.

  Args:
    folder: Folder of the records, where downloads are kept.
    without: Names of those that are left out.
  """
  said = texts.load()
  every: Sequence[synthesiser.Synthesiser] = (
    kokoro.Kokoro(said, folder / 'downloads'),
    flite.Flite(said),
    festival.Festival(said),
  )
  return [each for each in every if each.name not in without]


def make(
  folder: pathlib.Path,
  makers: Sequence[synthesiser.Synthesiser],
  *,
  minutes: float,
  seed: int = 0,
  say: Callable[[str], None],
) -> dict[str, float]:
  """Makes what is missing of the speech of a folder of records.

  Args:
    folder: Folder of the records.
    makers: Who speaks; those that lack something are left out, with a line.
    minutes: Minutes of speech, of all that speak together.
    seed: Random seed of texts and voices.
    say: Function that prints a line.

  Returns:
    Minutes of each that spoke.

  Raises:
    InputError: None of them can speak.
  """
  ready = []
  for maker in makers:
    lacks = maker.lacks()
    if lacks:
      say(f'{maker.name} is left out: {lacks}')
    else:
      ready.append(maker)
  if not ready:
    raise errors.InputError(
      f'expected one of {", ".join(NAMES)} to be there, found none'
    )
  tasks = _tasks(ready, 60 * minutes)
  spoken: dict[str, float] = {}
  with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    jobs = {
      pool.submit(_part, folder, maker, number, seed): maker.name
      for maker, number in tasks
    }
    try:
      for done in futures.as_completed(jobs):
        name = jobs[done]
        spoken[name] = spoken.get(name, 0) + done.result() / 60
        say(f'{name}: {spoken[name]:.1f} min of speech')
    except BaseException:
      pool.shutdown(wait=False, cancel_futures=True)
      raise
  return spoken


def _tasks(
  makers: Sequence[synthesiser.Synthesiser], seconds: float
) -> list[tuple[synthesiser.Synthesiser, int]]:
  """Who makes which part; the first parts of all first."""
  shares = _shares(makers)
  tasks = [
    (maker, number)
    for maker in makers
    for number in range(math.ceil(seconds * shares[maker.name] / _PART))
  ]
  return sorted(tasks, key=lambda task: task[1])


def _shares(
  makers: Sequence[synthesiser.Synthesiser],
) -> Mapping[str, float]:
  weights = {each.name: _SHARES.get(each.name, 0.3) for each in makers}
  return {name: w / sum(weights.values()) for name, w in weights.items()}


def _part(
  folder: pathlib.Path,
  maker: synthesiser.Synthesiser,
  number: int,
  seed: int,
) -> float:
  """Makes a part unless it is there; returns its seconds."""
  name = f'{maker.name}-{seed}-{number:03d}'
  path = speech.path(folder, name)
  if path.exists():
    return sum(each.seconds for each in speech.read(path))
  found: list[speech.Utterance] = []
  total = 0.0
  for each in maker.utterances(random.Random(name)):
    found.append(each)
    total += each.seconds
    if total >= _PART:
      break
  speech.write(folder, name, found)
  return total
