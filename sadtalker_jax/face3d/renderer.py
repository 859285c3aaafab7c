"""Pictures of faces from coefficients: image, mask, depth, normals, landmarks.

The differentiable renderer R of method 6.4 and method 6.5, for any
`morphable.MorphableModel`: shape, pose, camera, light per vertex, and the
rasterizer's interpolation.

Conventions: coefficients are rows of 257 (`coeffs`). Pictures are [H, W], row 0
on top, pixel centres at half-integers; points are (x, y) in pixels of the
picture, **y down**, (0, 0) the upper left corner of the picture area. Colours
are RGB, in [0, 1] for likely weights and light, not clipped. Normals are unit
vectors in the camera's frame, x right, **y up**, z towards the camera. Depth is
the distance from the camera plane in decimetre. The mask is 1 where a triangle
is seen and 0 elsewhere; image, depth and normals are 0 there.

A view defines the picture that is drawn. An int S is the aligned frame of
Deep3D at S x S pixels: 224 is the published size, and a point (u, v) of
`camera.project` falls on (u, 224 - v) * S / 224. An `alignment.TransParams` is
the picture that it aligns, so that a face is drawn over its photo.

Everything is differentiable in coefficients and albedo, with the gradients of
the published renderer: visibility and mask are constant, so silhouettes give no
gradient. Light is computed per vertex, not per pixel, as published.

A third of this file checks arguments: most mistakes would still give a picture.
"""

import functools
import operator
from typing import Literal, NamedTuple, TypeAlias, get_args

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d import alignment, camera, coeffs, lighting
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.typing import Array

# shaded: albedo in the light of the coefficients; albedo: without light;
# geometry: grey in a fixed light, for any texture and light weights.
Look = Literal['shaded', 'albedo', 'geometry']
View: TypeAlias = int | alignment.TransParams

CHUNK = 16  # faces drawn together; bounds memory, and sets speed on a GPU

_GREY = 0.75  # albedo of the geometry view
# Light of the geometry view, from above the viewer's left shoulder: SH
# coefficients 0 to 3, on top of the ambient light.
_STUDIO = (-0.45, -0.15, 0.35, 0.15)


class Rendering(NamedTuple):
  """A picture and its maps; without the axis B for a single row."""

  image: Array  # [B, H, W, 3] RGB
  mask: Array  # [B, H, W] float32, 1 where the face is
  depth: Array  # [B, H, W] decimetre
  normals: Array  # [B, H, W, 3]
  landmarks: Array  # [B, 68, 2] pixels, y down; hidden ones, too


def frame(size: int = camera.SIZE) -> alignment.TransParams:
  """The view of the aligned frame at `size` x `size` pixels.

  Raises:
    ValueError: `size` is not a positive whole number.
  """
  try:
    side = float(operator.index(size))
  except TypeError:
    raise ValueError(f'expected a whole number of pixels, found {size}') from (
      None
    )
  if side <= 0:
    raise ValueError(f'expected a positive number of pixels, found {size}')
  return alignment.TransParams(
    side, side, camera.SIZE / side, side / 2, side / 2
  )


def uniform_albedo(
  model: morphable.MorphableModel, colour: float | Array = _GREY
) -> Array:
  """Albedo [V, 3] of one colour, a number or RGB [3], on every vertex."""
  colour = jnp.asarray(colour, jnp.float32)
  return jnp.broadcast_to(colour, (model.num_vertices, 3))


def render(
  model: morphable.MorphableModel,
  coefficients: Array,
  *,
  view: View = camera.SIZE,
  look: Look = 'shaded',
  albedo: Array | None = None,
  triangles: Array | None = None,
  chunk: int = CHUNK,
) -> Rendering:
  """Pictures of faces.

  Compiled once for every shape. Inside another `jit`, pass the model as an
  argument; only scale and place of a view may be traced, and parts of the
  result that are not used are not computed.

  Args:
    model: face model; for many calls put it on the device once with
      `jax.device_put`.
    coefficients: [B, 257] or [257].
    view: picture that is drawn, see the module; its size is static.
    look: colours of the vertices, see `Look`.
    albedo: [V, 3] or [B, V, 3] RGB instead of the texture of the coefficients;
      needed where the model has no texture and `look` is not 'geometry'.
    triangles: [T', 3] triangles to draw, such as `model.front_triangles`; None
      for all. Normals are always computed from all.
    chunk: number of faces drawn together. Working memory grows with this and
      not with B, also in a gradient; the result does not depend on it.

  Returns:
    Rendering of B faces, or of one without the axis B.

  Raises:
    ValueError: an argument has another shape or range, or there is no albedo.
  """
  trans = frame(view) if not isinstance(view, tuple) else view
  size = (round(trans.height), round(trans.width))
  _check(model, coefficients, trans, look, albedo, triangles, chunk)
  vectors = jnp.asarray(coefficients, jnp.float32)
  if albedo is not None:
    albedo = jnp.asarray(albedo, jnp.float32)
  drawn = _render(
    model,
    jnp.atleast_2d(vectors),
    trans,
    albedo,
    model.triangles if triangles is None else triangles,
    size=size,
    look=look,
    chunk=chunk,
  )
  if vectors.ndim == 1:
    return Rendering(*(part[0] for part in drawn))
  return drawn


