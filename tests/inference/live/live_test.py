"""Streams: the clock, what is causal, what pushes and interruptions do.

The session is real but for the drawing, which `tests/serving` has.
"""

import asyncio
import fractions
import functools
import time
from typing import Any, NamedTuple

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait, registry
from sadtalker_jax.inference.live import (
  causal_motion,
  core,
  learned_face,
  opening,
  session,
  sound_queue,
)
from sadtalker_jax.inference.motion.baseline import lips
from sadtalker_jax.inference.motion.learned import sound_windows
from sadtalker_jax.media import audio

_SIZE = 64
_LIDS = [makehuman.EXPRESSION_SLOTS[f'eyeBlink{s}'] for s in ('Left', 'Right')]


class _Portrait(NamedTuple):
  picture: np.ndarray
  window: portrait.Window
  row: np.ndarray
  frame_size: tuple[int, int]


class _Drawer:
  """Frames of the brightness of the row's gap."""

  mixes = False
  reach = 0
  basis = 'makehuman'
  seconds = 0.0  # that a frame takes

  def check(self, options: Any) -> None:
    pass

  def adapted(self, track: Any) -> Any:
    return track

  def portrait(self, picture: np.ndarray, options: Any) -> _Portrait:
    window = portrait.Window((0, 0, 64, 64), (64, 64), (False,) * 4, False)
    return _Portrait(picture, window, np.zeros(70, np.float32), (64, 64))

  def host(self, portrait: Any, options: Any) -> None:
    return None

  def drawer(self, options: Any) -> '_Drawer':
    return self

  def prepare(self, portrait: Any) -> None:
    return None

  def inputs(self, prepared: Any, track: Any, index: np.ndarray) -> Any:
    return (track.coefficients[index],)

  def render(self, portraits: Any, inputs: Any) -> np.ndarray:
    time.sleep(self.seconds)
    opened = np.clip(lips.opening(inputs[0]) * 1000, 0, 255)
    shape = (len(inputs[0]), 64, 64, 3)
    return np.broadcast_to(opened[:, None, None, None], shape).astype(np.uint8)


@pytest.fixture(scope='module')
def bundle() -> bundle_lib.Bundle:
  return bundle_lib.load()


@pytest.fixture(scope='module')
def wave() -> np.ndarray:
  return audio.load(bundle_lib.SAMPLE_SPEECH)


def clock(bundle, *, rate=16_000, ahead=0.16, seconds=0.0, reach=0, **choices):
  """What draws streams, with the drawer of these tests."""
  options = options_lib.Options(mark='off', **choices)
  motion = registry.MOTIONS[opening.check(bundle, options).motion]
  drawer = _Drawer()
  drawer.seconds, drawer.reach = seconds, reach
  return opening.core_of(
    bundle,
    drawer,
    motion.from_bundle(bundle),
    np.full((_SIZE, _SIZE, 3), 99, np.uint8),
    options,
    sample_rate=rate,
    look_ahead=ahead,
  )


def _session(bundle, *, paced=False, **choices):
  return session.LiveSession(clock(bundle, **choices), paced=paced)


def _all(live: session.LiveSession, chunks: list[np.ndarray]) -> list:
  async def run() -> list:
    async with live:
      for chunk in chunks:
        await live.push(chunk)
      live.end()
      return [part async for part in live]

  return asyncio.run(run())


def _motion(
  name: str = 'phonetic', fps: int = 25, **choices: Any
) -> causal_motion.CausalMotion:
  """The motion of a stream of the mean head, sound at 16 kHz."""
  return opening.motion_of(
    registry.MOTIONS[name].from_bundle(bundle_lib.load()),
    np.zeros(70),
    fractions.Fraction(fps),
    16_000,
    options_lib.Options(**choices),
  )


def _queue(ahead: int) -> sound_queue.SoundQueue:
  return sound_queue.SoundQueue(16_000, fractions.Fraction(25), ahead)


