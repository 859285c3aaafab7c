"""What a file, a picture or a video, tells of its making."""

from collections.abc import Sequence
import dataclasses
import os

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.marking import (
  detection,
  payloads,
  signatures,
  statements,
)
from sadtalker_jax.media import files, image, spread

_PLACES, _FRAMES = 8, 4  # of a video that are looked at


@dataclasses.dataclass(frozen=True)
class Report:
  """What was found in a file; false where nothing says that it was generated.

  Attributes:
    mark: The invisible mark.
    statement: Words in the file; None if there are none.
    signature: Who signed the file, and whether that holds.
  """

  mark: detection.Finding
  statement: statements.Statement | None
  signature: signatures.Signature

  def __bool__(self) -> bool:
    said = self.statement is not None and self.statement.generated
    signed = self.signature.holds and self.signature.generated
    return bool(self.mark) or said or signed

  @property
  def payload(self) -> payloads.Payload | None:
    """What the mark says; None if there is none, or it cannot be read."""
    return self.mark.payload

  @property
  def score(self) -> float:
    """How far the mark stands out, see `detection.Finding`."""
    return self.mark.score


def detect(
  path: str | os.PathLike[str],
  *,
  key: str | os.PathLike[str] | None = None,
  anchors: str | os.PathLike[str] | None = None,
) -> Report:
  """What a picture or a video tells of its making.

  Nothing found proves nothing: marks and words can be removed, and other
  programs make pictures without them.

  Args:
    path: File of a picture or a video of any origin.
    key: File of the key of the mark; None for the public key.
    anchors: File of certificates in PEM that are trusted; None for none.

  Returns:
    What was found; false where that is nothing.

  Raises:
    InputError: the file, the key or the certificates cannot be read.
  """
  trusted = signatures.read_anchors(anchors)
  return Report(
    find_mark(path, payloads.read_key(key)),
    statements.Statement.of_file(path),
    signatures.read(path, trusted),
  )


def find_mark(path: str | os.PathLike[str], key: bytes) -> detection.Finding:
  """The invisible mark of a picture or a video.

  Raises:
    InputError: the file cannot be read.
  """
  return detection.find(_groups(path), key)


def find_in_frames(
  frames: Sequence[np.ndarray], key: bytes = payloads.PUBLIC_KEY
) -> detection.Finding:
  """The invisible mark, as `find_mark` of a short video of frames.

  Args:
    frames: Frames [H, W, 3] uint8 RGB; at least one.
    key: Key of the mark.
  """
  groups = spread.of_frames(frames, places=_PLACES, frames=_FRAMES)
  return detection.find(list(groups), key)


def _groups(path: str | os.PathLike[str]) -> list[list[np.ndarray]]:
  """Frames of one size: of each place of a video, or the picture."""
  source = files.check_source(path, 'a picture or a video')
  try:
    return [[image.load(source)]]
  except errors.InputError:
    pass  # no picture
  try:
    return list(spread.groups(source, places=_PLACES, frames=_FRAMES))
  except errors.InputError as error:
    raise errors.InputError(
      f'{path}: expected a picture or a video, found none that can be read'
    ) from error
