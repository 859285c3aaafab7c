"""Which of the prepared clips to use: filters over the index, in numpy."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Literal
import zlib

import numpy as np

from sadtalker_jax import conventions, errors

_HELD_OUT = 20  # one clip in so many


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
  """Which clips of a split to use; the default is all of them.

  Speakers are chosen after clips, and only then clips are held out, so that
  both parts of a held-out split have the same speakers: PoseVAE's styles are
  speakers, and a split by speaker leaves it nothing to be validated on.
  """

  min_seconds: float = 0.0
  max_offset: float | None = None  # between sound and lips, frames
  min_confidence: float | None = None  # of that offset, exclusive
  max_yaw: float | None = None  # degrees, of any frame, exclusive
  min_clips: int = 1  # of a speaker
  num_speakers: int | None = None  # those with the most clips; 0: all
  speakers: tuple[str, ...] = ()  # by name; none: all
  # One clip in 20, by its id; one at least, if there are two.
  held_out: Literal['with', 'without', 'only'] = 'with'

  def __post_init__(self) -> None:
    """Checks `held_out`."""
    if self.held_out not in ('with', 'without', 'only'):
      raise errors.InputError(
        f'expected held_out with, without or only, found {self.held_out!r}'
      )


def select(
  index: Mapping[str, np.ndarray], order: Sequence[str], selection: Selection
) -> tuple[tuple[str, ...], np.ndarray]:
  """The speakers and the clips that a selection keeps.

  Args:
    index: Columns of `folders.INDEX`, [N] each.
    order: All speakers, in the order of the style classes.
    selection: Selection to apply.

  Returns:
    The speakers kept, in that order, and whether each clip is kept, [N] bool.

  Raises:
    InputError: Too few speakers are left, or a clip's speaker has no place.
  """
  keep = index['num_frames'] >= selection.min_seconds * conventions.FRAME_RATE
  if selection.max_offset is not None:
    keep &= np.abs(index['offset']) <= selection.max_offset
  if selection.min_confidence is not None:
    keep &= index['confidence'] > selection.min_confidence
  if selection.max_yaw is not None:
    keep &= index['yaw'] < selection.max_yaw
  if selection.speakers:
    keep &= np.isin(index['speaker'], selection.speakers)
  names, counts = np.unique(index['speaker'][keep], return_counts=True)
  enough = counts >= selection.min_clips
  names, counts = names[enough], counts[enough]
  if selection.num_speakers:
    if len(names) < selection.num_speakers:
      raise errors.InputError(
        f'data.selection.num_speakers: expected {selection.num_speakers} '
        f'speakers to be left by {selection}, found {len(names)} '
        '(--config.data.selection.num_speakers=0 takes all)'
      )
    names = names[np.argsort(-counts, kind='stable')[: selection.num_speakers]]
  keep &= np.isin(index['speaker'], names)
  if selection.held_out != 'with':
    keep &= _held_out(index['id'], keep) == (selection.held_out == 'only')
  kept = set(names.tolist())
  if not kept <= set(order):
    raise errors.InputError(
      f'expected all speakers in the manifest, found {min(kept - set(order))} '
      'in clips only'
    )
  return tuple(name for name in order if name in kept), keep


def _held_out(names: np.ndarray, keep: np.ndarray) -> np.ndarray:
  """Whether a clip is held out, [N] bool: by a hash, so that adding moves none.

  Of few clips none may be; then it is the one with the lowest hash.

  Args:
    names: Ids of the clips, [N].
    keep: Clips out of which some are held out, [N] bool.
  """
  hashes = np.array([zlib.crc32(name.encode()) for name in names], np.int64)
  held = hashes % _HELD_OUT == 0
  if keep.sum() > 1 and not held[keep].any():
    held |= hashes == hashes[keep].min()
  return held
