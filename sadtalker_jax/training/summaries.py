"""What a run shows: pictures of a batch, and films with sound."""

from typing import Any

import jax
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training import writers as writers_lib


class Showing:
  """The pictures and films of a stage; all processes compute, one writes."""

  def __init__(
    self,
    stage: stage_lib.StageFunctions,
    writers: tuple[writers_lib.MetricWriter, ...],
    clips: Any,
    whole: jax.sharding.Sharding,
  ):
    """Compiles nothing yet.

    Args:
      stage: Stage whose functions are called.
      writers: Writers of the run; none in processes that do not write.
      clips: Iterator over batches of one clip, whole on every device; or None.
      whole: Sharding of what comes out.
    """
    self._writers = writers
    self._clips = clips
    self._pictures = jax.jit(stage.summaries, out_shardings=whole)
    self._clip = None
    if clips is not None and stage.clip is not None:
      self._clip = jax.jit(stage.clip, out_shardings=whole)

  def pictures(self, step: int, state: Any, batch: Any, frozen: Any) -> None:
    """Shows a batch."""
    found = self._pictures(state, batch, frozen)
    if self._writers:
      images = {n: as_bytes(x) for n, x in jax.device_get(found).items()}
      for writer in self._writers:
        writer.write_images(step, images)

  def clip(self, step: int, state: Any, frozen: Any) -> None:
    """Shows the next clip, if the stage has something that moves."""
    if self._clip is None:
      return
    clip = {name: value[0] for name, value in next(self._clips).items()}
    sound = np.asarray(clip.pop('sound'))
    frames = self._clip(state, clip, frozen)
    if self._writers:
      # Sound of the last frames: a stage may leave out the first.
      samples = len(frames) * (len(sound) // len(clip['frames']))
      wave = sound[-samples:].astype(np.float32) / 2**15
      film = as_bytes(jax.device_get(frames))
      for writer in self._writers:
        writer.write_film(step, 'clip', film, (wave, conventions.SAMPLE_RATE))


def as_bytes(picture: Any) -> np.ndarray:
  """Pictures in [0, 1] as uint8."""
  values = np.clip(np.asarray(picture, np.float32), 0, 1)
  return np.round(values * 255).astype(np.uint8)
