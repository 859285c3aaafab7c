"""A measure's value, or why there is none; points that measures share."""

from collections.abc import Callable
import dataclasses

import numpy as np

# Points that neither speech nor blinks move: corners of the eyes, bridge and
# foot of the nose, forehead.
RIGID = (33, 133, 362, 263, 6, 197, 5, 4, 9, 8, 151)


class NotMeasured(Exception):
  """The reason why there is no number."""


@dataclasses.dataclass
class Measures:
  """Numbers of one video by name, and reasons for those that are missing."""

  values: dict[str, float] = dataclasses.field(default_factory=dict)
  missing: dict[str, str] = dataclasses.field(default_factory=dict)

  def take(self, name: str, compute: Callable[[], float]) -> None:
    """Measures something, or notes why not."""
    try:
      self.values[name] = float(compute())
    except NotMeasured as reason:
      self.missing[name] = str(reason)


def similarities(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """How the head of frame 0 lies in every frame, in the picture.

  Args:
    points: [T, 468 or more, 2 or more].

  Returns:
    Complex a [T] and b [T]: z in frame 0 is at a z + b, with z = x + i y.
  """
  rigid = points[:, list(RIGID), 0] + 1j * points[:, list(RIGID), 1]
  middle = rigid.mean(1, keepdims=True)
  centred = rigid - middle
  a = (centred * centred[0].conj()).sum(1) / (np.abs(centred[0]) ** 2).sum()
  return a, middle[:, 0] - a * middle[0, 0]
