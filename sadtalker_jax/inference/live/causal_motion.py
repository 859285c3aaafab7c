"""The row of a frame from what is known at its time.

Lips are those of the `phonetic` motion; head, brows, gaze, lids and breath are
`gestures`.
"""

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference import bundle, tracks
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.direction import directing
from sadtalker_jax.inference.live import gestures, hearing, sound_queue
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.phonetic import shapes
from sadtalker_jax.media import resampling

_RATE = conventions.SAMPLE_RATE


class CausalMotion:
  """Rows one after the other."""

  def __init__(
    self,
    source: np.ndarray,
    fps: float,
    rate: int,
    options: options_lib.Options,
  ):
    """Starts at rest.

    Args:
      source: [70] coefficients of the portrait, packaged head.
      fps: Frames per second.
      rate: Samples a second of the sound that will be given.
      options: Options; seed, manner, strength, stillness, emotion, gaze and
        blinks count.
    """
    self._source = np.asarray(source, np.float32)
    self._fps, self._rate = fps, rate
    self._options = options
    self._weights = lips_lib.load()
    self._hearing = hearing.Hearing()
    self._gestures = gestures.Gestures(
      options.seed or 0, options.pose_style, fps, options.blink_rate
    )
    self._direction = directing.Direction.of(options)
    self._heard = np.zeros(0, np.float32)  # beyond the last frame
    self._resampler: resampling.Resampler | None = None
    self._frame = 0
    self._spoken = 0.0  # greatest presence of speech until now
    self._row = self._source

  def step(
    self, taken: sound_queue.Taken, *, repeat: bool = False
  ) -> np.ndarray:
    """The row [70] of the next frame.

    Args:
      taken: Sound of the frame; it is heard in any case.
      repeat: Whether the row of before will do, which takes less time.
    """
    self._listen(taken)
    if repeat:
      self._gestures.skip()
    else:
      self._row = self._moved(self._frame / self._fps)
    self._frame += 1
    return self._row

  def _moved(self, seconds: float) -> np.ndarray:
    """The row at a time."""
    known = self._hearing.at(seconds, self._fps)
    options, lips = self._options, known.mouth
    scale = options.expression_scale
    expression = self._source[conventions.ROW_EXPRESSION]
    presence = np.maximum(lips.presence, lips.seal) * min(scale, 1.0)
    self._spoken = max(self._spoken, float(presence[0]))
    rest = lips_lib.resting(
      expression, presence, self._weights, spoken=np.array([self._spoken])
    )[0]
    generated = shapes.units(lips, self._weights)[0]
    row = self._source.copy()
    # Units end at 1; a fitted source may already be outside.
    row[conventions.ROW_EXPRESSION] = np.clip(
      rest + scale * generated, None, np.maximum(rest, 1.0)
    )
    self._gestures.add(row, float(lips.presence[0]), known.stress, options)
    directed = self._direction.applied(
      tracks.still(row[None]), self._source, self._fps, bundle.PACKAGED_BASIS
    )
    return directed.coefficients[0]

  def _listen(self, taken: sound_queue.Taken) -> None:
    """Hears what is new; forgets what turned out otherwise."""
    now = np.concatenate([taken.sound, taken.ahead])
    expected = self._heard
    self._heard = taken.ahead
    if np.array_equal(now[: len(expected)], expected):
      self._hear(now[len(expected) :])
      return
    self._hearing.rewind(taken.start * _RATE // self._rate)
    self._resampler = None
    self._hear(now)

  def _hear(self, sound: np.ndarray) -> None:
    if self._rate != _RATE and len(sound):
      if self._resampler is None:
        self._resampler = resampling.Resampler(self._rate, _RATE, 1)
      sound = self._resampler.push(sound[None])[0]
    self._hearing.push(sound)
