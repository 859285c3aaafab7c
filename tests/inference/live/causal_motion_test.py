"""Motions that hear sound while it comes: what is decided, and when."""

import fractions
import functools

import numpy as np

from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import registry
from sadtalker_jax.inference.live import causal_motion, learned_face
from sadtalker_jax.inference.motion.baseline import lips
from sadtalker_jax.inference.motion.learned import sound_windows
from tests.inference.live import streams

_LIDS = [makehuman.EXPRESSION_SLOTS[f'eyeBlink{s}'] for s in ('Left', 'Right')]


def test_a_stream_is_directed(wave):
  sound = wave[16_000:24_000]

  def rows(**choices) -> np.ndarray:
    motion = streams.motion_of(still=True, **choices)
    queue = streams.queue_of(4)
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


def test_idle_breathes_blinks_and_looks_and_hours_take_no_room():
  motion, queue = streams.motion_of(), streams.queue_of(2)
  rows = np.concatenate(
    [motion.step(queue.take(idle=True)) for _ in range(250)]
  )
  assert rows[:, 64:].std(axis=0).min() > 0
  look = makehuman.EXPRESSION_SLOTS['eyeLookOutLeft']
  assert rows[:, _LIDS].max() > 0.97 and rows[:, look].max() > 0.02
  assert lips.opening(rows).max() < 0.01
  heard = motion._face._voice
  assert heard._levels.nbytes + heard._sound._wave.nbytes < 600_000


def test_warming_up_moves_nothing(wave):
  """Nor does it decide how the head of the networks begins."""
  options = options_lib.Options(seed=1)

  def learned() -> causal_motion.CausalMotion:
    fps = fractions.Fraction(25)
    face = learned_face.LearnedFace(
      streams.Networks(), np.zeros(70), fps, options
    )
    return causal_motion.CausalMotion(face, np.zeros(70), 25.0, 16_000, options)

  for make in (
    streams.motion_of,
    functools.partial(streams.motion_of, 'baseline'),
    learned,
  ):
    rows = []
    for warm in (False, True):
      motion, queue = make(), streams.queue_of(4)
      if warm:
        motion.warm_up()
      queue.push(wave[:8_000])
      rows.append(np.stack([motion.step(queue.take()) for _ in range(5)]))
    np.testing.assert_array_equal(*rows)


def test_rows_that_were_known_ahead_come_to_pass(wave):
  """A renderer that looks ahead is shown the future as far as it is decided."""
  motion, queue = streams.motion_of(seed=3), streams.queue_of(12)
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


def test_the_baseline_listens_to_streams(wave):
  whole = registry.MOTIONS['baseline'].from_bundle(bundle_lib.load())
  count = 100
  given = wave[: count * 640]
  want = lips.opening(
    whole.track(given, source=np.zeros(70), num_frames=count).coefficients
  )
  motion = streams.motion_of('baseline', still=True, blink=False)
  queue = streams.queue_of(4)
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


def test_the_networks_hear_in_a_stream_what_they_hear_in_a_clip(wave):
  given = wave[: 60 * 640]
  clip = sound_windows.SoundWindows(given, 60)[np.arange(60)].mean((1, 2))
  options = options_lib.Options(seed=1)
  face = learned_face.LearnedFace(
    streams.Networks(), np.zeros(70), fractions.Fraction(25), options
  )
  motion = causal_motion.CausalMotion(face, np.zeros(70), 25.0, 16_000, options)
  queue = streams.queue_of(4)
  queue.push(given)
  queue.end_segment()
  rows = np.concatenate([motion.step(queue.take()) for _ in range(60)])
  np.testing.assert_allclose(rows[:55, 0], clip[:55], atol=1e-5)
  # Heads begin at rest, and pass from one chunk to the next without a step.
  assert np.abs(rows[0, 64:]).max() < 0.05 * np.abs(rows[12, 64:]).max()
  assert np.abs(np.diff(rows[:, 64])).max() < 0.3 * np.ptp(rows[:, 64])
  assert rows[24 + 8, 64] != rows[20, 64]
