"""Formats are cut out about the face that moves."""

import types

import numpy as np
import pytest

from sadtalker_jax.faces import detector
from sadtalker_jax.inference import framing, portrait


def _bundle(*boxes):
  faces = [detector.Detection(b, 1.0, np.zeros((6, 2))) for b in boxes]
  finder = types.SimpleNamespace(detect=lambda picture: faces)
  return types.SimpleNamespace(detector=finder)


def _portrait(box, paste):
  window = portrait.Window(box, (256, 256), (False,) * 4, paste)
  picture = np.zeros((300, 400, 3), np.uint8)
  return types.SimpleNamespace(picture=picture, window=window)


def test_the_face_of_the_window_is_in_the_middle():
  left, right = (40.0, 100.0, 80.0, 150.0), (220.0, 90.0, 280.0, 160.0)
  pasted = _portrait((200, 60, 300, 200), True)
  box = framing.cut(pasted, (400, 300), (9, 16), _bundle(left, right))
  x0, y0, x1, y1 = box
  assert (x1 - x0, y1 - y0) == (168, 300)
  assert (x0 + x1) / 2 == 250


@pytest.mark.parametrize('ratio', [(9, 16), (1, 1), (4, 3), (4, 1), (1, 4)])
def test_formats_are_inside_even_and_of_their_ratio(ratio):
  whole = _portrait((100, 50, 300, 250), False)
  for bundle in (_bundle(), _bundle((110.0, 60.0, 150.0, 110.0))):
    x0, y0, x1, y1 = framing.cut(whole, (256, 256), ratio, bundle)
    width, height = x1 - x0, y1 - y0
    assert 0 <= x0 and 0 <= y0 and x1 <= 256 and y1 <= 256
    assert width % 2 == height % 2 == 0
    assert width / height == pytest.approx(ratio[0] / ratio[1], rel=0.03)
    assert max(width / ratio[0], height / ratio[1]) * max(ratio) > 250


def test_faces_are_in_pixels_of_the_frame():
  whole = _portrait((100, 50, 300, 250), False)
  (face,) = framing.faces(
    whole, (256, 256), _bundle((100.0, 50.0, 200.0, 150.0))
  )
  np.testing.assert_allclose(face, [0, 0, 128, 128])