def test_a_stream_is_directed(wave):
  sound = wave[16_000:24_000]

  def rows(**choices) -> np.ndarray:
    motion = _motion(still=True, **choices)
    queue = _queue(4)
    queue.push(sound)
    queue.end_segment()
    return np.concatenate([motion.step(queue.take()) for _ in range(10)])

  usual, happy = rows(), rows(emotion=('happy', 1.0))
  slots = makehuman.EXPRESSION_SLOTS
  smile, left = slots['mouthSmileLeft'], slots['eyeLookOutLeft']
  assert (happy[:, smile] > usual[:, smile] + 0.2).all()
  away = rows(gaze=(20.0, 0.0))
  assert np.ptp(away[:, left]) < 1e-6 < away[0, left]
  lids = rows(blink_rate=0.0)[:, _LIDS]
  assert np.ptp(lids) < 0.05


def test_the_same_samples_in_any_chunks_give_the_same_parts(bundle, wave):
  given = wave[:20_000]
  cuts = np.sort(np.random.default_rng(0).integers(0, len(given), 40))
  for rate, fps in ((16_000, 25), (22_050, 29.97)):
    whole = _all(_session(bundle, rate=rate, fps=fps), [given])
    pieces = _all(
      _session(bundle, rate=rate, fps=fps), np.split(given, [0, *cuts])
    )
    assert len(whole) == len(pieces)
    for one, other in zip(whole, pieces, strict=True):
      np.testing.assert_array_equal(one.frame, other.frame)
      np.testing.assert_array_equal(one.audio, other.audio)
      assert one[2:] == other[2:]


def test_sound_is_the_clock_and_complete(bundle, wave):
  given = wave[:30_001]
  parts = _all(_session(bundle, rate=22_050, fps=29.97), [given])
  sound = np.concatenate([part.audio for part in parts])
  np.testing.assert_array_equal(sound[: len(given)], given)
  assert not sound[len(given) :].any()
  start = 0
  for part in parts:
    assert part.pts * 22_050 == start
    start += len(part.audio)
  # No drift: the start of part i is that of frame i, to less than a sample.
  assert abs(start / 22_050 - len(parts) / 29.97) < 1 / 22_050
  assert all(not part.idle for part in parts)


def test_an_interruption_is_silent_at_once_and_the_mouth_closes(
  bundle, wave, monkeypatch
):
  monkeypatch.setattr(session, '_LATE', 1e6)  # every frame is drawn
  live = _session(bundle, paced=True)

  async def run() -> tuple[list, list]:
    async with live:
      await live.push(wave[:64_000])
      before = [await anext(live) for _ in range(12)]
      live.interrupt()
      after = [await anext(live) for _ in range(10)]
      await live.push(wave[16_000:32_000])
      return [before, after, [await anext(live) for _ in range(5)]]

  before, after, again = asyncio.run(run())
  assert np.abs(before[-1].audio).max() > 0.01
  assert not after[0].audio[80:].any()  # 5 ms of fade
  assert all(part.idle and not part.audio.any() for part in after[1:])
  assert max(part.frame.max() for part in before) > 20
  assert after[-1].frame.max() <= 2
  # Speech whose look-ahead is there begins with the next part.
  assert not again[0].idle
  np.testing.assert_array_equal(again[0].audio, wave[16_000:16_640])
  assert {part.segment for part in again} == {1}


def test_nothing_given_is_idle_at_the_frame_rate(bundle):
  async def run() -> tuple[list, float]:
    async with _session(bundle, paced=True) as live:
      started = time.monotonic()
      parts = [await anext(live) for _ in range(12)]
      return parts, time.monotonic() - started

  parts, seconds = asyncio.run(run())
  assert all(part.idle for part in parts)
  assert 11 / 25 - 0.01 < seconds < 5


def test_idle_breathes_blinks_and_looks_and_hours_take_no_room():
  motion, queue = _motion(), _queue(2)
  rows = np.concatenate(
    [motion.step(queue.take(idle=True)) for _ in range(250)]
  )
  assert rows[:, 64:].std(axis=0).min() > 0
  look = makehuman.EXPRESSION_SLOTS['eyeLookOutLeft']
  assert rows[:, _LIDS].max() > 0.97 and rows[:, look].max() > 0.02
  assert lips.opening(rows).max() < 0.01
  heard = motion._face._voice
  assert heard._levels.nbytes + heard._sound._wave.nbytes < 600_000


