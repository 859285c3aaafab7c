"""The window of one frame, drawn with another mouth.

Points are in pixels of the window, y down, pixel centres at half-integers;
colours are RGB, 0 to 255. Functions are pure, to be called inside of `jit`.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sadtalker_jax.inference.footage import shot_rig
from sadtalker_jax.inference.puppet import drawing, openings
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.typing import Array

_EDGE = 12.0  # pixels over which the matte ends at a side of the window
_SEEN = 0.2  # share of the matte from which the drawn frame is shown whole
_SOFT = 2  # passes of (1, 2, 1) / 4 over teeth, whose rims are hard
_MOUTH = 0.5  # decimetre around the mouth's middle where the skin may be open
# Lip gaps, in those of the frame and in decimetre, from which the frame's own
# teeth begin to fade, and are gone.
_SAME, _WIDER, _WIDE = 1.0, 1.5, 0.02


class Change(NamedTuple):
  """What is to become of a frame."""

  beside: Array  # [L, 3] lips beside the rig's
  own: Array  # [70] coefficients of the frame
  row: Array  # [70] those wanted
  weight: Array  # [] 0 for the frame's own lips, 1 for those of the row
  shift: Array  # [2] aligned frame -> window
  borders: Array  # [4] bool, sides where the picture ends: left, top, ...


@functools.partial(jax.jit, static_argnames=('sizes',))
def draw(
  rig: rig_lib.Rig,
  spread: Array,
  window: Array,
  change: Change,
  sizes: tuple[int, int],
) -> Array:
  """The window of a frame, [S, S, 3] uint8.

  Args:
    rig: Rig of the shot, whose `follow` is the matte.
    spread: [N, L] how points of the lips pull its surface.
    window: [S, S, 3] uint8, the frame.
    change: What is wanted.
    sizes: S, and the side of the window around the mouth, pixels, static.
  """
  side, near = sizes
  picture = jnp.asarray(window, jnp.float32)
  rig = rig._replace(
    texture=picture, camera_shift=change.shift, source=change.own
  )
  pull = spread @ change.beside
  own = drawing.pose(
    rig,
    rig.vertices + pull,
    rig.expression,
    drawing.frame_coefficients(rig, change.own),
  )
  wanted = drawing.pose(
    rig,
    rig.vertices + (1.0 - change.weight) * pull,
    rig.expression,
    drawing.frame_coefficients(rig, change.row),
  )
  points = own.points + rig.follow[:, None] * (wanted.points - own.points)
  rig = _with_own_inside(rig._replace(rest=own.points), own, change, side)
  values, covered = drawing.draw(
    drawing.PosedSurface(points, wanted.depth + rig.bias),
    jnp.concatenate([own.points, rig.follow[:, None]], 1),
    rig.skin,
    (side, side),
  )
  centres = drawing.pixel_centres((side, side))
  place = jnp.where(covered[..., None], values[..., :2], centres)
  skin = drawing.photo(rig, place)
  filled = openings.fill(rig, (change.row, skin, covered), near)
  share = jnp.where(
    covered, values[..., 2], _open(rig, change.row, centres)
  ) * _inside(centres, change.borders)
  alpha = jnp.clip(share / _SEEN, 0.0, 1.0)[..., None]
  filled = _softened(filled.astype(jnp.float32), ~covered)
  mixed = picture + alpha * (filled - picture)
  return jnp.where(alpha > 0, jnp.round(mixed).astype(jnp.uint8), window)


def _with_own_inside(
  rig: rig_lib.Rig, own: drawing.PosedSurface, change: Change, side: int
) -> rig_lib.Rig:
  """The rig with what the frame itself shows between the lips.

  It is shown as long as the new mouth is not much wider open than the frame's.
  """
  surface = own._replace(depth=own.depth + rig.bias)
  _, covered = drawing.draw(surface, rig.bias[:, None], rig.skin, (side, side))
  centres = drawing.pixel_centres((side, side))
  hole = jnp.where(covered, 0.0, _open(rig, change.own, centres))
  for axis in (0, 1):  # teeth reach under the rims, which are soft in a picture
    moved = [jnp.roll(hole, step, axis) for step in (-1, 1)]
    hole = jnp.maximum(hole, jnp.maximum(*moved))
  coefficients = drawing.frame_coefficients(rig, change.own)
  lips = drawing.expressed(
    rig.lips, rig.lips_expression, coefficients.expression
  )
  upper, lower = lips + change.beside[jnp.array(shot_rig.INNER_LIPS)]
  gap = jnp.maximum(upper[1] - lower[1], 0.0)
  fade = jnp.stack([_SAME * gap, _WIDER * gap + _WIDE])
  return rig._replace(photo_mouth=hole, photo_gap=fade)


def _open(rig: rig_lib.Rig, row: Array, pixels: Array) -> Array:
  """1 where open skin shows the inside of the mouth, [S, S]."""
  lips = drawing.pose(
    rig, rig.lips, rig.lips_expression, drawing.frame_coefficients(rig, row)
  )
  away = jnp.linalg.norm(pixels - lips.points.mean(0), axis=-1)
  return (away < _MOUTH * rig.pixels).astype(jnp.float32)


def _softened(picture: Array, where: Array) -> Array:
  """A picture [S, S, 3] as soft as films are where [S, S] is True."""
  blurred = picture
  for axis in (0, 1) * _SOFT:
    before, after = (jnp.roll(blurred, step, axis) for step in (1, -1))
    blurred = 0.5 * blurred + 0.25 * (before + after)
  return jnp.where(where[..., None], blurred, picture)


def _inside(pixels: Array, borders: Array) -> Array:
  """1 in a window, 0 at its sides unless the picture ends there, [S, S]."""
  side = pixels.shape[0]
  x, y = pixels[..., 0], pixels[..., 1]
  away = jnp.stack([x, y, side - x, side - y], -1) - 1.0
  return jnp.clip(jnp.where(borders, 1.0, away / _EDGE), 0.0, 1.0).min(-1)
