"""Upper lids of a frame: they slide out from under the crease, lashes turn.

How far a lid has come down is read off the surface's rims, whatever unit has
moved them. The farther, the more of the photo's skin above the lashes gives way
to the lid that `lid_skin` has made; where the lid is as in the photo, nothing
of it is seen.

Conventions: those of `drawing` and `lid_skin`; n is the side of a window.
"""

from typing import NamedTuple

from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.inference.puppet import drawing, lid_skin, sampling
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.typing import Array

SEEN = (0.05, 0.35)  # closed by that much: nothing is seen of the lid, all is
LEAST = 0.05  # height of an eye, so that one that is shut stays so
SOFT = 0.24  # over which the lid appears under the crease
SIDE = (-0.28, -0.05)  # the same at the corners, from outside of them
# Darkness and width of the crease, and how far it is below the lid's top.
FOLD, FOLD_WIDTH, FOLD_PLACE = 0.05, 0.08, 0.14
FOLDED = (0.12, 0.5)  # from the corners: there is none, all of it
SHUT = (0.85, 1.0)  # closed by that much: what is open by a hair is not
# Lashes from the side and from in front: length that is seen of theirs above
# the rim, below it, and the share of closing at which they hang.
STANDING, HANGING = (1.0, 0.6), (0.4, 0.9)
TURN = (0.2, 0.8)
OVER = 1.0  # pixels that a shut lid covers of the photo's rim
# Line in which lids meet: darkness of red, green, blue; its thickness at the
# ends and in the middle; from the corners, where it begins and is thick.
LINE = (0.5, 0.57, 0.6)
THIN, THICK = 0.02, 0.055
ENDS, WHOLE = (-0.10, 0.02), (-0.05, 0.35)
BENT = 0.06  # over which the line of shut lids bends; the rims have corners


def _bend() -> np.ndarray:
  """What smooths values at the columns of a lid, [COLUMNS, COLUMNS]."""
  columns = np.linspace(*lid_skin.SIDES, lid_skin.COLUMNS)
  apart = np.subtract.outer(columns, columns) / BENT
  kernel = np.exp(-0.5 * apart**2)
  return (kernel / kernel.sum(1, keepdims=True)).astype(np.float32)


_BEND = _bend()


class Lid(NamedTuple):
  """A lid in the window of its eye."""

  colour: Array  # [n, n, 3]
  share: Array  # [n, n] that is seen of it
  left: Array  # [n, n, 3] light that lashes and crease leave, 0..1
  apart: Array  # [n, n] share of the eye behind it that may be seen


class _Shape(NamedTuple):
  """How a lid lies in the window of its eye; lengths in widths of the eye."""

  place: Array  # [n, n] column of `lid_skin`
  middle: Array  # [n, n] distance from the nearer corner, outside below 0
  above: Array  # [n, n] height above its rim
  under: Array  # [n, n] depth below the lid's top
  height: Array  # [n, n] of the lid when it is shut
  closed: Array  # [] share of the eye that it covers
  hang: Array  # [] share of the way that lashes have turned
  width: Array  # [] pixels


def lid(
  rig: rig_lib.Rig,
  coefficients: drawing.FrameCoefficients,
  eye: int,
  pixels: Array,
) -> Lid:
  """The upper lid of an eye.

  Args:
    rig: Rig of the portrait.
    coefficients: Coefficients of the frame.
    eye: Index of the eye, static.
    pixels: [n, n, 2] pixel centres of its window.
  """
  shape = _shape(rig, coefficients, eye, pixels)
  rows = (1.0 - shape.above / shape.height) * lid_skin.ROWS - 0.5
  # Tables are finer than frames.
  colour = sampling.linear(rig.lid_colour[eye], shape.place, rows)
  amount = sampling.smoothstep(*SEEN, shape.closed)
  over = shape.above * shape.width + OVER * shape.hang
  edge = jnp.clip(over + 0.5, 0.0, 1.0)
  sides = sampling.smoothstep(*SIDE, shape.middle)
  share = amount * sampling.smoothstep(0.0, SOFT, shape.under) * edge * sides
  fold = jnp.exp(-(((shape.under - FOLD_PLACE) / FOLD_WIDTH) ** 2))
  hollow = FOLD * amount * fold * sampling.smoothstep(*FOLDED, shape.middle)
  left = 1.0 - (amount * sides)[..., None] * _lost(rig.lashes[eye], shape)
  apart = 1.0 - jnp.maximum(
    amount * edge, sampling.smoothstep(*SHUT, shape.closed)
  )
  return Lid(colour, share, left * (1.0 - hollow[..., None]), apart)


