"""The portrait that the tests of faces share."""

import pathlib

import numpy as np
from PIL import Image
import pytest

import sadtalker_jax
from sadtalker_jax.faces import detector, landmarks

_DATA = pathlib.Path(sadtalker_jax.__file__).parent / 'inference/data'


@pytest.fixture(scope='session')
def portrait() -> np.ndarray:
  """Grace Hopper, uint8 [600, 512, 3]."""
  with Image.open(_DATA / 'grace_hopper.jpg') as image:
    return np.asarray(image.convert('RGB'))


@pytest.fixture(scope='session')
def golden(testdata) -> dict[str, np.ndarray]:
  """What LiteRT finds in the portrait; see make_golden.py."""
  with np.load(testdata / 'faces_golden.npz') as file:
    return {key: file[key] for key in file.files}


@pytest.fixture(scope='session')
def detection(portrait) -> detector.Detection:
  (face,) = detector.BlazeFace().detect(portrait)
  return face


@pytest.fixture(scope='session')
def points(portrait, detection) -> np.ndarray:
  """The landmarks of the portrait, [478, 3]."""
  return landmarks.FaceMesh().detect(portrait, detection).points
