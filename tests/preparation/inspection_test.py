"""Numbers of the inspection page."""

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.preparation.inspection import page


def test_changes_of_angles_are_degrees_once():
  clip = np.zeros((4, 257), np.float32)
  clip[:, conventions.ANGLES] = np.radians(0.3) * np.arange(4)[:, None]
  other = np.full((3, 257), 2.0, np.float32)  # no change from clip to clip
  found = page._turning([{'coefficients': clip}, {'coefficients': other}])
  np.testing.assert_allclose(found[:3], 0.3, rtol=1e-4)
  np.testing.assert_array_equal(found[3:], np.zeros((2, 3)))
