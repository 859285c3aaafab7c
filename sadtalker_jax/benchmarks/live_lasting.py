"""Streams that last, that are interrupted, and several at once; `cli.bench`.

Sound is the recording that ships, again and again.
"""

import asyncio
from collections.abc import Sequence
import fractions
import os
import pathlib
import time
from typing import Any

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.benchmarks import timing
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import registry
from sadtalker_jax.inference.live import (
  causal_motion,
  core,
  opening,
  session,
  sound_queue,
)
from sadtalker_jax.inference.motion.baseline import lips
from sadtalker_jax.media import audio, resampling

_FPS = 25
_RATE = 22_050  # of the sound: it is resampled, as most sound is
_LAGS = 4  # frames to both sides in which lips are looked for
_PIECE = 0.02  # seconds of sound that are given at a time
_SHUT = 0.2  # of the opening before, when a mouth counts as shut


def lasting(name: str, minutes: float, ahead: float) -> timing.Line:
  """A stream of many minutes: lips, clock and memory, early and at its end.

  Frames between the second and the last time that the recording is said are
  heard, not moved.

  Args:
    name: Name of the motion.
    minutes: Sound of the stream.
    ahead: Seconds that frames wait.
  """
  wave, count = _wave()
  rounds = max(round(minutes * 60 * _FPS / count), 3)
  shown = (1, rounds - 1)
  moving, queue = _silent_stream(name, ahead)
  rows: dict[int, list[np.ndarray]] = {number: [] for number in shown}
  memory: list[float] = []
  pushed, start = 0, 0
  began = time.process_time()
  for frame in range(rounds * count):
    while not queue.is_ready:
      if pushed == rounds:
        queue.end_segment()
      else:
        queue.push(wave)
        memory.append(_megabytes())
        pushed += 1
    number = frame // count
    taken = queue.take()
    (row,) = moving.step(taken, repeat=number not in shown)
    start = taken.start
    if number in shown:
      rows[number].append(row)
  late = fractions.Fraction(start, _RATE)
  late -= fractions.Fraction(rounds * count - 1, _FPS)
  want = _offline(name, count)
  early, end = (_compared(np.stack(rows[n]), want) for n in shown)
  return {
    'what': 'lasting',
    'look_ahead': ahead,
    'minutes': round(rounds * count / _FPS / 60, 1),
    'clock_ms': round(float(1000 * late), 3),
    'r': [early[0], end[0]],
    'lag_ms': [early[1], end[1]],
    'rss_mb': [memory[min(8, rounds - 1)], memory[-1]],
    'cpu_ms': round(1000 * (time.process_time() - began) / (rounds * count), 2),
  }


