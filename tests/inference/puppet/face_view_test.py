"""Which parts of a face a photo does not show."""

import numpy as np
import pytest

from sadtalker_jax.face3d import camera
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference.puppet import face_view, fitted_head
from sadtalker_jax.inference.puppet import rig as rig_lib

_CHEEKS = 0.5  # decimetre from the middle of the face: outside of the eyes
_INNER = 0.3  # nose, lips and most of the eyes


@pytest.mark.parametrize('yaw', [-22.0, 22.0])
def test_a_head_that_is_turned_hides_all_of_a_far_cheek(yaw):
  model = bundle_lib.load().model
  ids, triangles = rig_lib.face_part(model)
  mean = np.asarray(model.mean, np.float64)[ids]
  turn = np.asarray(
    camera.rotate(np.eye(3, dtype=np.float32), np.radians([0.0, yaw, 0.0]))
  )
  points, depth = fitted_head.project(mean @ turn, np.ones(2), np.zeros(2))
  view = face_view.FaceView(
    points, depth, triangles, np.empty(0), None, *np.zeros((2, 2)), 1.0,
    (0.0,) * 4, (False,) * 4,
  )  # fmt: skip
  away = face_view.turned_away(model, view, ids)
  (ux, uy), (vx, vy) = (
    (points[triangles[:, k]] - points[triangles[:, 0]]).T for k in (1, 2)
  )
  area = ux * vy - uy * vx
  back = area * np.sign(area.sum()) <= 0.0
  aside = np.abs(mean[triangles, 0])
  cheek, inner = (aside > _CHEEKS).all(1), (aside < _INNER).all(1)
  inner &= (mean[triangles, 1] > -0.6).all(1)  # above the chin
  assert (back & cheek).sum() > 20
  assert away[back & cheek].all()
  assert not away[~back].any()
  # Nostrils, lids and lips have backs, too; nothing else would show there.
  assert (back & inner).sum() > 20
  assert not away[inner].any()
