"""How quick and how exact streams are; part of `cli.bench`.

The recording that ships is said by the portrait that ships, as a microphone
would give it, with the default renderer.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
import fractions
import time

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.benchmarks import live_lasting, timing
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import registry, rendering
from sadtalker_jax.inference.live import core, opening, session, sound_queue
from sadtalker_jax.inference.motion.baseline import lips
from sadtalker_jax.media import audio

_RATE = conventions.SAMPLE_RATE
_PIECE = 0.02  # seconds of sound that are given at a time
_FPS = 25
_UTTERANCES = 20


def run(
  look_aheads: Sequence[float],
  seconds: float,
  size: int,
  *,
  motion: str = 'phonetic',
  together: int = 0,
  minutes: float = 0,
) -> Iterator[timing.Line]:
  """Lines of stages, of streams, and of lips.

  Args:
    look_aheads: Seconds that frames wait, one stream each.
    seconds: Seconds of sound of a stream.
    size: Side of the frames.
    motion: Name of a motion that ships.
    together: Streams at once, with the first look-ahead; 0 for none.
    minutes: Minutes of a stream that lasts; 0 for none.

  Raises:
    InputError: a number is not possible.
  """
  if not seconds >= 1:
    raise errors.InputError(f'--seconds: expected 1 or more, found {seconds}')
  wave = audio.load(bundle_lib.SAMPLE_SPEECH)
  said = np.resize(wave, round(seconds * _RATE))
  yield from _stages(motion, _core(motion, look_aheads[0], size), said)
  yield asyncio.run(_first(_core(motion, look_aheads[0], size), wave))
  for ahead in look_aheads:
    clock = _core(motion, ahead, size)
    yield asyncio.run(_stream(clock, said, ahead))
    yield {'what': 'lips', 'look_ahead': ahead, **lips_of(motion, wave, ahead)}
  yield live_lasting.interrupted(motion, look_aheads[0])
  if together:
    clocks = [_core(motion, look_aheads[0], size) for _ in range(together)]
    yield asyncio.run(live_lasting.together(clocks, seconds))
  if minutes:
    yield live_lasting.lasting(motion, minutes, look_aheads[0])


def _core(motion: str, ahead: float, size: int) -> core.LiveCore:
  bundle = bundle_lib.load()
  options = options_lib.Options(size=size, motion=motion)
  choice = opening.check(bundle, options)
  kind = registry.RENDERERS[choice.renderer]
  return opening.core_of(
    bundle,
    kind.from_bundle(bundle, rendering.Devices()),
    registry.MOTIONS[choice.motion].from_bundle(bundle),
    bundle_lib.SAMPLE_PORTRAIT,
    options,
    sample_rate=_RATE,
    look_ahead=ahead,
  )


def _stages(
  name: str, clock: core.LiveCore, wave: np.ndarray
) -> Iterator[timing.Line]:
  """Milliseconds of the motion of a frame, and of all of it."""
  motion = live_lasting.motion(name, _RATE)
  motion.warm_up()
  clock.warm_up()
  stages: dict[str, Callable[[sound_queue.Taken], object]] = {
    'motion': motion.step,
    'motion and drawing': clock.draw,
  }
  clock.queue.push(wave)
  clock.queue.end_segment()
  found: dict[str, list[tuple[float, float]]] = {name: [] for name in stages}
  while clock.queue.is_ready:
    taken = clock.queue.take()
    for name, work in stages.items():
      cpu, wall = time.process_time(), time.perf_counter()
      work(taken)
      wall = time.perf_counter() - wall
      found[name].append((wall, time.process_time() - cpu))
  for name, times in found.items():
    wall, cpu = 1000 * np.array(times).T
    yield {
      'what': 'stage',
      'stage': name,
      **timing.device(),
      'frames': len(times),
      'ms': round(float(np.median(wall)), 1),
      'ms_p95': round(float(np.percentile(wall, 95)), 1),
      'cpu_ms': round(float(cpu.mean()), 1),
    }


async def _first(clock: core.LiveCore, wave: np.ndarray) -> timing.Line:
  """Time from an utterance that is there as a whole to its first frame."""
  times, repeated = [], 0
  async with session.LiveSession(clock) as live:
    await live.warm_up()
    for number in range(_UTTERANCES):
      for _ in range(3 + number % 3):
        await anext(live)
      await asyncio.sleep(number / _UTTERANCES / _FPS)
      started = time.monotonic()
      await live.push(wave[_RATE : _RATE + _RATE // 5])
      live.end_segment()
      while (part := await anext(live)).idle:
        pass
      repeated += part.repeated
      times.append(1000 * (time.monotonic() - started))
      while live.queued_seconds:
        await anext(live)
  return {
    'what': 'first frame',
    'utterances': len(times),
    'repeated': repeated,
    'ms': round(float(np.median(times)), 1),
    'ms_p95': round(float(np.percentile(times, 95)), 1),
  }


async def _stream(
  clock: core.LiveCore, wave: np.ndarray, ahead: float
) -> timing.Line:
  """A microphone: when sound came, and when its frame was there."""
  given: list[tuple[float, int]] = []  # time, samples so far
  late, parts = [], []
  async with session.LiveSession(clock) as live:
    await live.warm_up()

    async def speak() -> None:
      size, started = round(_PIECE * _RATE), time.monotonic()
      for at in range(0, len(wave), size):
        await live.push(wave[at : at + size])
        given.append((time.monotonic(), at + size))
        await asyncio.sleep(started + len(given) * _PIECE - time.monotonic())
      live.end()

    speaking = asyncio.create_task(speak())
    begun, said = time.monotonic(), 0
    async for part in live:
      parts.append(part)
      if part.idle:
        continue
      said += len(part.audio)
      # When the last sample of its sound was given.
      place = np.searchsorted([count for _, count in given], said)
      spoken = given[min(int(place), len(given) - 1)][0]
      late.append(1000 * (time.monotonic() - spoken))
    seconds = time.monotonic() - begun
    await speaking
  return {
    'what': 'stream',
    'look_ahead': ahead,
    'seconds': round(seconds, 2),
    'parts': len(parts),
    'parts_per_second': round(len(parts) / seconds, 1),
    'idle': sum(part.idle for part in parts),
    'repeated': sum(part.repeated for part in parts),
    'latency_ms': round(float(np.median(late)), 1),
    'latency_ms_p95': round(float(np.percentile(late, 95)), 1),
  }


def lips_of(name: str, wave: np.ndarray, ahead: float) -> timing.Line:
  """How alike lips of a stream are to those of the recording as a whole.

  Args:
    name: Name of the motion.
    wave: [L] sound at 16 kHz.
    ahead: Seconds that frames wait.
  """
  size = _RATE // _FPS
  count = len(wave) // size
  whole = registry.MOTIONS[name].from_bundle(bundle_lib.load())
  track = whole.track(wave, source=np.zeros(70), num_frames=count, fps=_FPS)
  motion = live_lasting.motion(name, _RATE, still=True, blink=False)
  frames = round(ahead * _FPS)
  queue = sound_queue.SoundQueue(_RATE, fractions.Fraction(_FPS), frames)
  queue.push(wave[: count * size])
  queue.end_segment()
  rows = np.concatenate([motion.step(queue.take()) for _ in range(count)])
  gap, want = lips.opening(rows), lips.opening(track.coefficients)
  return {
    'r': round(float(np.corrcoef(gap, want)[0, 1]), 3),
    'mean_ratio': round(float(gap.mean() / want.mean()), 2),
  }
