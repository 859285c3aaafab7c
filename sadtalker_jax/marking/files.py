"""The mark of a file: a picture or a video."""

import os

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.marking import detection, patterns, payloads
from sadtalker_jax.media import files, image, spread

_PLACES, _FRAMES = 8, 4  # of a video that are looked at


def detect(
  path: str | os.PathLike[str], *, key: str | os.PathLike[str] | None = None
) -> detection.Finding:
  """The invisible mark of a picture or a video.

  Nothing found proves nothing: a mark can be removed, and other programs make
  pictures without one.

  Args:
    path: File of a picture or a video of any origin.
    key: File of the key of the mark; None for the public key.

  Returns:
    What was found; false where that is nothing.

  Raises:
    InputError: the file or the key cannot be read.
  """
  secret = payloads.read_key(key)
  groups = _groups(path)
  parts = [detection.residuals(group) for group in groups]
  search = detection.Search(patterns.of_key(secret))
  whole = detection.mean(parts)
  # Of a film, one scene may be ours.
  for part in (whole, *parts):
    finding = search.in_place(part.plane, 'whole')
    if finding.payload:
      return finding
  return detection.find(whole, secret)


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
