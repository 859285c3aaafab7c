"""The inside of a portrait's mouth: teeth and tongue.

Conventions: those of `fitted_head`; texture points are frame points plus the
portrait's `margin`; colours are RGB, 0 to 255 unless said otherwise.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import (
  fitted_head,
  palette,
  photo_mouth,
  teeth,
)

TONGUE_DROP, TONGUE_FORTH = 0.11, 0.02  # decimetre from the model's place
TONGUE_DARKENING = 0.50  # decimetre over which light fades towards the throat
LIGHT = (0.0, 0.6, 0.8)  # direction of the light on the tongue
LIFT = 0.06  # decimetre that the teeth may be moved up or down
FRONT = 0.08  # decimetre from the middle to which the front teeth reach
FARTHEST = 0.12  # decimetre that teeth may be moved to those of the photo

_LIPS = list(fitted_head.MOUTH_RIM[2:])


class SeenTeeth(NamedTuple):
  """What a photo shows of the teeth; None is what it does not."""

  upper: float | None  # height of the edge in the head, photo's expression
  lower: float | None
  enamel: np.ndarray | None  # [3]
  light: Callable[[np.ndarray], np.ndarray]  # shares [N] at vertices [N, 3]


def seen_teeth(
  photo: photo_mouth.PhotoMouth,
  head: fitted_head.FittedHead,
  view: tuple[np.ndarray, np.ndarray],
) -> SeenTeeth:
  """What a photo shows of the teeth.

  Args:
    photo: What it shows between the lips.
    head: Fitted head.
    view: Scale and shift of the texture's camera.
  """
  found, shares = photo.teeth, photo.teeth.light
  middle = head.posed(photo.middle[None])
  points, depth = fitted_head.project(middle, *view)

  def height(edge: float | None) -> float | None:
    if edge is None:
      return None
    points[0, 1] = edge
    posed = fitted_head.unproject(points, depth, *view)
    return float(head.unposed(posed)[0, 1])

  def light(vertices: np.ndarray) -> np.ndarray:
    if shares is None:
      return np.ones(len(vertices))
    at, _ = fitted_head.project(head.posed(vertices), *view)
    return np.interp(at[:, 0] - 0.5, np.arange(len(shares)), shares)

  return SeenTeeth(
    height(found.upper), height(found.lower), found.enamel, light
  )


def fields(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  colours: palette.Palette,
  seen: SeenTeeth,
) -> dict[str, np.ndarray]:
  """The fields of a `rig.Rig` that are about the inside and the lips.

  Args:
    model: Head model.
    head: Fitted head.
    colours: Colours of the inside.
    seen: What the photo shows of the teeth.
  """
  lips = fitted_head.points468(model, head.vertices)[_LIPS]
  mean_lips = fitted_head.points468(model, np.asarray(model.mean))[_LIPS]
  carry = _affine(model, ('teeth_upper', 'teeth_lower'), head.vertices)
  # The rows stand where this person's lips meet.
  meet = _apply(carry, mean_lips.mean(0)[None])[0]
  lift = np.clip(lips.mean(0)[1] - meet[1], -LIFT, LIFT)
  enamel = colours.enamel if seen.enamel is None else seen.enamel
  parts = []
  for row, group, edge in (
    (teeth.UPPER, 'teeth_upper', seen.upper),
    (teeth.LOWER, 'teeth_lower', seen.lower),
  ):
    mesh = teeth.build(row)
    vertices = _apply(carry, mesh.vertices) + (0.0, lift, 0.0)
    moves = np.stack(
      [
        _apply(_affine(model, (group,), unit), mesh.vertices)
        if unit.any()
        else np.zeros_like(vertices)
        for unit in head.expression
      ]
    )
    if edge is not None:
      now = vertices + np.tensordot(head.beta, moves, 1)
      vertices = vertices + (0.0, _to_edge(row, now, edge), 0.0)
    base = np.where(mesh.gum[:, None], colours.gum, enamel)
    shade = mesh.shade * seen.light(vertices)[:, None]
    parts.append((vertices, moves, base * shade, mesh.triangles))
  parts.append(_tongue(model, head, colours, lift))
  counts = np.cumsum([0, *(len(part[0]) for part in parts[:-1])])
  return {
    'inside_vertices': np.concatenate([part[0] for part in parts]),
    'inside_expression': np.concatenate([part[1] for part in parts], 1),
    'inside_colour': np.concatenate([part[2] for part in parts]),
    'cavity': colours.cavity,
    'lips': lips,
    'lips_expression': np.stack(
      [fitted_head.points468(model, unit)[_LIPS] for unit in head.expression]
    ),
    'inside': np.concatenate(
      [part[3] + n for part, n in zip(parts, counts, strict=True)]
    ).astype(np.int32),
  }


def jaw_moves(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  points: np.ndarray,
) -> np.ndarray:
  """How expressions move points [N, 3] that go with the jaw: [64, N, 3].

  Args:
    model: Head model.
    head: Fitted head.
    points: Points as they are with the photo's expression.
  """
  at = points - np.tensordot(head.beta, _jaw_moves(model, head, points), 1)
  return _jaw_moves(model, head, at)


def _jaw_moves(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  points: np.ndarray,
) -> np.ndarray:
  return np.stack(
    [
      _apply(_affine(model, ('teeth_lower',), unit), points)
      if unit.any()
      else np.zeros_like(points)
      for unit in head.expression
    ]
  )


def _to_edge(row: teeth.Row, vertices: np.ndarray, edge: float) -> float:
  """How far a row must rise so that its front teeth end at a height."""
  front = vertices[np.abs(vertices[:, 0]) < FRONT]
  now = (row.up * front[:, 1]).min() * row.up
  return float(np.clip(edge - now, -FARTHEST, FARTHEST))


def _affine(
  model: morphable.MorphableModel, groups: tuple[str, ...], field: np.ndarray
) -> np.ndarray:
  """The affine map [4, 3] nearest to a field [V, 3] of parts of the model."""
  ids = np.unique(np.asarray(model.triangles)[model.group(*groups)])
  at = np.asarray(model.mean, np.float64)[ids]
  return np.linalg.lstsq(_homogeneous(at), field[ids], rcond=None)[0]


def _apply(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Points [N, 3] mapped by an affine map [4, 3]."""
  return _homogeneous(points) @ affine


