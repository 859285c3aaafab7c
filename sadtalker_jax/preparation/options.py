"""Options that change the records.

The digest of the options is written into the output, and an output made with
others is refused. Options of how the work is done (processes, time limits) are
not here.
"""

import dataclasses
import hashlib
import json
from typing import Any, Literal, get_args

from sadtalker_jax import errors

SCHEMA = 1  # version of manifest, parts and records

Method = Literal['auto', 'recon', 'fit']
# Shortest clips (method 10.1): annotated ones, tracks in the wild.
_MIN_FRAMES = {True: 64, False: 150}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreparationOptions:
  """Options of one preparation.

  Raises:
    InputError: A value is out of its range; the message names it.
  """

  size: int = 256  # side of the frames, pixels
  min_face: int | None = None  # longer side of the tube's box; None: `size`
  min_frames: int | None = None  # None: 64 with annotations, else 150
  max_frames: int = 1024  # longer tracks are cut
  max_minutes: float = 120.0  # length of a video; memory does not grow with it
  margin: float = 0.1  # share of its longer side that the box grows by
  min_sharpness: float = 8.0  # see `quality.sharpness`
  max_yaw: float = 70.0  # degrees; the 95th percentile of the frames counts
  max_pitch: float = 45.0  # likewise
  max_error: float = 6.0  # error of the fit, percent of the eye distance
  require_speech: bool = False  # only clips whose lips move with the sound
  allow_no_audio: bool = False  # keep videos without a sound track
  max_offset: int | None = None  # frames between sound and lips
  min_confidence: float | None = None  # confidence of that offset; see `sync`
  method: Method = 'auto'  # source of coefficients; auto: recon if available
  teacher: bool = False  # lip-only expression by Wav2Lip (method 3.5)
  bundle: str | None = None  # networks; see `experts`
  validation: float = 0.02  # share of the speakers
  test: float = 0.02  # share of the speakers that are not of VoxCeleb
  deduplicate: bool = True
  shard_mb: int = 256  # megabytes of frames in a shard, about
  annotated: bool = False  # boxes come with the input: rules of VoxCeleb

  def __post_init__(self) -> None:
    """Checks every value."""
    checks = (
      ('size', self.size in (256, 512), '256 or 512'),
      ('min_face', 32 <= self.face_pixels <= 16384, '32 to 16384 pixels'),
      ('min_frames', self.least_frames >= 5, 'at least 5'),
      (
        'max_frames',
        self.least_frames <= self.max_frames <= 4096,
        'from min_frames to 4096',
      ),
      ('max_minutes', 0 < self.max_minutes <= 1e6, 'above 0, at most 1000000'),
      ('min_sharpness', 0 <= self.min_sharpness <= 1e6, '0 to 1000000'),
      ('max_yaw', 0 <= self.max_yaw <= 180, '0 to 180 degrees'),
      ('max_pitch', 0 <= self.max_pitch <= 180, '0 to 180 degrees'),
      ('max_error', 0 < self.max_error <= 1e6, 'above 0, at most 1000000'),
      (
        'min_confidence',
        self.min_confidence is None or -1e6 <= self.min_confidence <= 1e6,
        'a number from -1000000 to 1000000',
      ),
      ('margin', 0 <= self.margin <= 1, '0 to 1'),
      ('method', self.method in get_args(Method), 'auto, recon or fit'),
      ('validation', 0 <= self.validation < 1, '0 to 1'),
      ('test', 0 <= self.test < 1 - self.validation, '0 to 1 - validation'),
      ('shard_mb', 1 <= self.shard_mb <= 1_000_000, '1 to 1000000'),
      (
        'max_offset',
        self.max_offset is None or 0 <= self.max_offset <= 15,
        '0 to 15 frames',
      ),
      (
        'teacher',
        not self.teacher or self.bundle is not None,
        'a bundle that holds the network wav2lip',
      ),
    )
    for name, holds, expected in checks:
      if not holds:
        raise errors.InputError(
          f'{name}: expected {expected}, found {getattr(self, name)}'
        )

  @property
  def face_pixels(self) -> int:
    """Least longer side of a tube's box, pixels of the video."""
    return self.size if self.min_face is None else self.min_face

  @property
  def least_frames(self) -> int:
    """Least frames of a clip."""
    if self.min_frames is not None:
      return self.min_frames
    return min(_MIN_FRAMES[self.annotated], self.max_frames)

  def as_json(self) -> dict[str, Any]:
    """Plain values."""
    return dataclasses.asdict(self)


def digest(options: PreparationOptions, networks: str = '') -> str:
  """Hash of the options and of the networks' weights, 16 hexadecimals.

  Args:
    options: Options of the preparation.
    networks: Hash of the weights of a bundle (`experts.fingerprint`).
  """
  named = options.as_json()
  text = json.dumps([SCHEMA, named, networks], sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(
  options: PreparationOptions, stored: dict[str, Any]
) -> list[str]:
  """Options that differ from stored ones, as text: 'size 256, not 512'.

  Args:
    options: Options of the preparation.
    stored: Values of `PreparationOptions.as_json`, perhaps of another version.
  """
  own = options.as_json()
  names = [*own, *(name for name in stored if name not in own)]
  return [
    f'{name} {stored.get(name)}, not {own.get(name)}'
    for name in names
    if stored.get(name) != own.get(name)
  ]
