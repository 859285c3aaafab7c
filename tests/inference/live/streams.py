"""Streams that are real but for the drawing, which `tests/serving` has."""

import asyncio
import fractions
import time
from typing import Any, NamedTuple

import numpy as np

from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait, registry
from sadtalker_jax.inference.live import (
  causal_motion,
  opening,
  session,
  sound_queue,
)
from sadtalker_jax.inference.motion.baseline import lips

_SIZE = 64


class Portrait(NamedTuple):
  picture: np.ndarray
  window: portrait.Window
  row: np.ndarray
  frame_size: tuple[int, int]


class Drawer:
  """Frames of the brightness of the row's gap."""

  mixes = False
  reach = 0
  basis = 'makehuman'
  seconds = 0.0  # that a frame takes

  def check(self, options: Any) -> None:
    pass

  def adapted(self, track: Any) -> Any:
    return track

  def portrait(self, picture: np.ndarray, options: Any) -> Portrait:
    window = portrait.Window((0, 0, 64, 64), (64, 64), (False,) * 4, False)
    return Portrait(picture, window, np.zeros(70, np.float32), (64, 64))

  def host(self, portrait: Any, options: Any) -> None:
    return None

  def drawer(self, options: Any) -> 'Drawer':
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


class Networks:
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


def clock(bundle, *, rate=16_000, ahead=0.16, seconds=0.0, reach=0, **choices):
  """What draws streams, with the drawer of these tests."""
  options = options_lib.Options(mark='off', **choices)
  motion = registry.MOTIONS[opening.check(bundle, options).motion]
  drawer = Drawer()
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


def live_session(bundle, *, paced=False, **choices):
  return session.LiveSession(clock(bundle, **choices), paced=paced)


def all_parts(live: session.LiveSession, chunks: list[np.ndarray]) -> list:
  async def run() -> list:
    async with live:
      for chunk in chunks:
        await live.push(chunk)
      live.end()
      return [part async for part in live]

  return asyncio.run(run())


def motion_of(
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


def queue_of(ahead: int) -> sound_queue.SoundQueue:
  return sound_queue.SoundQueue(16_000, fractions.Fraction(25), ahead)
