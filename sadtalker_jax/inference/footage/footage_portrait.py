"""A followed clip in the place of a portrait."""

from collections.abc import Iterator
import dataclasses
import fractions
from typing import Self

import numpy as np

from sadtalker_jax.face3d import coeffs
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.inference.footage import following, frame_order, shot_rig
from sadtalker_jax.media import video


@dataclasses.dataclass(frozen=True, eq=False)
class FootagePortrait:
  """The person of a clip; a `portrait.Portrait` whose picture is one frame."""

  picture: np.ndarray  # [H, W, 3] uint8, a frame with a resting mouth
  row: np.ndarray  # [70] resting coefficients
  clip: following.Clip
  references: list[shot_rig.References]  # of each shot
  reader: video.VideoReader
  fps: fractions.Fraction
  order: np.ndarray  # [T] frames of the clip that the result shows

  @property
  def members(self) -> tuple[Self, ...]:
    """The people whose mouths are drawn: this one."""
    return (self,)

  @property
  def window(self) -> portrait_lib.Window:
    """The whole picture."""
    width, height = self.clip.size
    return portrait_lib.Window(
      (0.0, 0.0, float(width), float(height)),
      self.clip.size,
      (True,) * 4,
      False,
    )

  @property
  def frame_size(self) -> tuple[int, int]:
    """Width and height of the frames."""
    return self.clip.size

  def measured(self) -> portrait_lib.MeasuredFace:
    """The face of the longest shot."""
    fit = self.clip.longest.fit
    vector = np.asarray(coeffs.join(coeffs.from_row(fit.identity, self.row)))
    return portrait_lib.MeasuredFace(self.picture, vector, fit.trans)

  def frames(self) -> Iterator[np.ndarray]:
    """The frames [H, W, 3] of the result as the clip has them."""
    return frame_order.read(self.reader, self.fps, self.order)

  def only(self, places: np.ndarray) -> Self:
    """The same with some of its frames, numbers [k] in order."""
    return dataclasses.replace(self, order=self.order[places])
