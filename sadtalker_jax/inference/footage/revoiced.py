"""A re-voiced clip, which goes on where a killed run stopped."""

from collections.abc import Callable, Iterable
import dataclasses
import os
import pathlib
from typing import Self

import numpy as np

import sadtalker_jax
from sadtalker_jax.inference import animation
from sadtalker_jax.inference.footage import (
  footage_portrait,
  kept,
  people_drawer,
)
from sadtalker_jax.marking import statements


@dataclasses.dataclass(frozen=True, eq=False)
class Revoiced(animation.Animation):
  """A re-voiced clip; its portrait has a frame for every frame."""

  portrait: footage_portrait.FootagePortrait | people_drawer.PeoplePortrait
  kept_frames: kept.KeptFrames | None = None  # beside the file it is drawn for

  @property
  def source_type(self) -> str:
    """Word of IPTC: a recording, a part of which was generated."""
    return statements.COMPOSITE

  def only(self, places: np.ndarray) -> Self:
    """The clip with some of its frames, numbers [k] in order."""
    few = super().only(places)
    return dataclasses.replace(few, portrait=self.portrait.only(places))

  def keeping(self, path: animation.Path) -> Self:
    """The clip that keeps its drawn frames beside a file until that is whole.

    Short clips keep none.
    """
    if self.num_frames < kept.LEAST:
      return self
    frames = kept.KeptFrames(pathlib.Path(path), self._key())
    drawer = kept.KeptDrawer(self.drawer, frames)
    return dataclasses.replace(self, drawer=drawer, kept_frames=frames)

  def _key(self) -> str:
    """Stands for all that drawn frames depend on."""
    parts = [sadtalker_jax.__version__.encode(), self.track.tobytes()]
    for member in self.portrait.members:
      source = os.stat(member.reader.path)
      parts += [
        f'{source.st_size} {source.st_mtime_ns} {member.fps}'.encode(),
        member.order.tobytes(),
      ]
      for shot in member.clip.shots:
        parts += [shot.landmarks.tobytes(), shot.weight.tobytes()]
    return kept.key_of(parts)

  def save(
    self,
    path: animation.Path,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
  ) -> pathlib.Path:
    """As every clip; a run that was killed draws on where it stopped."""
    clip = self.keeping(path)
    return clip.write(
      clip.batches(), path, overwrite=overwrite, progress=progress
    )

  def write(
    self,
    batches: Iterable[np.ndarray],
    path: animation.Path,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
  ) -> pathlib.Path:
    """Writes finished frames as `save` does."""
    done = False
    try:
      written = super().write(
        batches, path, overwrite=overwrite, progress=progress
      )
      done = True
    except Exception:
      done = True  # for good
      raise
    finally:  # after Ctrl-C and the like the next run goes on
      if self.kept_frames is not None:
        self.kept_frames.close(remove=done)
    return written