def test_sound_that_comes_as_it_is_spoken_is_whole_and_late_by_its_look_ahead(
  bundle, wave
):
  """A microphone: idle parts come first, none amid the speech."""
  given = wave[:16_000]

  async def run() -> list[core.Part]:
    async with _session(bundle, paced=True, ahead=0.16) as live:

      async def speak() -> None:
        await asyncio.sleep(0.1)
        for at in range(0, len(given), 320):
          await live.push(given[at : at + 320])
          await asyncio.sleep(0.02)
        live.end()

      speaking = asyncio.create_task(speak())
      parts = [part async for part in live]
      await speaking
      return parts

  parts = asyncio.run(run())
  begun = next(i for i, part in enumerate(parts) if not part.idle)
  assert begun >= 5
  heard = [part.audio for part in parts if not part.idle]
  sound = np.concatenate(heard)
  np.testing.assert_array_equal(sound[: len(given)], given)


def test_frames_are_repeated_where_drawing_is_too_slow(bundle, wave):
  """Sound goes on in time; pictures are fewer."""

  async def run() -> tuple[list[core.Part], float]:
    async with _session(bundle, paced=True, seconds=0.07) as live:
      await live.push(wave[:32_000])
      live.end()
      started = time.monotonic()
      parts = [part async for part in live]
      return parts, time.monotonic() - started

  parts, seconds = asyncio.run(run())
  repeated = np.mean([part.repeated for part in parts])
  assert 0.3 < repeated <= 0.97 and seconds < 6
  np.testing.assert_array_equal(
    np.concatenate([part.audio for part in parts]), wave[:32_000]
  )


@pytest.mark.parametrize(
  ('given', 'message'),
  [
    (np.array([0.1, np.nan]), 'expected finite samples'),
    (np.array([40.0]), r'in \[-1, 1\]'),
    (np.zeros((3, 3, 3)), 'expected samples'),
    ('speech.wav', 'expected samples'),
  ],
)
def test_faulty_samples_are_refused_and_the_stream_goes_on(
  bundle, wave, given, message
):
  live = _session(bundle)

  async def run() -> int:
    with pytest.raises(errors.InputError, match=message):
      await live.push(given)
    await live.push(np.zeros(0))
    await live.push((wave[:6400] * 32767).astype(np.int16))
    live.end()
    with pytest.raises(errors.InputError, match='found its end'):
      await live.push(wave[:10])
    return len([part async for part in live])

  assert asyncio.run(run()) == 10


def test_much_queued_sound_makes_the_giver_wait(bundle):
  live = _session(bundle)

  async def run() -> None:
    await live.push(np.zeros(31 * 16_000, np.float32))
    waiting = asyncio.create_task(live.push(np.zeros(640, np.float32)))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    for _ in range(40):
      await anext(live)
    await asyncio.wait_for(waiting, 5)
    live.close()
    with pytest.raises(StopAsyncIteration):
      await anext(live)

  asyncio.run(run())


@pytest.mark.parametrize(
  ('choices', 'message'),
  [
    ({'motion': 'learned'}, "'learned' expects the networks expnet"),
    ({'input_yaw': (1.0,)}, 'input_yaw: expected none for a stream'),
  ],
)
def test_options_that_a_stream_cannot_serve_are_refused(
  bundle, choices, message
):
  with pytest.raises(errors.InputError, match=message):
    _session(bundle, **choices)
  with pytest.raises(errors.InputError, match='look_ahead: expected 0 to 0.52'):
    _session(bundle, ahead=0.6)


def test_warming_up_moves_nothing(wave):
  """Nor does it decide how the head of the networks begins."""
  options = options_lib.Options(seed=1)

  def learned() -> causal_motion.CausalMotion:
    fps = fractions.Fraction(25)
    face = learned_face.LearnedFace(_Networks(), np.zeros(70), fps, options)
    return causal_motion.CausalMotion(face, np.zeros(70), 25.0, 16_000, options)

  for make in (_motion, functools.partial(_motion, 'baseline'), learned):
    rows = []
    for warm in (False, True):
      motion, queue = make(), _queue(4)
      if warm:
        motion.warm_up()
      queue.push(wave[:8_000])
      rows.append(np.stack([motion.step(queue.take()) for _ in range(5)]))
    np.testing.assert_array_equal(*rows)


