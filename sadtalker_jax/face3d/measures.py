"""Measurements on landmarks; no face model and no fit.

Conventions: landmarks are [..., N, D], the FaceMesh points (N of at least 468)
with D of 2 or 3; any unit. Right and left are the person's own.
"""

import numpy as np

EYE_CORNERS = (33, 263)  # outer corners, right eye's first
LIPS = (13, 14)  # middle of the inner rims, upper and lower
MOUTH_CORNERS = (61, 291)
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


def _distance(points: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
  points = np.asarray(points)
  first, second = pair
  return np.linalg.norm(points[..., first, :] - points[..., second, :], axis=-1)
