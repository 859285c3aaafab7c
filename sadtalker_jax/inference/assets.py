"""What an animation needs beside its inputs: networks, face model, weights.

A `Bundle` gathers them under one name. The default one ships with the package
and needs no download: BlazeFace, FaceMesh and iris networks, the CC0 MakeHuman
head, and the weights of the `baseline` motion.
"""

import dataclasses
import functools
import pathlib

from sadtalker_jax import errors
from sadtalker_jax.face3d import canonical, morphable
from sadtalker_jax.faces import detector as detector_lib
from sadtalker_jax.faces import landmarks

DATA = pathlib.Path(__file__).resolve().parent / 'data'
SAMPLE_PORTRAIT = DATA / 'grace_hopper.jpg'  # public domain, see NOTICE
SAMPLE_SPEECH = DATA / 'librivox_0870.flac'  # public domain, see NOTICE


@dataclasses.dataclass(frozen=True)
class Bundle:
  """The parts that animate a portrait."""

  name: str
  detector: detector_lib.FaceDetector
  landmarker: landmarks.Landmarker
  model: morphable.MorphableModel


@functools.lru_cache(maxsize=4)
def load(name: str = 'default') -> Bundle:
  """The bundle of a name.

  Args:
    name: 'default', the one that ships with the package.

  Raises:
    InputError: there is no such bundle.
  """
  if name != 'default':
    raise errors.InputError(
      f"bundle: expected 'default', found '{name}' (this version cannot read "
      'bundles of converted weights)'
    )
  return Bundle(
    name,
    detector_lib.BlazeFace(),
    landmarks.FaceMesh(),
    canonical.load(),
  )