def test_rows_that_were_known_ahead_come_to_pass(wave):
  """A renderer that looks ahead is shown the future as far as it is decided."""
  motion, queue = _motion(seed=3), _queue(12)
  queue.push(wave[8_000:40_000])
  queue.end_segment()
  steps = [motion.step(queue.take(), ahead=6) for _ in range(30)]
  came = np.concatenate([step[:1] for step in steps])
  for frame, step in enumerate(steps[:24]):
    # Less is known of what comes later.
    gap, want = lips.opening(step), lips.opening(came[frame : frame + 7])
    np.testing.assert_allclose(gap[:3], want[:3], atol=0.02)
    np.testing.assert_allclose(step[:, 64:], came[frame : frame + 7, 64:],
                               atol=0.02)  # fmt: skip


def test_the_drawer_gets_the_frames_that_its_look_ahead_lets_be_known(
  bundle, wave
):
  seen = []
  stream = clock(bundle, ahead=0.16, reach=13)
  drawer = stream._job.renderer
  kept = drawer.inputs
  drawer.inputs = lambda prepared, track, index: (
    seen.append((len(track.coefficients), int(index[0])))
    or kept(prepared, track, index)
  )
  stream.queue.push(wave[:16_000])
  for _ in range(16):
    stream.draw(stream.queue.take())
  assert seen[0] == (5, 0) and seen[-1] == (18, 13)


def test_the_baseline_listens_to_streams(wave):
  whole = registry.MOTIONS['baseline'].from_bundle(bundle_lib.load())
  count = 100
  given = wave[: count * 640]
  want = lips.opening(
    whole.track(given, source=np.zeros(70), num_frames=count).coefficients
  )
  motion = _motion('baseline', still=True, blink=False)
  queue = _queue(4)
  queue.push(given)
  queue.end_segment()
  gaps = [lips.opening(motion.step(queue.take()))[0] for _ in range(count)]
  assert np.corrcoef(gaps, want)[0, 1] > 0.8
  # A microphone that hums is no speech, before nor after some.
  hum = np.random.default_rng(0).normal(0, 3e-4, 64_000).astype(np.float32)
  queue.push(hum)
  queue.end_segment()
  idle = [lips.opening(motion.step(queue.take()))[0] for _ in range(100)]
  assert max(idle[50:]) < 0.02


class _Networks:
  """ExpNet and PoseVAE that show what they are given."""

  basis = 'bfm'

  def express(self, windows, reference, blink):
    assert windows.shape[1:] == (80, 16)
    result = np.zeros((len(windows), 64), np.float32)
    result[:, 0], result[:, 1] = windows.mean((1, 2)), blink
    return result

  def pose_chunk(self, windows, latent, rest, style):
    assert windows.shape == (32, 80, 16)
    return np.full((32, 6), latent[0], np.float32)


def test_the_networks_hear_in_a_stream_what_they_hear_in_a_clip(wave):
  given = wave[: 60 * 640]
  clip = sound_windows.SoundWindows(given, 60)[np.arange(60)].mean((1, 2))
  options = options_lib.Options(seed=1)
  face = learned_face.LearnedFace(
    _Networks(), np.zeros(70), fractions.Fraction(25), options
  )
  motion = causal_motion.CausalMotion(face, np.zeros(70), 25.0, 16_000, options)
  queue = _queue(4)
  queue.push(given)
  queue.end_segment()
  rows = np.concatenate([motion.step(queue.take()) for _ in range(60)])
  np.testing.assert_allclose(rows[:55, 0], clip[:55], atol=1e-5)
  # Heads begin at rest, and pass from one chunk to the next without a step.
  assert np.abs(rows[0, 64:]).max() < 0.05 * np.abs(rows[12, 64:]).max()
  assert np.abs(np.diff(rows[:, 64])).max() < 0.3 * np.ptp(rows[:, 64])
  assert rows[24 + 8, 64] != rows[20, 64]
