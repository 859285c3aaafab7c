"""Rules of a test: the length of its clips, their crops, their number.

The output repeats the rules, since a score means nothing without them. Those of
the paper are in `configs/evaluation.py`.
"""

from collections.abc import Mapping
import dataclasses
import importlib.util
from typing import Any, Literal, TypeAlias, get_args

from sadtalker_jax import conventions, errors
from sadtalker_jax.media import files

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
    name: Name in reports.
    seconds: Seconds of each clip that count, from its start; None for all.
    size: Side of the crops, pixels.
    crop: Part of the picture: 'face', or 'whole' for clips that are crops.
    margin: Margin of the face crop, in longer sides of the face (method 10.1).
    least_frames: Least frames of a clip; offsets of 15 frames both ways need
      31.
    tolerance: Frames by which lengths may differ; both are cut to the shorter.
    resample: Whether videos of different frame rates are taken, each at 25 a
      second.
    clips: Number of clips of the published test; None if it is not known.
    source: Source of the rules.
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


def read(text: str) -> Protocol:
  """The protocol of a config file.

  Args:
    text: FILE or FILE:VARIANT; the file defines `get_config(variant)`.

  Raises:
    InputError: The file is missing or no Python file, or its config is bad.
  """
  name, _, variant = text.partition(':')
  path = files.check_source(name, 'a file of a config')
  spec = importlib.util.spec_from_file_location('protocol_config', path)
  if spec is None or spec.loader is None:
    raise errors.InputError(f'{path}: expected a Python file, found another')
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
    fields = module.get_config(variant or None).to_dict()
  except errors.InputError:
    raise
  except ValueError as error:
    raise errors.InputError(str(error)) from error
  except ModuleNotFoundError as error:
    raise errors.InputError(
      f'{path}: expected ml-collections (pip install ml-collections), found '
      f'that {error.name} is missing'
    ) from error
  except (Exception, SystemExit) as error:  # whatever people wrote there
    found = ' '.join(f'{type(error).__name__}: {error}'.split())
    raise errors.InputError(
      f'{path}: expected a file that defines get_config, found {found}'
    ) from error
  return from_mapping(fields)


def from_mapping(fields: Mapping[str, Any]) -> Protocol:
  """The protocol of a config.

  Args:
    fields: Values of attributes by name.

  Raises:
    InputError: A field is unknown, or a value is bad.
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
