"""Glasses that stay on the nose while lids and brows move.

A bridge crosses the nose as a line, where there is skin alone otherwise: that
tells glasses. Their rims are the clearest closed paths around the eyes, away
from the lids. Then only lids, and the skin next to them, do what eyes and
cheeks do; brows move outside of the rims. The photo's expression stays as it
is.

Conventions: points are texture points, (x, y), y down, pixel centres at
half-integers; `eyes` is the distance of the outer corners of the eyes.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import (
  fields,
  fitted_head,
  lids,
  lip_line,
)

# Landmarks along the lids.
EYE_CONTOURS = (
  (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
  (
    362,
    382,
    381,
    380,
    374,
    373,
    390,
    249,
    263,
    466,
    388,
    387,
    386,
    385,
    384,
    398,
  ),
)
SMALLEST = 20.0  # pixels between the eyes; less shows no line
ANGLES = 72
RADII = (0.08, 0.38)  # of rims around the middle of an eye, shares of `eyes`
STEP = 0.006  # of a radius
LINE = 0.024  # of `eyes` from the middle of a line to its sides
AWAY = 0.085  # of `eyes` from the lids: what is nearer belongs to them
SLOPE = 0.12  # cost of a step from angle to angle
CLEAR = 0.15  # contrast of a line, relative, that counts as whole
BRIDGE = 0.045  # contrast of a bridge; that of skin, and of hair, is less
BAND = (0.06, 0.11)  # decimetre outside a rim: all is rigid, nothing is
LIDS = (0.03, 0.06)  # decimetre from the lids: nothing is rigid, rims are
BEYOND = (0.055, 0.12)  # the same of skin
FARTHEST = (0.6, 0.8)  # of the eyes' distance from an eye's middle
BEFORE = 0.08  # decimetre of lenses before the lids
# Units that move skin around eyes, and those that move brows.
EYES = ('eyeBlink', 'eyeSquint', 'eyeWide', 'eyeLook', 'cheekSquint')
BROWS = ('brow',)


class Glasses(NamedTuple):
  """Where glasses are."""

  rims: np.ndarray  # [2, A, 2] texture points around each eye
  middles: np.ndarray  # [2, 2] of the eyes
  eyes: float  # distance of their outer corners


def find(points: np.ndarray, texture: np.ndarray) -> Glasses | None:
  """Looks for glasses in a photo; None if there are none.

  Args:
    points: [N, 2] landmarks.
    texture: [H, W, 3].
  """
  points = np.asarray(points, np.float64)
  corners = points[np.array(fitted_head.EYE_RIMS)]
  across = corners[1, 1] - corners[0, 0]
  eyes = float(np.linalg.norm(across))
  if eyes < SMALLEST:
    return None
  across = across / eyes
  axes = across, np.array([-across[1], across[0]])
  light = ndimage.gaussian_filter(
    np.asarray(texture, np.float64), (0.7, 0.7, 0.0)
  )
  usual = ndimage.gaussian_filter(light.mean(-1), 0.06 * eyes) + 16.0
  seen = light, usual
  if bridge((corners[0, 1], corners[1, 0]), axes[1], eyes, seen) < BRIDGE:
    return None
  lines = [points[list(contour)] for contour in EYE_CONTOURS]
  return Glasses(
    np.stack([_rim(line, axes, eyes, seen) for line in lines]),
    np.stack([line.mean(0) for line in lines]),
    eyes,
  )


def rigid(
  model: morphable.MorphableModel,
  head: fitted_head.FittedHead,
  points: np.ndarray,
  glasses: Glasses,
  pixels: float,
) -> fitted_head.FittedHead:
  """The head whose skin under glasses rests.

  Args:
    model: Head model.
    head: Fitted head.
    points: [V, 2] its vertices as the photo shows them, texture points.
    glasses: Glasses.
    pixels: Texture pixels per decimetre.
  """
  outside = beyond_rims(glasses, points) / pixels
  mean = np.asarray(model.mean, np.float64)
  near = np.full(len(points), np.inf)
  for corners in fitted_head.EYE_RIMS:
    rim = mean[np.concatenate(lids.rims(model, corners))]
    away = np.linalg.norm(mean[:, None] - rim, axis=-1).min(1)
    near = np.minimum(near, away)
  far = np.linalg.norm(points[:, None] - glasses.middles, axis=-1).min(1)
  within = 1.0 - fields.smoothstep(*FARTHEST, far / glasses.eyes)
  inside = 1.0 - fields.smoothstep(*BAND, outside)
  inside *= fields.smoothstep(*LIDS, near)
  beyond = np.maximum(inside, within * fields.smoothstep(*BEYOND, near))
  expression = np.array(head.expression)
  for k, name in enumerate(model.expression_names):
    if name.startswith(EYES):
      expression[k] *= 1.0 - beyond[:, None]
    elif name.startswith(BROWS):
      expression[k] *= 1.0 - inside[:, None]
  lost = np.tensordot(head.beta, head.expression - expression, 1)
  return head._replace(vertices=head.vertices + lost, expression=expression)


def beyond_rims(glasses: Glasses, points: np.ndarray) -> np.ndarray:
  """How far points [P, 2] are outside of the nearer rim, [P] pixels."""
  outside = np.full(len(points), np.inf)
  for middle, line in zip(glasses.middles, glasses.rims, strict=True):
    offset, rim = points - middle, line - middle
    radius = np.interp(
      np.arctan2(offset[:, 1], offset[:, 0]),
      np.arctan2(rim[:, 1], rim[:, 0]),
      np.linalg.norm(rim, axis=1),
      period=2.0 * np.pi,
    )
    outside = np.minimum(outside, np.linalg.norm(offset, axis=1) - radius)
  return outside


def plane(
  model: morphable.MorphableModel,
  ids: np.ndarray,
  seen: tuple[np.ndarray, np.ndarray],
  at: np.ndarray,
) -> np.ndarray:
  """Depths [P] at texture points [P, 2] of lenses, upright before the eyes.

  Args:
    model: Head model.
    ids: [F] vertex ids of the face.
    seen: Their texture points [F, 2] and depths [F].
    at: [P, 2].
  """
  # Of a head in any pose depth is linear in these three.
  points, depth = seen
  mean = np.asarray(model.mean, np.float64)
  known = np.column_stack([points, mean[ids, 2], np.ones(len(ids))])
  fit = np.linalg.lstsq(known, depth, rcond=None)[0]
  eyes = fitted_head.points468(model, mean)[np.concatenate(EYE_CONTOURS)]
  return at @ fit[:2] + (eyes[:, 2].mean() + BEFORE) * fit[2] + fit[3]


def bridge(
  inner: tuple[np.ndarray, np.ndarray],
  down: np.ndarray,
  eyes: float,
  seen: tuple[np.ndarray, np.ndarray],
) -> float:
  """The relative contrast of the clearest line across the nose.

  Args:
    inner: Inner corners of the eyes.
    down: [2] direction.
    eyes: Distance of the outer corners.
    seen: Colours [H, W, 3], and what is usual around them [H, W].
  """
  share = np.linspace(0.3, 0.7, 9)[:, None]
  line = inner[0] + share * (inner[1] - inner[0])
  rows = np.arange(-0.12, 0.14, STEP)[:, None, None]
  at = line + eyes * rows * down
  usual = lip_line.sample(seen[1][..., None], at)
  light = (lip_line.sample(seen[0], at) / usual).mean(1, keepdims=True)
  return float(_lines(light).max())


def _rim(
  eye: np.ndarray,
  axes: tuple[np.ndarray, np.ndarray],
  eyes: float,
  seen: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
  """The clearest path [A, 2] around an eye, away from its lids [E, 2]."""
  across, down = axes
  angle = np.arange(ANGLES) * (2.0 * np.pi / ANGLES)
  way = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * down
  radii = np.arange(*RADII, STEP)
  at = eye.mean(0) + eyes * radii[:, None, None] * way  # [R, A, 2]
  usual = lip_line.sample(seen[1][..., None], at)
  contrast = _lines(lip_line.sample(seen[0], at) / usual)
  clear = np.clip(contrast / CLEAR, 0.0, 1.0)
  away = np.linalg.norm(at[:, :, None] - eye, axis=-1).min(-1)
  clear[away < AWAY * eyes] = 0.0
  # Twice around, so that the path closes.
  twice = np.concatenate([clear, clear], 1)
  path = lip_line.path(1.0 - twice, SLOPE)[ANGLES // 2 : ANGLES // 2 + ANGLES]
  path = np.roll(path, ANGLES // 2)
  return at[path, np.arange(ANGLES)]


def _lines(light: np.ndarray) -> np.ndarray:
  """How far light [R, A, 3] differs from that on both sides: [R, A]."""
  wide = round(LINE / STEP)
  padded = np.pad(light, ((wide, wide), (0, 0), (0, 0)), mode='edge')
  sides = 0.5 * (padded[: -2 * wide] + padded[2 * wide :])
  return np.abs(light - sides).max(-1)