@functools.partial(jax.jit, static_argnames=('size', 'look', 'chunk'))
def _render(
  model: morphable.MorphableModel,
  vectors: jax.Array,
  trans: alignment.TransParams,
  albedo: jax.Array | None,
  triangles: Array,
  *,
  size: tuple[int, int],
  look: Look,
  chunk: int,
) -> Rendering:
  """`render` after its checks, chunk by chunk."""
  draw = functools.partial(
    _draw, model, trans=trans, triangles=triangles, size=size, look=look
  )
  count = len(vectors)
  if count <= chunk:
    return draw(vectors, albedo)
  number = -(-count // chunk)

  def split(array: Array) -> jax.Array:
    widths = [(0, number * chunk - count)] + [(0, 0)] * (array.ndim - 1)
    padded = jnp.pad(array, widths, mode='edge')
    return padded.reshape(number, chunk, *array.shape[1:])

  shared = albedo if albedo is None or albedo.ndim == 2 else None
  own = albedo if shared is None else None
  inputs = jax.tree.map(split, (vectors, own))

  def one(part: tuple[jax.Array, jax.Array | None]) -> Rendering:
    return draw(part[0], shared if part[1] is None else part[1])

  # A gradient would otherwise store the intermediates of all chunks.
  parts = lax.map(jax.checkpoint(one), inputs)
  return jax.tree.map(lambda p: p.reshape(-1, *p.shape[2:])[:count], parts)


def _draw(
  model: morphable.MorphableModel,
  vectors: jax.Array,
  albedo: jax.Array | None,
  *,
  trans: alignment.TransParams,
  triangles: Array,
  size: tuple[int, int],
  look: Look,
) -> Rendering:
  """Rendering of one chunk [C, 257]."""
  c = coeffs.split(vectors)
  shape = morphable.shape(model, c.identity, c.expression)  # [C, V, 3]
  posed = camera.transform(shape, c.angles, c.translation)
  # The published program rotates the normals of the unposed shape; those of the
  # posed shape are the same.
  normals = morphable.vertex_normals(model, posed)
  colour = _colour(model, c, normals, albedo, look)
  positions = camera.project_to_picture(posed, trans)
  fragments = rasterizer.rasterize(positions, triangles, *size)
  mask = (fragments.triangle_id >= 0).astype(jnp.float32)
  # Two calls, so that a caller of the image alone computes the image alone.
  image = rasterizer.interpolate(positions, colour, triangles, fragments)
  surface = rasterizer.interpolate(
    positions,
    jnp.concatenate([normals, positions[..., 2:]], -1),
    triangles,
    fragments,
  )
  landmarks = camera.project_to_picture(
    morphable.landmarks68(model, posed), trans
  )
  return Rendering(
    image=image,
    mask=mask,
    depth=surface[..., 3],
    normals=_unit(surface[..., :3]),
    landmarks=landmarks[..., :2],
  )


def _colour(
  model: morphable.MorphableModel,
  c: coeffs.Coefficients,
  normals: Array,
  albedo: Array | None,
  look: Look,
) -> Array:
  """Colours [C, V, 3] of the vertices."""
  if look == 'geometry':
    gamma = np.zeros((3, 9), np.float32)
    gamma[:, : len(_STUDIO)] = _STUDIO
    return lighting.shade(uniform_albedo(model), normals, gamma.ravel())
  given = morphable.texture(model, c.texture) if albedo is None else albedo
  colour = jnp.broadcast_to(jnp.asarray(given), normals.shape)
  if look == 'albedo':
    return colour
  return lighting.shade(colour, normals, c.gamma)


def _unit(vectors: Array) -> Array:
  """Unit vectors; zero vectors stay zero, with a finite gradient."""
  squared = jnp.sum(vectors**2, -1, keepdims=True)
  proper = squared > 1e-12
  inverse = lax.rsqrt(jnp.where(proper, squared, 1.0))
  return jnp.where(proper, vectors * inverse, 0.0)


def _check(
  model: morphable.MorphableModel,
  coefficients: Array,
  trans: alignment.TransParams,
  look: str,
  albedo: Array | None,
  triangles: Array | None,
  chunk: int,
) -> None:
  """Raises ValueError for arguments that would give a wrong picture."""
  shape = np.shape(coefficients)
  if (
    len(shape) not in (1, 2)
    or shape[-1] != conventions.FULL_SIZE
    or not shape[0]
  ):
    raise ValueError(
      f'expected coefficients [B, {conventions.FULL_SIZE}], B at least 1, or '
      f'[{conventions.FULL_SIZE}], found {list(shape)}'
    )
  known = not isinstance(coefficients, jax.core.Tracer)
  if known and not np.isfinite(coefficients).all():
    raise ValueError('expected finite coefficients, found others')
  if look not in get_args(Look):
    raise ValueError(f'expected a look of {get_args(Look)}, found {look!r}')
  scaled = isinstance(trans.scale, jax.core.Tracer) or trans.scale > 0
  if not scaled or not min(trans.width, trans.height) >= 1:
    raise ValueError(f'expected a view of some size and scale, found {trans}')
  if chunk < 1:
    raise ValueError(f'expected a chunk of at least 1, found {chunk}')
  if albedo is None:
    if look != 'geometry' and model.texture_mean is None:
      raise ValueError(
        f'expected an albedo or a model with texture, found {model.name!r}'
      )
  elif np.shape(albedo) not in (
    (model.num_vertices, 3),
    (*shape[:-1], model.num_vertices, 3),
  ):
    raise ValueError(
      f'expected an albedo of {[*shape[:-1], model.num_vertices, 3]} or '
      f'{[model.num_vertices, 3]}, found {list(np.shape(albedo))}'
    )
  if triangles is not None and (
    np.ndim(triangles) != 2 or np.shape(triangles)[1] != 3
  ):
    raise ValueError(
      f"expected triangles [T', 3], found {list(np.shape(triangles))}"
    )
