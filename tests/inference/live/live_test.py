"""Streams: the clock, what pushes and interruptions do, faults."""

import asyncio
import time

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.inference.live import core, session
from tests.inference.live import streams


def test_the_same_samples_in_any_chunks_give_the_same_parts(bundle, wave):
  given = wave[:20_000]
  cuts = np.sort(np.random.default_rng(0).integers(0, len(given), 40))
  for rate, fps in ((16_000, 25), (22_050, 29.97)):
    whole = streams.all_parts(
      streams.live_session(bundle, rate=rate, fps=fps), [given]
    )
    pieces = streams.all_parts(
      streams.live_session(bundle, rate=rate, fps=fps),
      np.split(given, [0, *cuts]),
    )
    assert len(whole) == len(pieces)
    for one, other in zip(whole, pieces, strict=True):
      np.testing.assert_array_equal(one.frame, other.frame)
      np.testing.assert_array_equal(one.audio, other.audio)
      assert one[2:] == other[2:]


def test_sound_is_the_clock_and_complete(bundle, wave):
  given = wave[:30_001]
  parts = streams.all_parts(
    streams.live_session(bundle, rate=22_050, fps=29.97), [given]
  )
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
  live = streams.live_session(bundle, paced=True)

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
    async with streams.live_session(bundle, paced=True) as live:
      started = time.monotonic()
      parts = [await anext(live) for _ in range(12)]
      return parts, time.monotonic() - started

  parts, seconds = asyncio.run(run())
  assert all(part.idle for part in parts)
  assert 11 / 25 - 0.01 < seconds < 5


def test_sound_that_comes_as_it_is_spoken_is_whole_and_late_by_its_look_ahead(
  bundle, wave
):
  """A microphone: idle parts come first, none amid the speech."""
  given = wave[:16_000]

  async def run() -> list[core.Part]:
    async with streams.live_session(bundle, paced=True, ahead=0.16) as live:

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
    async with streams.live_session(bundle, paced=True, seconds=0.07) as live:
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
  live = streams.live_session(bundle)

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
  live = streams.live_session(bundle)

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
    ({'renderer': 'neural'}, "'neural' expects the networks recon"),
    ({'input_yaw': (1.0,)}, 'input_yaw: expected none for a stream'),
  ],
)
def test_options_that_a_stream_cannot_serve_are_refused(
  bundle, choices, message
):
  with pytest.raises(errors.InputError, match=message):
    streams.live_session(bundle, **choices)
  with pytest.raises(errors.InputError, match='look_ahead: expected 0 to 0.52'):
    streams.live_session(bundle, ahead=0.6)


def test_the_drawer_gets_the_frames_that_its_look_ahead_lets_be_known(
  bundle, wave
):
  seen = []
  stream = streams.clock(bundle, ahead=0.16, reach=13)
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
