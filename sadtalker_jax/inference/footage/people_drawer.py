"""Several people of a film, whose mouths are drawn one after the other."""

from collections.abc import Iterator, Sequence
import dataclasses
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d import measures
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.inference import rendering, tracks
from sadtalker_jax.inference.footage import footage_drawer, footage_portrait
from sadtalker_jax.typing import Array


@dataclasses.dataclass(frozen=True, eq=False)
class PeoplePortrait:
  """The people of a film who speak; a `portrait.Portrait` of the first."""

  members: tuple[footage_portrait.FootagePortrait, ...]

  @property
  def picture(self) -> np.ndarray:
    """A frame, [H, W, 3] uint8."""
    return self.members[0].picture

  @property
  def row(self) -> np.ndarray:
    """Resting coefficients of the first person."""
    return self.members[0].row

  @property
  def window(self) -> portrait_lib.Window:
    """The whole picture."""
    return self.members[0].window

  @property
  def frame_size(self) -> tuple[int, int]:
    """Width and height of the frames."""
    return self.members[0].frame_size

  def measured(self) -> portrait_lib.MeasuredFace:
    """The first person's face."""
    return self.members[0].measured()

  def frames(self) -> Iterator[np.ndarray]:
    """The frames [H, W, 3] of the result as the film has them."""
    return self.members[0].frames()

  def only(self, places: np.ndarray) -> Self:
    """The same with some of its frames, numbers [k] in order."""
    members = tuple(member.only(places) for member in self.members)
    return dataclasses.replace(self, members=members)


class PeopleDrawer(rendering.Drawer):
  """Draws the mouth of every person who speaks, those farther away first."""

  mixes = False
  reach = 0

  def __init__(self, model: morphable.MorphableModel):
    """A drawer for people who were fitted with this head model."""
    self._model = model
    self._one = footage_drawer.FootageDrawer(model)

  def prepare(
    self, portrait: PeoplePortrait
  ) -> tuple[footage_drawer.PreparedFootage, ...]:
    """All people; their windows are of one size, as are their programs."""
    clips = [member.clip for member in portrait.members]
    return tuple(
      footage_drawer.PreparedFootage(member, self._model, clips)
      for member in portrait.members
    )

  def inputs(
    self,
    prepared: tuple[footage_drawer.PreparedFootage, ...],
    track: tracks.Track,
    index: np.ndarray,
  ) -> tuple[np.ndarray, ...]:
    """Frames [b, H, W, 3], rows [b, P, 70], and numbers of the frames [b]."""
    return self._one.inputs(prepared[0], track, index)

  def render(
    self,
    portraits: Sequence[tuple[footage_drawer.PreparedFootage, ...]],
    inputs: tuple[np.ndarray, ...],
  ) -> jax.Array:
    """Frames [B, H, W, 3] uint8 with the mouths of rows."""
    (people,) = portraits
    drawn = []
    for frame, rows, number in zip(*inputs, strict=True):
      result: Array = frame
      pairs = zip(people, rows, strict=True)
      order = sorted(pairs, key=lambda pair: _size(pair[0], int(number)))
      for one, row in order:
        result = self._one.frame(one, np.asarray(result), row, int(number))
      drawn.append(result)
    return jnp.stack(drawn)


def _size(person: footage_drawer.PreparedFootage, number: int) -> float:
  """Pixels between the eyes of a person in a frame; 0 where not seen."""
  clip = person.portrait.clip
  which, place = clip.shot_at(number)
  if which is None:
    return 0.0
  points = clip.shots[which].landmarks[place]
  return float(measures.interocular(points[..., :2]))
