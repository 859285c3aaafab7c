"""The skin of a frame: the rig's surface, with the photo on it.

The face lies over its surroundings wherever it is, both before the background.
Where skin appears that the photo does not show, below a chin or beside a cheek,
surroundings go on instead.

Conventions: those of `drawing`.
"""

from typing import NamedTuple

from jax import lax
import jax.numpy as jnp

from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.inference.puppet import drawing, sampling
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.typing import Array

JOINED = 2.0  # pixels of the photo by which face and surroundings may differ
YAW = 1  # of the angles; more of it turns the face to the right of the picture
TURN = 0.2  # radian over which flanks change sides
# Light in folds comes back from flesh: channels do not darken alike.
WARM = (0.75, 1.1, 1.2)
FOLD = 3.0  # pixels of the photo between neighbours: a contour lies there


class Places(NamedTuple):
  """Which points of the photo a frame shows, and where."""

  face: Array  # [H, W, 2] photo points of the face
  around: Array  # [H, W, 2] those of its surroundings
  shown: Array  # [H, W] bool, where there are any; else the background
  alpha: Array  # [H, W] share of every pixel that the face covers
  light: Array  # [H, W] logarithm of what folds do to the face's colours
  opened: Array  # [H, W] share of every pixel that is open


def places(rig: rig_lib.Rig, row: Array, size: tuple[int, int]) -> Places:
  """Where a frame shows what of the photo.

  The face lies over its surroundings wherever it is, whatever their depths, and
  caps over eyes and mouth keep these from being seen through it.

  Args:
    rig: Rig of the portrait.
    row: [70] coefficients.
    size: Height and width of the frame, static.
  """
  coefficients = drawing.frame_coefficients(row)
  own = vertices(rig, coefficients)
  posed = drawing.pose(rig, own, rig.expression, coefficients)
  points = rig.rest + rig.follow[:, None] * (posed.points - rig.rest)
  surface = drawing.PosedSurface(points, posed.depth)
  centres = drawing.pixel_centres(size)
  around, shown = drawing.draw(surface, rig.rest, rig.sheet, size)
  around = jnp.where(shown[..., None], around, centres)
  front = _front(rig, row, surface, size)
  known = front.face & ~(front.turned & shown)
  # Pixels whose centre lies just outside go on as those beside them.
  offset = jnp.where(known[..., None], front.places - centres, 0.0)
  weight = known[..., None].astype(jnp.float32)
  spread = sampling.smooth(
    jnp.concatenate([offset, weight], -1), sampling.BINOMIAL
  )
  spread = spread[..., :2] / jnp.maximum(spread[..., 2:], 1e-6)
  # Where surroundings continue the face they know better: a mean lags behind
  # skin that is pressed together, and would repeat what is a little farther in.
  apart = jnp.abs(around - centres - spread).max(-1, keepdims=True)
  joined = jnp.clip(2.0 - apart / JOINED, 0.0, 1.0)
  joined = jnp.where(shown[..., None], joined, 0.0)
  spread = spread + joined * (around - centres - spread)
  face = centres + jnp.where(known[..., None], offset, spread)
  # Deep under the face there are no surroundings.
  alpha = jnp.where(shown, front.covered, jnp.ceil(front.whole))
  return Places(face, around, shown, alpha, front.light, front.opened)


def vertices(
  rig: rig_lib.Rig, coefficients: drawing.FrameCoefficients
) -> Array:
  """Vertices [N, 3] without expression, with flanks where they come into view.

  Args:
    rig: Rig of the portrait.
    coefficients: Coefficients of the frame.
  """
  source = drawing.frame_coefficients(rig.source)
  turn = coefficients.angles[YAW] - source.angles[YAW]
  share = 0.5 - jnp.sign(rig.vertices[:, 0]) * turn / TURN
  return rig.vertices + jnp.clip(share, 0.0, 1.0)[:, None] * rig.flank


