"""Where a clip comes from, as its frames and its file say it.

The invisible mark is planned on the portrait, not on drawn frames, so that it
does not depend on devices or batches. It goes on last, after pasting,
enhancing and the label. The file repeats in words what the mark says.
"""

from collections.abc import Callable, Iterator, Mapping
import dataclasses
import functools
import itertools
import os
import pathlib
from typing import NamedTuple

from absl import logging
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import framing, tracks
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.marking import (
  embedding,
  labels,
  payloads,
  signing,
  statements,
)
from sadtalker_jax.media import boxes, lettering, picture_folders
from sadtalker_jax.media import encoding as encoding_lib

# What is kept free about a detected face, from eyebrows to chin: shares of its
# width and height on the left, above, on the right, and below.
_ROOM = np.array([0.12, 0.3, 0.12, 0.12])
_DECIMALS = 2  # of motion that the job's number is made of


@dataclasses.dataclass(frozen=True, eq=False)
class Marks:
  """What frames and files of a clip say of their making.

  Attributes:
    statement: Words in the file.
    marker: The invisible mark; None leaves frames without one.
    label: The label that people read; None leaves frames without one.
    signer: Who signs the file; None leaves it unsigned.
    inputs: Files that the clip is made of, by what they are.
  """

  statement: statements.Statement
  marker: embedding.Marker | None
  label: labels.Label | None = None
  signer: signing.Signer | None = None
  inputs: Mapping[str, str | os.PathLike[str]] = dataclasses.field(
    default_factory=dict
  )

  def tags_of(self, encoding: encoding_lib.Encoding) -> Mapping[str, str]:
    """Tags of the file, or of each picture of a folder."""
    if not encoding.kind.is_folder:
      return self.statement.tags
    return {
      **self.statement.tags,
      picture_folders.XMP: self.statement.xmp.decode(),
    }

  def stream(self, batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Batches of finished frames, labelled and marked.

    Args:
      batches: [b, H, W, 3] uint8; or [b, H, W, 4], whose opacity stays.
    """
    if self.label is not None:
      batches = self.label.stream(batches)
    if self.marker is None:
      return batches
    return (
      np.concatenate([self.marker.mark(batch[..., :3]), batch[..., 3:]], -1)
      for batch in batches
    )

  def seal(self, path: pathlib.Path) -> None:
    """Adds what FFmpeg cannot write to a complete file."""
    if boxes.has(path):
      boxes.append(path, boxes.XMP, self.statement.xmp)
    if self.signer is not None:
      payload = self.marker.payload if self.marker else None
      self.signer.sign(path, self.statement, payload, self.inputs)


class Tools(NamedTuple):
  """What marks are made with, read and checked before any work."""

  key: bytes  # of the invisible mark
  is_marked: bool  # whether frames get an invisible mark
  signer: signing.Signer | None
  label: Callable[..., labels.Label] | None  # of a size and faces


def tools(options: options_lib.Options) -> Tools:
  """The tools that options ask for.

  Raises:
    InputError: the key of the mark cannot be read, or there is one without a
      mark; the certificate and the key that sign cannot be used, or the extra
      is not installed; the text of the label cannot be drawn.
  """
  is_marked = options.mark == 'on'
  if not is_marked and options.mark_key is not None:
    raise errors.InputError('mark_key: expected with mark on only')
  key = payloads.read_key(options.mark_key)
  signer = signing.Signer.of(options.sign) if options.sign else None
  return Tools(key, is_marked, signer, _label(options))


def _label(
  options: options_lib.Options,
) -> Callable[..., labels.Label] | None:
  if options.label is None:
    if options.label_font is not None:
      raise errors.InputError('label_font: expected with a label only')
    return None
  lettering.check(options.label, options.label_font)
  return functools.partial(
    labels.Label,
    options.label,
    place=options.label_place,
    font=options.label_font,
  )


def planned(
  portrait: portrait_lib.Portrait,
  track: np.ndarray,
  size: tuple[int, int],
  bundle: bundle_lib.Bundle,
  chosen: Tools,
  inputs: Mapping[str, str | os.PathLike[str]],
  *,
  shown: framing.Share = framing.WHOLE,
  source_type: str = statements.GENERATED,
  host: np.ndarray | None = None,
) -> Marks:
  """The marks of a clip; without an invisible one where options turn it off.

  The job's number is 24 bits of a keyed hash of the motion and the size: the
  same clip has the same number.

  Args:
    portrait: Portrait that is animated.
    track: Coefficients [T, 70] of the motion.
    size: Width and height of the frames that come out.
    bundle: Bundle whose number the mark names.
    chosen: What marks are made with.
    inputs: Files that the clip is made of, by what they are.
    shown: Part of the portrait's frames that comes out.
    source_type: Word of IPTC for how the clip came to be.
    host: What whole frames look like, [H, W, 3] uint8; None for the portrait.

  Raises:
    InputError: frames are too small for a mark, or have no room for the label.
  """
  job = payloads.number_of(
    itertools.chain(_rounded(track), [repr(size).encode()]),
    chosen.key,
    payloads.JOB_BITS,
  )
  payload = payloads.Payload(bundle.number, job)
  statement = statements.Statement.of_ours(
    payload.model, payload.job_id, source_type
  )
  label = None
  if chosen.label is not None:
    label = chosen.label(size, _faces(portrait, size, bundle, shown))
  marker = None
  if chosen.is_marked:
    embedding.check_size(size)
    whole = _host(portrait) if host is None else host
    host = whole[framing.inside(whole.shape[:2], shown)]
    marker = embedding.Marker(host, size, payload, chosen.key)
  else:
    logging.warning('mark off: frames get no invisible mark')
  return Marks(statement, marker, label, chosen.signer, inputs)


def _rounded(track: np.ndarray) -> Iterator[bytes]:
  """Rows of a motion as they are counted, in parts."""
  for part in tracks.parts(len(track)):
    rows = np.round(np.asarray(track[part], np.float64), _DECIMALS)
    yield (rows + 0.0).tobytes()  # -0.0 is 0.0


def _faces(
  portrait: portrait_lib.Portrait,
  size: tuple[int, int],
  bundle: bundle_lib.Bundle,
  shown: framing.Share,
) -> list[labels.Box]:
  """Where faces may be in frames, foreheads and moving chins included."""
  x0, y0, x1, y1 = shown
  whole = round(size[0] / (x1 - x0)), round(size[1] / (y1 - y0))
  corner = np.array([x0, y0, x0, y0]) * np.tile(whole, 2)
  found = []
  for box in framing.faces(portrait, whole, bundle):
    sides = box[2:] - box[:2]
    room = _ROOM * np.concatenate([-sides, sides])
    left, top, right, bottom = (float(v) for v in box + room - corner)
    found.append((left, top, right, bottom))
  return found


def _host(portrait: portrait_lib.Portrait) -> np.ndarray:
  """The part of the picture that whole frames show, [H, W, 3] uint8."""
  picture = portrait.picture
  if not portrait.window.paste:
    x0, y0, x1, y1 = framing.pasted_box(portrait)
    # A window may reach beyond the picture.
    rows = np.clip(np.arange(y0, max(y1, y0 + 1)), 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(x0, max(x1, x0 + 1)), 0, picture.shape[1] - 1)
    picture = picture[rows][:, columns]
  return picture
