"""Rows of ExpNet and PoseVAE, of what was heard so far.

Expressions are those of the `learned` motion: a frame depends on 0.2 s of sound
about its middle, so that 0.12 s of look-ahead are all it needs. Poses come in
chunks of 32 frames that depend on as much sound; in a stream it is the sound
before a chunk, so that heads follow the voice 1.3 s later.
"""

import fractions

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.live import gestures, recent_sound
from sadtalker_jax.inference.motion.learned import chunks, learned_motion
from sadtalker_jax.models.sadtalker import posevae
from sadtalker_jax.ops import mel

_RATE = conventions.SAMPLE_RATE
_POSES = posevae.NUM_FRAMES
_STRIDE = _POSES - chunks.OVERLAP  # poses between chunks
_HOP = 200  # samples between mel frames
_KEPT = 192  # mel frames, 2.4 s
_EDGE = 3  # mel frames at the start that reach beyond the sound


class LearnedFace:
  """A face that the networks of a bundle move; a `causal_motion.Face`."""

  def __init__(
    self,
    motion: learned_motion.LearnedMotion,
    source: np.ndarray,
    fps: fractions.Fraction,
    options: options_lib.Options,
  ):
    """Starts at rest.

    Args:
      motion: The networks.
      source: [70] coefficients of the portrait, of their basis.
      fps: Frames per second.
      options: Options; seed, manner, strength, stillness and blinks count.
    """
    self.basis = motion.basis
    self._motion, self._options, self._fps = motion, options, fps
    self._source = np.asarray(source, np.float32)
    self._sound = recent_sound.RecentSound((_KEPT + 4) * _HOP)
    self.push, self.rewind = self._sound.push, self._sound.rewind
    self._seed = options.seed or 0
    self._chunk = -1  # number of the newest chunk
    self._before = self._newest = np.zeros((_POSES, 6), np.float32)

  def rows(self, frame: int, count: int) -> np.ndarray:
    """Rows [count, 70] from a frame on."""
    heard = _Spectrogram.of(self._sound)
    frames = frame + np.arange(count)
    rows = np.tile(self._source, (count, 1))
    rows[:, conventions.ROW_EXPRESSION] = self._expression(heard, frames)
    if not self._options.still:
      rows[:, conventions.ROW_POSE] += np.stack(
        [self._pose(heard, float(n / self._fps) * 25) for n in frames.tolist()]
      )
    return rows

  def skip(self) -> None:
    """Lets a frame pass that nobody sees."""

  def warm_up(self) -> None:
    """Does once what rows need; nothing moves."""
    heard = _Spectrogram.of(self._sound)
    self._expression(heard, np.zeros(1, np.int64))
    if not self._options.still:
      self._new_chunk(heard, 0)

  def _expression(
    self, heard: '_Spectrogram', frames: np.ndarray
  ) -> np.ndarray:
    options, count = self._options, len(frames)
    rest = self._source[conventions.ROW_EXPRESSION]
    blink = np.zeros(count, np.float32)
    if options.blink:
      blink[:] = [
        gestures.closed(self._seed, float(self._fps), n, options.blink_rate)
        for n in frames
      ]
    expression = self._motion.express(
      heard.windows([_start(n, self._fps) for n in frames.tolist()]),
      np.tile(rest, (count, 1)),
      blink,
    )
    expression = expression * np.float32(options.expression_scale)
    if self.basis == bundle.PACKAGED_BASIS:
      return makehuman.within_units(expression, rest)
    return expression

  def _pose(self, heard: '_Spectrogram', place: float) -> np.ndarray:
    """Pose [6] over the portrait's at a place, in 25ths of a second."""
    chunk = int(place) // _STRIDE
    if chunk > self._chunk:
      self._before = self._newest[_STRIDE:]
      self._newest = self._new_chunk(heard, chunk)
      self._chunk = chunk
    place -= self._chunk * _STRIDE
    new = _between(self._newest, place)
    if place >= chunks.OVERLAP:
      return new
    share = 0.5 - 0.5 * np.cos(np.pi * place / chunks.OVERLAP)
    return share * new + (1 - share) * _between(self._before, place)

  def _new_chunk(self, heard: '_Spectrogram', chunk: int) -> np.ndarray:
    """Motion [32, 6] of the last 32 frames of sound that are known."""
    last = heard.end - mel.WINDOW
    starts = last - np.arange(_POSES)[::-1] * 16 // 5  # 3.2 mel frames
    return self._motion.pose_chunk(
      heard.windows(starts.tolist()),
      chunks.latent(self._seed, chunk),
      self._source[conventions.ROW_POSE],
      self._options.pose_style,
    )


class _Spectrogram:
  """Mel frames of the last seconds, numbered from the start of the stream."""

  def __init__(self, frames: np.ndarray, begin: int):
    self._frames, self._begin = frames, begin
    self.end = begin + len(frames)

  @classmethod
  def of(cls, sound: recent_sound.RecentSound) -> '_Spectrogram':
    """The spectrogram of what is known; of the end, as if silence followed."""
    end = -(-sound.count // _HOP) + 1
    begin = end - _KEPT
    wave = sound.since((begin - _EDGE) * _HOP)
    wave = np.pad(wave, (0, (_KEPT + _EDGE) * _HOP - len(wave)))
    return cls(np.asarray(mel.log_mel(wave))[_EDGE:-1], begin)

  def windows(self, starts: list[int]) -> np.ndarray:
    """Windows [n, 80, 16] that begin at mel frames."""
    index = np.array(starts)[:, None] + np.arange(mel.WINDOW)
    # A clip has nothing before its first mel frame.
    index = np.maximum(index, 0) - self._begin
    rows = self._frames[np.clip(index, 0, len(self._frames) - 1)]
    return np.swapaxes(rows, 1, 2)


def _start(frame: int, fps: fractions.Fraction) -> int:
  """First mel frame of the window of a frame, as `mel.window_starts` has it."""
  return int((frame + fractions.Fraction(1, 2)) * 80 / fps - mel.WINDOW // 2)


def _between(track: np.ndarray, place: float) -> np.ndarray:
  """The row at a place of a track, interpolated."""
  place = min(place, len(track) - 1.0)
  first = min(int(place), len(track) - 2)
  share = place - first
  return (1 - share) * track[first] + share * track[first + 1]