class _Front(NamedTuple):
  """The face, and the caps over its holes, as a frame shows them."""

  places: Array  # [H, W, 2] photo points at pixels' centres
  light: Array  # [H, W] as that of `Places`
  face: Array  # [H, W] bool, where skin of the face is
  turned: Array  # [H, W] bool, where it is such that the photo does not show
  covered: Array  # [H, W] shares of pixels with a face or a cap, not turned
  whole: Array  # [H, W] with any
  opened: Array  # [H, W] with a cap


def _front(
  rig: rig_lib.Rig,
  row: Array,
  surface: drawing.PosedSurface,
  size: tuple[int, int],
) -> _Front:
  """The face of a frame.

  Args:
    rig: Rig of the portrait.
    row: [70] coefficients.
    surface: Vertices in the frame.
    size: Height and width of the frame, static.
  """
  triangles = jnp.concatenate([rig.face, rig.caps])
  # Two samples a pixel along each axis; every other one is a pixel's centre.
  positions = surface.positions() * jnp.array([2.0, 2.0, 1.0])
  positions -= jnp.array([0.5, 0.5, 0.0])
  fine = rasterizer.rasterize(positions, triangles, 2 * size[0], 2 * size[1])
  middle = rasterizer.Fragments(*(part[::2, ::2] for part in fine))
  values = rasterizer.interpolate(
    surface.positions(),
    jnp.concatenate([rig.rest, lights(rig, row)[:, None]], 1),
    triangles,
    middle,
  )
  ids, drawn = fine.triangle_id, fine.triangle_id >= 0
  faces = len(rig.face)
  turned = (ids >= rig.seen) & (ids < faces)
  face = drawn & (ids < faces)
  return _Front(
    values[..., :2],
    values[..., 2],
    face[::2, ::2],
    turned[::2, ::2],
    sampling.coverage(drawn & ~turned),
    sampling.coverage(drawn),
    sampling.coverage(ids >= faces),
  )


def colours(
  rig: rig_lib.Rig,
  found: Places,
  face: tuple[Array, Array],
  around: tuple[Array, Array],
) -> Array:
  """Colours [H, W, 3] that a frame shows, but for what is open.

  The background rests behind the person. Where the face's own border is soft,
  the surroundings are seen as much.

  Args:
    rig: Rig of the portrait.
    found: Places in the photo.
    face: What `read` found at those of the face.
    around: What it found at those of the surroundings.
  """
  behind = _background(rig, found.alpha.shape)

  def before(layer: tuple[Array, Array]) -> tuple[Array, Array]:
    colour, opacity = layer
    share = jnp.clip(opacity, 0.0, 1.0)
    return colour + (1.0 - share) * behind, share

  rest, _ = before(around)
  rest = jnp.where(found.shown[..., None], rest, behind)
  colour, opacity = face
  light = jnp.exp(found.light[..., None] * jnp.array(WARM))
  skin, share = before((colour * light, opacity))
  return rest + (skin - rest) * (found.alpha[..., None] * share)


def softened(colour: Array, found: Places) -> Array:
  """Colours [H, W, 3] with soft contours where the face lies over itself."""
  contour = jnp.zeros(colour.shape[:2], bool)
  for axis in (0, 1):
    jump = jnp.abs(jnp.diff(found.face, axis=axis)).max(-1) > FOLD
    before, after = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
    before[axis], after[axis] = (1, 0), (0, 1)
    contour |= jnp.pad(jump, before) | jnp.pad(jump, after)
  # The outline is soft already, and must not draw its surroundings inwards.
  solid = sampling.smooth(found.alpha[..., None], sampling.TENT) > 0.999
  soft = sampling.smooth(colour, sampling.TENT)
  return jnp.where(contour[..., None] & solid, soft, colour)


def lights(rig: rig_lib.Rig, row: Array) -> Array:
  """Logarithms [N] of what the folds of a row [70] do to colours."""
  beta = drawing.frame_coefficients(row - rig.source).expression
  return jnp.einsum('k,kn->n', beta, rig.folds, precision=lax.Precision.HIGHEST)


def _background(rig: rig_lib.Rig, size: tuple[int, ...]) -> Array:
  """What is behind the person in every frame, [H, W, 3]."""
  x, y = jnp.round(rig.margin).astype(jnp.int32)
  return lax.dynamic_slice(rig.background, (y, x, 0), (*size, 3))
