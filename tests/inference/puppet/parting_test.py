"""What a photo shows between the lips."""

import numpy as np

from sadtalker_jax.inference.puppet import parting

TOP, UPPER, LOWER, BOTTOM = 20, 28, 36, 44  # rows


def _mouth() -> tuple[np.ndarray, np.ndarray]:
  """Teeth over dark over teeth, and where the lips are apart."""
  texture = np.full((64, 64, 3), (150.0, 90.0, 80.0))
  texture[TOP:UPPER, 16:48] = (220.0, 210.0, 190.0)
  texture[UPPER:LOWER, 16:48] = 25.0
  texture[LOWER:BOTTOM, 16:48] = (200.0, 190.0, 170.0)
  holes = np.zeros((64, 64), bool)
  holes[TOP:BOTTOM, 16:48] = True
  return texture, holes


def test_rows_of_teeth_are_parted_in_the_dark():
  skull, _, teeth = parting.parted(*_mouth())
  assert (skull[:UPPER, 20:44] == 1.0).all()
  assert (skull[LOWER:, 20:44] == 0.0).all()
  np.testing.assert_allclose(teeth[:2], (UPPER, LOWER), atol=1.5)
  np.testing.assert_allclose(teeth.enamel, (220.0, 210.0, 190.0), atol=8.0)


def test_dark_mouth_has_no_teeth():
  texture, holes = _mouth()
  texture[holes] = 25.0
  found = parting.parted(texture, holes)
  assert found.teeth == parting.Teeth()


def test_slit_is_not_parted():
  texture, holes = _mouth()
  holes[TOP + 2 :] = False
  assert parting.parted(texture, holes) is None


def test_bright_flesh_is_no_row_of_teeth():
  texture, holes = _mouth()
  texture[LOWER:BOTTOM, 16:48] = (200.0, 120.0, 105.0)  # a tongue that shines
  found = parting.parted(texture, holes)
  assert found.teeth.lower is None
  assert found.teeth.upper is not None
  skull, jaw = found.tight
  assert skull[TOP + 2 : UPPER - 2, 20:44].min() > 0.9
  # Below the teeth nothing rests with the skull, nor goes with the jaw.
  assert skull[UPPER + 3 :].max() == 0.0
  assert jaw.max() == 0.0