def _shape(
  rig: rig_lib.Rig,
  coefficients: drawing.FrameCoefficients,
  eye: int,
  pixels: Array,
) -> _Shape:
  """How the lid lies; arguments are those of `lid`."""
  ids = rig.lid_rims[eye].reshape(-1)
  own = coefficients._replace(expression=rig.source[: len(rig.expression)])
  now, before = (
    drawing.pose(
      rig, rig.vertices[ids], rig.expression[:, ids], state
    ).points.reshape(2, -1, 2)
    for state in (coefficients, own)
  )
  origin = before[0, 0]
  along = before[0, -1] - origin
  width = jnp.sqrt(jnp.sum(along**2))

  def local(points: Array) -> tuple[Array, Array]:
    away = (points - origin) / width**2
    return (
      away[..., 0] * along[0] + away[..., 1] * along[1],
      away[..., 1] * along[0] - away[..., 0] * along[1],
    )

  columns = np.linspace(*lid_skin.SIDES, lid_skin.COLUMNS, dtype=np.float32)
  # The lower rim of the frame is not asked for: lids meet it, or do not.
  rim, top, floor = (
    jnp.interp(columns, *local(line)) for line in (now[0], *before)
  )
  inner = (columns > 0.1) & (columns < 0.9)
  fallen = jnp.sum(jnp.where(inner, rim - top, 0.0))
  room = jnp.sum(jnp.where(inner, jnp.maximum(floor - top, LEAST), 0.0))
  closed = jnp.clip(fallen / room, 0.0, 1.0)
  hang = sampling.smoothstep(*TURN, closed)
  bent = jnp.matmul(_BEND, rim, precision=lax.Precision.HIGHEST)
  crease = top - lid_skin.crease(columns).astype(np.float32)
  lines = jnp.stack(
    [rim + hang * (bent - rim), crease, rig.lid_height[eye]], -1
  )
  s, t = local(pixels)
  low, high = lid_skin.SIDES
  place = (s - low) / (high - low) * (lid_skin.COLUMNS - 1)
  at = jnp.clip(place, 0.0, lid_skin.COLUMNS - 1.0)
  first = jnp.minimum(at.astype(jnp.int32), lid_skin.COLUMNS - 2)
  left, right = (jnp.take(lines, first + k, axis=0) for k in (0, 1))
  here = left + (at - first.astype(at.dtype))[..., None] * (right - left)
  return _Shape(
    place,
    jnp.minimum(s, 1.0 - s),
    here[..., 0] - t,
    t - here[..., 1],
    here[..., 2],
    closed,
    hang,
    width,
  )


def _lost(lashes: Array, shape: _Shape) -> Array:
  """Light [n, n, 3] that lashes take, and the line in which lids meet.

  Lashes stand above the rim of an open eye and hang from that of a shut one.

  Args:
    lashes: As in `lid_skin.LidSkin`, of one eye.
    shape: The lid.
  """
  hang, above = shape.hang, shape.above
  upper = STANDING[0] + hang * (STANDING[1] - STANDING[0])
  lower = HANGING[0] + hang * (HANGING[1] - HANGING[0])
  length = jnp.where(above > 0.0, upper, lower) * lid_skin.LASHES
  level = jnp.abs(above) / length * (lid_skin.LASH_ROWS - 1)
  left = sampling.linear(lashes, shape.place, level)
  whole = sampling.smoothstep(*WHOLE, shape.middle)
  weight = jnp.where(above > 0.0, 1.0 - hang, hang * whole)
  lost = weight[..., None] * (1.0 - jnp.clip(left, 0.0, 1.0))
  thick = THIN + (THICK - THIN) * whole
  line = (
    hang
    * jnp.exp(-((above / thick) ** 2))
    * sampling.smoothstep(*ENDS, shape.middle)
  )
  return jnp.maximum(lost, line[..., None] * jnp.array(LINE))