def _homogeneous(points: np.ndarray) -> np.ndarray:
  return np.concatenate([points, np.ones((len(points), 1))], 1)


def _tongue(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  colours: palette.Palette,
  lift: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Vertices, expressions, colours and triangles of the tongue.

  The model's own fills the mouth; it is lowered to where speech shows it.
  """
  corners = np.asarray(model.triangles)[model.group('tongue')]
  ids, flat = np.unique(corners, return_inverse=True)
  triangles = flat.reshape(-1, 3).astype(np.int32)
  mean = np.asarray(model.mean, np.float64)
  normals = np.zeros((len(ids), 3))
  a, b, c = (mean[corners[:, k]] for k in range(3))
  for k in range(3):
    np.add.at(normals, triangles[:, k], np.cross(b - a, c - a))
  normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
  at = mean[ids]
  lit = 0.6 + 0.4 * np.clip(normals @ LIGHT, 0.0, 1.0)
  lit *= 1.0 - 0.2 * np.exp(-((at[:, 0] / 0.02) ** 2))  # groove
  behind = np.maximum(at[:, 2].max() - at[:, 2], 0.0)
  fade = np.exp(-behind[:, None] / TONGUE_DARKENING * (1.0, 1.1, 1.1))
  return (
    head.vertices[ids] + (0.0, lift - TONGUE_DROP, TONGUE_FORTH),
    head.expression[:, ids],
    colours.tongue * lit[:, None] * fade,
    triangles,
  )