def interrupted(name: str, ahead: float) -> timing.Line:
  """What follows an interruption in the middle of speech.

  Args:
    name: Name of the motion.
    ahead: Seconds that frames wait.
  """
  wave, count = _wave()
  moving, queue = _silent_stream(name, ahead)
  queue.push(wave)
  gaps = [_gap(moving.step(queue.take())) for _ in range(count // 2)]
  while gaps[-1] < np.median(gaps):  # an open mouth
    gaps.append(_gap(moving.step(queue.take())))
  queue.interrupt()
  before, sounding, shut, parts = gaps[-1], 0, 0, 0
  while not shut:
    taken = queue.take(idle=not queue.is_ready)
    parts += 1
    heard = np.flatnonzero(taken.sound)
    sounding += len(heard)
    if _gap(moving.step(taken)) < _SHUT * before:
      shut = parts
  return {
    'what': 'interrupted',
    'look_ahead': ahead,
    'sound_after_ms': round(1000 * sounding / _RATE, 1),
    'parts_until_shut': shut,
  }


async def together(
  clocks: Sequence[core.LiveCore], seconds: float
) -> timing.Line:
  """Several streams at once, each with a microphone.

  Args:
    clocks: What draws each.
    seconds: Seconds of sound of each.
  """
  rate = clocks[0].rate
  wave = audio.load(bundle_lib.SAMPLE_SPEECH, rate=rate)
  said = np.resize(wave, round(seconds * rate))
  spent = time.process_time()
  found = await asyncio.gather(*(_one(clock, said) for clock in clocks))
  spent = time.process_time() - spent
  parts = sum(count for count, _, _ in found)
  return {
    'what': 'together',
    'streams': len(clocks),
    'seconds': seconds,
    'parts_per_second': [round(n / t, 1) for n, _, t in found],
    'drawn_per_second': [round(n / t, 1) for _, n, t in found],
    'cpu_ms': round(1000 * spent / parts, 1),
  }


async def _one(
  clock: core.LiveCore, wave: np.ndarray
) -> tuple[int, int, float]:
  """Number of parts, of those that were drawn, and seconds."""
  count = drawn = 0
  async with session.LiveSession(clock) as live:
    await live.warm_up()

    async def speak() -> None:
      size, started = round(_PIECE * clock.rate), time.monotonic()
      for number, at in enumerate(range(0, len(wave), size), 1):
        await live.push(wave[at : at + size])
        await asyncio.sleep(started + number * _PIECE - time.monotonic())
      live.end()

    speaking = asyncio.create_task(speak())
    began = time.monotonic()
    async for part in live:
      count += 1
      drawn += not part.repeated
    seconds = time.monotonic() - began
    await speaking
  return count, drawn, seconds


def _wave() -> tuple[np.ndarray, int]:
  """The recording in whole frames [L], and their number."""
  rate = conventions.SAMPLE_RATE
  wave = audio.load(bundle_lib.SAMPLE_SPEECH)
  count = len(wave) * _FPS // rate
  pieces = resampling.resampled(iter([wave[None]]), rate, _RATE, 1)
  whole = np.concatenate(list(pieces), axis=1)[0]
  return whole[: count * _RATE // _FPS], count


def motion(name: str, rate: int, **choices: Any) -> causal_motion.CausalMotion:
  """The motion of a stream of the mean head, 25 frames a second.

  Args:
    name: Name of the motion, one that ships.
    rate: Samples a second.
    **choices: Options.
  """
  return opening.motion_of(
    registry.MOTIONS[name].from_bundle(bundle_lib.load()),
    np.zeros(conventions.ROW_SIZE),
    fractions.Fraction(_FPS),
    rate,
    options_lib.Options(**choices),
  )


def _silent_stream(
  name: str, ahead: float
) -> tuple[causal_motion.CausalMotion, sound_queue.SoundQueue]:
  """Motion of the mouth alone, and the sound that it waits for."""
  frames = round(ahead * _FPS)
  queue = sound_queue.SoundQueue(_RATE, fractions.Fraction(_FPS), frames)
  return motion(name, _RATE, still=True, blink=False), queue


def _offline(name: str, count: int) -> np.ndarray:
  """Rows of the recording, said a second time, as a whole clip has them."""
  rate = conventions.SAMPLE_RATE
  wave = audio.load(bundle_lib.SAMPLE_SPEECH)[: count * rate // _FPS]
  track = (
    registry.MOTIONS[name]
    .from_bundle(bundle_lib.load())
    .track(
      np.tile(wave, 3), source=np.zeros(70), num_frames=3 * count, fps=_FPS
    )
  )
  return track.coefficients[count : 2 * count]


def _compared(rows: np.ndarray, want: np.ndarray) -> tuple[float, float]:
  """Pearson r of openings, and milliseconds that the first ones are late."""
  gap, whole = lips.opening(rows), lips.opening(want)
  inside = slice(_LAGS, len(whole) - _LAGS)

  def alike(lag: int) -> float:
    moved = np.roll(gap, -lag)[inside]
    return float(np.corrcoef(moved, whole[inside])[0, 1])

  lags = range(-_LAGS, _LAGS + 1)
  scores = [alike(lag) for lag in lags]
  best = int(np.clip(np.argmax(scores), 1, len(scores) - 2))
  left, top, right = scores[best - 1 : best + 2]
  part = 0.5 * (left - right) / (left - 2 * top + right)  # of a parabola
  lag = 1000 / _FPS * (lags[best] + part)
  return round(alike(0), 3), round(lag, 1)


def _gap(row: np.ndarray) -> float:
  return float(lips.opening(row[0]))


def _megabytes() -> float:
  """Memory of this process."""
  pages = int(pathlib.Path('/proc/self/statm').read_text().split()[1])
  return round(pages * os.sysconf('SC_PAGE_SIZE') / 1e6, 1)
