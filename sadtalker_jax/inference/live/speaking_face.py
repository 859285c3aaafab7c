"""Rows of the packaged head that speaks: the mouth of a voice, and gestures."""

import copy

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.live import gestures, voice
from sadtalker_jax.inference.motion.baseline import lips


class SpeakingFace:
  """A face that a voice moves; a `causal_motion.Face`."""

  basis = bundle.PACKAGED_BASIS

  def __init__(
    self,
    speaker: voice.Voice,
    source: np.ndarray,
    fps: float,
    options: options_lib.Options,
  ):
    """Starts at rest.

    Args:
      speaker: Decides the mouth.
      source: [70] coefficients of the portrait, packaged head.
      fps: Frames per second.
      options: Options; seed, manner, strength, stillness, gaze and blinks
        count.
    """
    self._voice = speaker
    self._source = np.asarray(source, np.float32)
    self._fps, self._options = fps, options
    self._weights = lips.load()
    self._gestures = gestures.Gestures(
      options.seed or 0, options.pose_style, fps, options.blink_rate
    )
    self._presence = 0.0  # the greatest until now
    self.push, self.rewind = speaker.push, speaker.rewind

  def rows(self, frame: int, count: int) -> np.ndarray:
    """Rows [count, 70] from a frame on."""
    spoken = self._voice.at(frame / self._fps, self._fps, count)
    scale = self._options.expression_scale
    expression = self._source[conventions.ROW_EXPRESSION]
    presence = spoken.presence * min(scale, 1.0)
    until_then = np.maximum(np.maximum.accumulate(presence), self._presence)
    rest = lips.resting(expression, presence, self._weights, spoken=until_then)
    self._presence = float(until_then[0])
    rows = np.tile(self._source, (count, 1))
    # Units end at 1; a fitted source may already be outside.
    rows[:, conventions.ROW_EXPRESSION] = np.clip(
      rest + scale * spoken.units, None, np.maximum(rest, 1.0)
    )
    # Only the first frame has come; those after it may turn out otherwise.
    moving = self._gestures
    for row, activity, stress in zip(
      rows, spoken.activity, spoken.stress, strict=True
    ):
      moving.add(row, float(activity), float(stress), self._options)
      if count > 1 and moving is self._gestures:
        moving = copy.deepcopy(moving)
    return rows

  def skip(self) -> None:
    """Lets a frame pass that nobody sees."""
    self._gestures.skip()

  def warm_up(self) -> None:
    """Does once what rows need; nothing moves."""
    self._voice.at(0.0, self._fps)
