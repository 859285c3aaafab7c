"""Draws all faces of a picture and puts them into it, in one pass.

Each face changes its own surroundings: where the windows of two overlap, a
pixel takes the change of the nearer face, with a soft border between them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.inference import framing, portrait, rendering, tracks
from sadtalker_jax.media import blend

_BORDER = 0.08  # softness between two faces, in their distances


class _Group(Protocol):
  """The people of a picture."""

  picture: np.ndarray
  members: tuple[portrait.Portrait, ...]


class _Member(NamedTuple):
  """A face that is being drawn."""

  prepared: Any
  paster: blend.Paster
  box: framing.IntBox  # of its window
  weight: np.ndarray  # [h, w, 1] share of its change in its window


class PreparedGroup(NamedTuple):
  """All faces of a picture."""

  picture: np.ndarray
  members: tuple[_Member, ...]


class GroupDrawer(rendering.Drawer):
  """Draws every face by the drawer of its own clip."""

  mixes = False
  reach = 0

  def __init__(self, drawers: tuple[rendering.Drawer, ...]):
    """Drawers of the faces in order."""
    self._drawers = drawers

  def prepare(self, portrait: _Group) -> PreparedGroup:
    """All faces, and which pixels are whose."""
    boxes = [framing.pasted_box(member) for member in portrait.members]
    weights = _weights(portrait.picture.shape[:2], boxes)
    members = []
    for drawer, member, box, weight in zip(
      self._drawers, portrait.members, boxes, weights, strict=True
    ):
      x0, y0, x1, y1 = box
      paster = framing.paster(member)
      share = weight[y0:y1, x0:x1, None]
      members.append(_Member(drawer.prepare(member), paster, box, share))
    return PreparedGroup(portrait.picture, tuple(members))

  def inputs(
    self, prepared: PreparedGroup, track: tracks.Track, index: np.ndarray
  ) -> tuple[np.ndarray, ...]:
    """What the frames of all faces need, one face after the other."""
    parts: list[np.ndarray] = []
    for i, member in enumerate(prepared.members):
      own = tracks.Track(*(part[:, i] for part in track))
      parts += self._drawers[i].inputs(member.prepared, own, index)
    return tuple(parts)

  def render(
    self, portraits: Sequence[PreparedGroup], inputs: tuple[np.ndarray, ...]
  ) -> jax.Array:
    """Pictures [B, H, W, 3] uint8 in which all faces moved."""
    (group,) = portraits
    each = len(inputs) // len(group.members)
    # All faces are drawn before the first is waited for.
    drawn = [
      self._drawers[i].render(
        [member.prepared], inputs[i * each : (i + 1) * each]
      )
      for i, member in enumerate(group.members)
    ]
    count = len(inputs[0])
    out = np.tile(group.picture.astype(np.float32), (count, 1, 1, 1))
    for member, frames in zip(group.members, drawn, strict=True):
      x0, y0, x1, y1 = member.box
      before = group.picture[y0:y1, x0:x1].astype(np.float32)
      after = member.paster.paste(np.asarray(frames))[:, y0:y1, x0:x1]
      out[:, y0:y1, x0:x1] += member.weight * (after - before)
    return jnp.asarray(np.rint(out.clip(0, 255)).astype(np.uint8))


def _weights(
  size: tuple[int, int], boxes: Sequence[framing.IntBox]
) -> list[np.ndarray]:
  """Shares [H, W] of faces in the pixels of a picture; 1 in all."""
  y, x = np.mgrid[: size[0], : size[1]].astype(np.float32) + 0.5
  distances = []
  for x0, y0, x1, y1 in boxes:
    across = (x - (x0 + x1) / 2) / (x1 - x0)
    down = (y - (y0 + y1) / 2) / (y1 - y0)
    distances.append(np.hypot(across, down))
  nearest = np.min(distances, axis=0)
  raw = [np.exp((nearest - d) / _BORDER) for d in distances]
  return [part / sum(raw) for part in raw]
