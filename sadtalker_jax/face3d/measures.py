"""Measurements on landmarks; no face model and no fit.

Conventions: landmarks are [..., N, D], the FaceMesh points (N of at least 468)
with D of 2 or 3; any unit. Right and left are the person's own.
"""

import numpy as np

EYE_CORNERS = (33, 263)  # outer corners, right eye's first
LIPS = (13, 14)  # middle of the inner rims, upper and lower
MOUTH_CORNERS = (61, 291)
CHIN, BRIDGE = 152, 168
# Points that speech does not move: forehead, temples, corners of the eyes, the
# bridge of the nose.
SKULL = (10, 151, 9, 127, 356, 234, 454, 33, 133, 362, 263, 8, 168, 6, 197, 195)
_COLUMELLA = 164  # under the nose; with the bridge it says which way is down
_ROUNDS = 3  # of alignment to the mean
# Upper and lower places along the lids.
RIGHT_LIDS = ((160, 144), (159, 145), (158, 153))
LEFT_LIDS = ((387, 373), (386, 374), (385, 380))


def interocular(landmarks: np.ndarray) -> np.ndarray:
  """Distance of the outer eye corners [...], in all D dimensions."""
  return _distance(landmarks, EYE_CORNERS)


def lip_gap(landmarks: np.ndarray) -> np.ndarray:
  """Opening between the inner lips, divided by the inter-ocular distance.

  Args:
    landmarks: [..., N, D]; depth is not used.

  Returns:
    [...] without unit; about 0 closed, 0.1 speaking, 0.4 wide open.
  """
  image = np.asarray(landmarks)[..., :2]
  return _distance(image, LIPS) / interocular(image)


def mouth_width(landmarks: np.ndarray) -> np.ndarray:
  """Distance of the mouth's corners, divided by the inter-ocular distance.

  Args:
    landmarks: [..., N, D]; depth is not used.

  Returns:
    [...] without unit.
  """
  image = np.asarray(landmarks)[..., :2]
  return _distance(image, MOUTH_CORNERS) / interocular(image)


def eye_openness(landmarks: np.ndarray) -> np.ndarray:
  """Distance of the lids, divided by the inter-ocular distance.

  Args:
    landmarks: [..., N, D]; depth is not used.

  Returns:
    [..., 2] without unit, right eye first; about 0.1 open, 0.02 closed. Mean of
    three places along the lids.
  """
  image = np.asarray(landmarks)[..., :2]
  opening = [
    np.mean([_distance(image, pair) for pair in lids], axis=0)
    for lids in (RIGHT_LIDS, LEFT_LIDS)
  ]
  return np.stack(opening, -1) / interocular(image)[..., None]


def mouth_shape(landmarks: np.ndarray) -> np.ndarray:
  """What a talking mouth does, as shares of the inter-ocular distance.

  Frames are laid over each other by the skull, so that lips are measured
  against it and not against each other. What is asked of the lower lip follows:
  it goes down by the gap less what the upper lip goes up.

  Args:
    landmarks: [T, N, 3] of a clip.

  Returns:
    [T, 5]: gap of the lips, width of the mouth, how low the chin is, how high
    the rim of the upper lip and the corners of the mouth are. All but the
    first two are from an origin that is the clip's own.
  """
  points = _over_skull(np.asarray(landmarks, np.float64))
  mean = points.mean(0)
  across = mean[EYE_CORNERS[1]] - mean[EYE_CORNERS[0]]
  size = np.linalg.norm(across)
  down = mean[_COLUMELLA] - mean[BRIDGE]
  down -= across * (down @ across) / size**2
  height = (mean[BRIDGE] - points) @ (down / np.linalg.norm(down)) / size
  return np.stack(
    [
      lip_gap(landmarks),
      mouth_width(landmarks),
      -height[:, CHIN],
      height[:, LIPS[0]],
      height[:, list(MOUTH_CORNERS)].mean(1),
    ],
    axis=1,
  )


def _over_skull(points: np.ndarray) -> np.ndarray:
  """Points [T, N, 3], turned, scaled and moved onto their mean."""
  mean = points[0]
  for _ in range(_ROUNDS):
    goal = mean[list(SKULL)]
    middle = goal.mean(0)
    skull = points[:, SKULL]
    centre = skull.mean(1, keepdims=True)
    skull = skull - centre
    left, value, right = np.linalg.svd(
      skull.transpose(0, 2, 1) @ (goal - middle)
    )
    mirrored = np.sign(np.linalg.det(left @ right))
    right[:, -1] *= mirrored[:, None]
    value[:, -1] *= mirrored
    scale = value.sum(1) / (skull**2).sum((1, 2))
    laid = (points - centre) @ (left @ right) * scale[:, None, None] + middle
    mean = laid.mean(0)
  return laid


def _distance(points: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
  points = np.asarray(points)
  first, second = pair
  return np.linalg.norm(points[..., first, :] - points[..., second, :], axis=-1)
