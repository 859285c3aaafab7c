"""The window of one frame, drawn with another mouth.

Points are in pixels of the window, y down, pixel centres at half-integers;
colours are RGB, 0 to 255. `draw` compiles its steps one by one: within one
program XLA on CPU would compute the results of each anew for every use.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.inference.footage import shot_rig
from sadtalker_jax.inference.puppet import drawing, openings, skin
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.typing import Array

_EDGE = 12.0  # pixels over which the matte ends at a side of the window
_SEEN = 0.2  # share of the matte from which the drawn frame is shown whole
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


def draw(
  rig: rig_lib.Rig,
  spread: Array,
  window: Array,
  change: Change,
  sizes: tuple[int, tuple[int, ...]],
) -> Array:
  """The window of a frame, [S, S, 3] uint8.

  Args:
    rig: Rig of the shot, whose `follow` is the matte.
    spread: [N, L] how points of the lips pull its surface.
    window: [S, S, 3] uint8, the frame.
    change: What is wanted.
    sizes: S, and the sides of the windows of `openings.fill`.
  """
  side, near = sizes
  rig = _of_frame(rig, spread, window, change, side)
  found = _places(rig, change.row, (side, side))
  layers = _read(rig, found.face), _read(rig, found.around)
  colour = _softened(_colours(rig, found, *layers), found)
  filled = _filled(rig, (change.row, colour, found.opened), near)
  return _mixed(window, filled, _matte(rig, change.row, side), change.borders)


_places = jax.jit(skin.places, static_argnames='size')
_read = jax.jit(drawing.read)
_colours = jax.jit(skin.colours)
_softened = jax.jit(skin.softened)
_filled = jax.jit(openings.fill, static_argnums=2)


@functools.partial(jax.jit, static_argnames='side')
def _of_frame(
  rig: rig_lib.Rig, spread: Array, window: Array, change: Change, side: int
) -> rig_lib.Rig:
  """The rig of a frame, its lips where the wanted ones begin."""
  picture = jnp.asarray(window, jnp.float32)
  rig = rig._replace(
    texture=picture,
    alpha=jnp.ones_like(picture[..., :1]),
    background=picture,
    camera_shift=change.shift,
    source=change.own,
  )
  pull = spread @ change.beside
  coefficients = drawing.frame_coefficients(change.own)
  own = drawing.pose(rig, rig.vertices + pull, rig.expression, coefficients)
  rig = _with_own_inside(rig, own, change, side)
  return rig._replace(
    rest=own.points,
    planes_rest=openings.posed_planes(rig, coefficients),
    vertices=rig.vertices + (1.0 - change.weight) * pull,
  )


@jax.jit
def _mixed(
  window: Array, filled: Array, matte: Array, borders: Array
) -> jax.Array:
  """The window where the matte is 0, what was drawn elsewhere."""
  picture = jnp.asarray(window, jnp.float32)
  share = matte * _inside(len(window), borders)
  alpha = jnp.clip(share / _SEEN, 0.0, 1.0)[..., None]
  mixed = picture + alpha * (filled.astype(jnp.float32) - picture)
  return jnp.where(alpha > 0, jnp.round(mixed).astype(jnp.uint8), window)


@functools.partial(jax.jit, static_argnames='side')
def _matte(rig: rig_lib.Rig, row: Array, side: int) -> Array:
  """How much the surface takes part at every pixel, [S, S]."""
  posed = drawing.pose(
    rig, rig.vertices, rig.expression, drawing.frame_coefficients(row)
  )
  follow = rig.follow[:, None]
  points = rig.rest + follow * (posed.points - rig.rest)
  surface = drawing.PosedSurface(points, posed.depth)
  size = (side, side)
  around, shown = drawing.draw(surface, follow, rig.sheet, size)
  triangles = jnp.concatenate([rig.face, rig.caps])
  face, known = drawing.draw(surface, follow, triangles, size)
  around = jnp.where(shown, around[..., 0], 0.0)
  return jnp.where(known, face[..., 0], around)


def _with_own_inside(
  rig: rig_lib.Rig, own: drawing.PosedSurface, change: Change, side: int
) -> rig_lib.Rig:
  """The rig with what the frame itself shows between the lips.

  It is shown as long as the new mouth is not much wider open than the frame's.
  """
  triangles = jnp.concatenate([rig.face, rig.caps])
  seen = rasterizer.rasterize(own.positions(), triangles, side, side)
  hole = (seen.triangle_id >= len(rig.face)).astype(jnp.float32)
  hole = hole * _near_mouth(rig, change.own, side)
  for axis in (0, 1):  # teeth reach under the rims, which are soft in a picture
    moved = [jnp.roll(hole, step, axis) for step in (-1, 1)]
    hole = jnp.maximum(hole, jnp.maximum(*moved))
  coefficients = drawing.frame_coefficients(change.own)
  lips = drawing.expressed(
    rig.lips, rig.lips_expression, coefficients.expression
  )
  upper, lower = lips + change.beside[jnp.array(shot_rig.INNER_LIPS)]
  gap = jnp.maximum(upper[1] - lower[1], 0.0)
  fade = jnp.stack([_SAME * gap, _WIDER * gap + _WIDE])
  none = jnp.zeros_like(hole)
  layers = jnp.stack([hole, hole, none, none, none], -1)
  return rig._replace(photo_mouth=layers, photo_gap=fade)


def _near_mouth(rig: rig_lib.Rig, row: Array, side: int) -> Array:
  """1 around the mouth, [S, S]; what is open elsewhere is an eye."""
  lips = drawing.pose(
    rig, rig.lips, rig.lips_expression, drawing.frame_coefficients(row)
  )
  pixels = drawing.pixel_centres((side, side))
  away = jnp.linalg.norm(pixels - lips.points.mean(0), axis=-1)
  return (away < _MOUTH * rig.pixels).astype(jnp.float32)


def _inside(side: int, borders: Array) -> Array:
  """1 in a window, 0 at its sides unless the picture ends there, [S, S]."""
  x, y = jnp.moveaxis(drawing.pixel_centres((side, side)), -1, 0)
  away = jnp.stack([x, y, side - x, side - y], -1) - 1.0
  return jnp.clip(jnp.where(borders, 1.0, away / _EDGE), 0.0, 1.0).min(-1)
