"""Random heads of the packaged face model, in colour.

The model has shapes but no colours: skin, lips, brows, eyes and teeth of a
person get random tones. It is a doll, not a portrait. Pictures are uint8 [S, S,
3]; coefficients and landmarks are exact.
"""

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d import alignment, camera, coeffs, renderer
from sadtalker_jax.face3d.bases import makehuman, morphable

_VIEW = 1.2  # factor by which heads are smaller than in the aligned frame
_BATCH = 16  # frames drawn together
_IDENTITY = 0.8  # standard deviation of the identity weights
# Light beside the ambient one: mean and deviation of the first coefficients.
_LIGHT_MEAN = (0.0, 0.0, 0.2, 0.0)
_LIGHT_DEVIATION = (0.05, 0.1, 0.05, 0.12)
# A face at rest: few units are moved, and the sides by nearly as much.
_MOVED = 0.3  # share of the units
_MEAN_UNIT = 0.2  # of those that are moved; exponentially distributed
_MOST_UNIT = 0.8
_UNEVEN = 0.2  # deviation of a side, as a share
# Lids and gaze have motions of their own; nobody rests with the tongue out.
_NOT_AT_REST = ('eyeBlink', 'eyeLook', 'tongue')

Rng = np.random.Generator


class Head:
  """One person."""

  def __init__(self, model: morphable.MorphableModel, rng: Rng):
    """Draws shape and colours of a person.

    Args:
      model: The MakeHuman head.
      rng: Random numbers for shape and colours.
    """
    self._model = model
    identity = _IDENTITY * rng.standard_normal(conventions.IDENTITY_SIZE)
    self._identity = identity.astype(np.float32)
    self._albedo = _colours(model, rng)

  def draw(
    self, track: np.ndarray, size: int, rng: Rng
  ) -> tuple[np.ndarray, np.ndarray, alignment.TransParams, np.ndarray]:
    """The person in motion, in a random light, before a random backdrop.

    Args:
      track: [T, 70] coefficient rows.
      size: S, side of the frames.
      rng: Random numbers for light and backdrop.

    Returns:
      Frames uint8 [T, S, S, 3], coefficients [T, 257], the alignment of the
      frames, and landmarks [T, 68, 2] in their pixels.
    """
    vectors = np.array(coeffs.join(coeffs.from_row(self._identity, track)))
    light = np.zeros((3, 9), np.float32)
    light[:, :4] = rng.normal(_LIGHT_MEAN, _LIGHT_DEVIATION)
    vectors[:, conventions.GAMMA] = light.ravel()
    trans = alignment.TransParams(
      size, size, _VIEW * camera.SIZE / size, size / 2, size / 2
    )
    behind = _backdrop(size, rng)
    frames, points = [], []
    for start in range(0, len(vectors), _BATCH):
      part = vectors[start : start + _BATCH]
      full = np.pad(part, ((0, _BATCH - len(part)), (0, 0)), mode='edge')
      drawn = renderer.render(
        self._model, full, view=trans, albedo=self._albedo, chunk=_BATCH
      )
      seen = np.asarray(drawn.image)[: len(part)]
      mask = np.asarray(drawn.mask)[: len(part), ..., None]
      picture = seen * mask + behind * (1 - mask)
      frames.append(np.rint(255 * picture.clip(0, 1)).astype(np.uint8))
      points.append(np.asarray(drawn.landmarks)[: len(part)])
    return np.concatenate(frames), vectors, trans, np.concatenate(points)


def resting_face(rng: Rng) -> np.ndarray:
  """Expression [64] of a person who does not speak: smiles, brows, parted lips.

  What portraits are like: a network that hears speech must leave as it is what
  does not belong to it.
  """
  units = np.zeros(conventions.EXPRESSION_SIZE, np.float32)
  moved: dict[str, float] = {}
  for name, slot in makehuman.EXPRESSION_SLOTS.items():
    if name.startswith(_NOT_AT_REST):
      continue
    both = name.removesuffix('Left').removesuffix('Right')
    if both not in moved:
      value = rng.exponential(_MEAN_UNIT) if rng.random() < _MOVED else 0.0
      moved[both] = min(value, _MOST_UNIT)
    units[slot] = moved[both] * max(rng.normal(1, _UNEVEN), 0)
  return units.clip(0, 1)


def _colours(model: morphable.MorphableModel, rng: Rng) -> np.ndarray:
  """Albedo [V, 3] of a random person: skin, lips, brows, eyes, teeth."""
  mean = np.asarray(model.mean)
  tone = rng.uniform(0, 1)
  skin = (1 - tone) * np.array([0.82, 0.62, 0.52]) + tone * np.array(
    [0.36, 0.23, 0.16]
  )
  albedo = np.tile(skin, (len(mean), 1))
  # Soft blotches, as skin has.
  waves = np.sin(mean @ rng.normal(0, 6, (3, 6)) + rng.uniform(0, 6.3, 6))
  albedo *= 1 + 0.03 * waves.mean(1, keepdims=True)
  points = np.asarray(
    morphable.surface_points(mean, model.landmark_ids, model.landmark_weights)
  )

  def near(ids: slice, reach: float) -> np.ndarray:
    distance = np.linalg.norm(mean[:, None] - points[ids], axis=-1).min(1)
    return np.exp(-((distance / reach) ** 2))[:, None]

  lips = skin * [1.0, 0.62, 0.62]
  albedo += near(slice(48, 68), 0.035) * (lips - albedo)
  hair = rng.uniform(0.05, 0.35) * np.array([1.0, 0.8, 0.6])
  albedo += near(slice(17, 27), 0.05) * (hair - albedo)
  triangles = np.asarray(model.triangles)
  for names, colour in (
    (('lining',), skin * 0.25),
    (('teeth_upper', 'teeth_lower'), np.array([0.85, 0.82, 0.75])),
    (('tongue',), np.array([0.6, 0.3, 0.3])),
  ):
    albedo[np.unique(triangles[model.group(*names)])] = colour
  iris = rng.uniform(0.1, 0.4, 3)
  for name in ('eye_left', 'eye_right'):
    ids = np.unique(triangles[model.group(name)])
    ball = mean[ids]
    front = ball[:, 2].max()
    middle = ball[ball[:, 2] > front - 0.01].mean(0)
    away = np.linalg.norm(ball[:, :2] - middle[:2], axis=1)
    albedo[ids] = np.where(away[:, None] < 0.06, iris, [0.88, 0.87, 0.86])
  return albedo.astype(np.float32)


def _backdrop(size: int, rng: Rng) -> np.ndarray:
  """A smooth backdrop [S, S, 3] in [0, 1]."""
  corners = rng.uniform(0.1, 0.8, (2, 2, 3))
  x = np.linspace(0, 1, size)[:, None]
  left, right = (
    corners[0, i] * (1 - x) + corners[1, i] * x for i in (0, 1)
  )  # [S, 3]
  across = np.linspace(0, 1, size)[None, :, None]
  return left[:, None] * (1 - across) + right[:, None] * across
