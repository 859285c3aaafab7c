"""What a test is: how long its clips are, how they are cut, how many there are.

A protocol is a handful of numbers that the output repeats, since a score means
nothing without them. Those of the paper are in `configs/evaluation.py`.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any, Literal, TypeAlias, get_args

from sadtalker_jax import conventions, errors

Crop: TypeAlias = Literal['face', 'whole']

_FACE_RULE = (
  'face: the square of the real clip (box around all landmark boxes of the '
  'clip, its longer side widened by {margin:g} at each end, moved into the '
  'picture), at the same place in every generated video of the same size whose '
  'face is there (boxes overlap by half); any other has a square of its own by '
  'the same rule; bicubic with anti-aliasing to {size} x {size}'
)
_WHOLE_RULE = 'whole: all of the picture, bicubic to {size} x {size}'


@dataclasses.dataclass(frozen=True)
class Protocol:
  """The rules of a test.

  Attributes:
    name: What it is called in reports.
    seconds: From the start of each clip that count; None for all.
    size: Side of the crops in pixels.
    crop: 'face', or 'whole' for clips that are cropped already.
    margin: Of the face crop, in longer sides of the face (reference 10.1).
    least_frames: Of a clip; offsets of 15 frames both ways need 31.
    tolerance: Frames that lengths may differ by; both are cut to the shorter.
    resample: Take videos of different frame rates, too, each at 25 a second.
    clips: How many the published test has; None if that is not said.
    source: Where the rules come from.
  """

  name: str = 'folder'
  seconds: float | None = None
  size: int = 256
  crop: Crop = 'face'
  margin: float = 0.1
  least_frames: int = 32
  tolerance: int = 5
  resample: bool = False
  clips: int | None = None
  source: str = ''

  def __post_init__(self) -> None:
    checks = {
      'seconds': self.seconds is None or self.seconds > 0,
      'size': 64 <= self.size <= 1024,
      'crop': self.crop in get_args(Crop),
      'margin': 0 <= self.margin <= 2,
      'least_frames': self.least_frames > 30,
      'tolerance': self.tolerance >= 0,
    }
    for name, good in checks.items():
      if not good:
        raise errors.InputError(
          f'protocol: expected {name} in its range, found '
          f'{getattr(self, name)!r}'
        )

  @property
  def rule(self) -> str:
    """The crop in words, for the output."""
    text = _FACE_RULE if self.crop == 'face' else _WHOLE_RULE
    return text.format(margin=self.margin, size=self.size)

  @property
  def most_frames(self) -> int | None:
    """Frames of a clip that count; None for all."""
    return (
      None
      if self.seconds is None
      else round(self.seconds * conventions.FRAME_RATE)
    )


def from_mapping(fields: Mapping[str, Any]) -> Protocol:
  """The protocol of a config.

  Raises:
    InputError: There are fields that it does not have, or bad values.
  """
  known = {field.name for field in dataclasses.fields(Protocol)}
  if unknown := sorted(set(fields) - known):
    raise errors.InputError(
      f'protocol: expected fields among {", ".join(sorted(known))}, found '
      f'{", ".join(unknown)}'
    )
  try:
    return Protocol(**fields)
  except TypeError as error:  # text where a number is compared
    raise errors.InputError(
      f'protocol: expected fields of the right types, found {dict(fields)}'
    ) from error
