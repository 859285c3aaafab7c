"""Reconstruction of pictures: alignment, batches, rows."""

import jax
import numpy as np
import pytest

from sadtalker_jax import conventions
from sadtalker_jax.face3d import alignment
from sadtalker_jax.faces import recon
from sadtalker_jax.models import zoo


@pytest.fixture(scope='module')
def variables() -> dict:
  return zoo.noise('recon')


@pytest.fixture(scope='module')
def reconstructor(variables) -> recon.Reconstructor:
  return recon.Reconstructor(variables, batch_size=2)


def _pictures(*sizes: tuple[int, int]) -> list[np.ndarray]:
  rng = np.random.default_rng(0)
  return [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in sizes]


def _landmarks(height: int, scale: float, x: float, y: float) -> np.ndarray:
  """The standard face so large, its origin there; y down."""
  points = np.zeros((68, 2))
  five = alignment.STANDARD_POINTS[:, :2] * scale
  groups = ((36, 39), (42, 45), (30,), (48,), (54,))
  for ids, point in zip(groups, five, strict=True):
    points[list(ids)] = point
  return np.stack([x + points[:, 0], height - 1 - (y + points[:, 1])], -1)


def test_pictures_are_aligned_and_rgb_goes_in_as_0_to_1(
  reconstructor, variables
):
  (picture,) = _pictures((120, 100))
  found, (trans,) = reconstructor.coefficients(
    picture, _landmarks(120, 60.0, 52.0, 70.0)
  )
  want = alignment.TransParams(100.0, 120.0, 102 / 60, 52.0, 70.0)
  np.testing.assert_allclose(trans, want, rtol=1e-9)
  face = alignment.crop(picture, trans).astype(np.float32) / 255
  network = jax.jit(zoo.build('recon').apply, static_argnames='train')
  vector = network(variables, face[None], train=False)
  np.testing.assert_allclose(
    found, vector, rtol=1e-4, atol=1e-4 * np.abs(vector).max()
  )


def test_batches_and_their_padding_change_nothing(reconstructor):
  pictures = _pictures((90, 80), (64, 64), (70, 100))
  landmarks = np.stack(
    [_landmarks(len(p), 40.0, 35.0 + i, 40.0) for i, p in enumerate(pictures)]
  )
  together, trans = reconstructor.coefficients(pictures, landmarks)
  assert together.shape == (3, conventions.FULL_SIZE) and len(trans) == 3
  for i, picture in enumerate(pictures):
    alone, (own,) = reconstructor.coefficients([picture], landmarks[i : i + 1])
    assert own == trans[i]
    scale = np.abs(alone).max()
    np.testing.assert_allclose(
      together[i], alone[0], rtol=1e-4, atol=1e-4 * scale
    )


def test_without_a_face_the_standard_one_fills_the_picture(reconstructor):
  (picture,) = _pictures((80, 80))
  _, (trans,) = reconstructor.coefficients(picture, np.full((68, 2), -1.0))
  # Standard points from -1 to 1 cover the 80 pixels.
  np.testing.assert_allclose(trans[2:], (102 / 40, 40.0, 40.0), rtol=1e-9)


def test_no_pictures_give_no_coefficients(reconstructor):
  found, trans = reconstructor.coefficients([], np.zeros((0, 68, 2)))
  assert found.shape == (0, 257) and trans == []
  assert recon.row73(found, trans).shape == (0, 73)


def test_rows_hold_what_the_face_does_and_the_crop():
  vector = np.arange(257, dtype=np.float32)[None]
  trans = alignment.TransParams(256.0, 256.0, 1.5, 130.0, 140.0)
  row = recon.row73(vector, [trans])
  want = [*range(80, 144), 224, 225, 226, 254, 255, 256, 1.5, 130, 140]
  np.testing.assert_array_equal(row, [want])
  assert row.dtype == np.float32


def test_bad_input_is_refused(reconstructor):
  (picture,) = _pictures((80, 80))
  with pytest.raises(ValueError, match=r'\[1, 68, 2\]'):
    reconstructor.coefficients(picture, np.zeros((2, 68, 2)))
  with pytest.raises(ValueError, match='span a face'):
    reconstructor.coefficients(picture, np.full((68, 2), 40.0))
  with pytest.raises(ValueError, match='span a face'):
    reconstructor.coefficients(picture, np.full((68, 2), np.nan))
  with pytest.raises(ValueError):
    reconstructor.coefficients(picture / 255, _landmarks(80, 40.0, 40.0, 40.0))
