"""Parity cases: generators, image discriminator, the whole render."""

from collections.abc import Iterator
import functools

import jax
import numpy as np

from sadtalker_jax.conversion.tables import facevid2vid, sadtalker
from sadtalker_jax.models import zoo
from sadtalker_jax.models.facevid2vid import render as render_lib
from sadtalker_jax.typing import Variables
from tests.parity import store


@functools.lru_cache(maxsize=1)
def _generator() -> Variables:
  return store.variables(
    'generator', facevid2vid.GENERATOR, 'sadtalker', 'generator.'
  )


def _inputs() -> list[np.ndarray]:
  return [
    store.channels_last(store.golden('image256')),
    store.golden('generator/in/kp_source'),
    store.golden('generator/in/kp_driving'),
  ]


def generator() -> Iterator[store.Answer]:
  """A picture takes other keypoints."""
  apply = jax.jit(zoo.build('generator').apply, static_argnames='train')
  output = apply(_generator(), *_inputs(), train=False)
  yield store.Answer(
    'generator/out/feature_3d',
    store.channels_first(output.volume),
    tolerance=2e-3,  # the answer is in float16
  )
  motion = output.motion
  yield store.Answer('generator/out/mask_mean', motion.mask.mean((1, 2, 3)))
  yield store.Answer('generator/out/deformation', motion.deformation)
  yield store.Answer(
    'generator/out/occlusion_map', store.channels_first(motion.occlusion)
  )
  yield store.Answer(
    'generator/out/prediction',
    store.channels_first(output.prediction),
    limits={'mean': 1e-5, 'max': 1e-3},
  )


def generator_plain() -> Iterator[store.Answer]:
  """The same without SPADE."""
  weights = store.variables(
    'generator_plain', facevid2vid.GENERATOR_PLAIN, 'generator_plain'
  )
  apply = jax.jit(zoo.build('generator_plain').apply, static_argnames='train')
  output = apply(weights, *_inputs(), train=False)
  yield store.Answer(
    'generator_plain/out/prediction',
    store.channels_first(output.prediction),
    limits={'max': 3e-4},
  )


def discriminator() -> Iterator[store.Answer]:
  """How real every patch of a picture is."""
  weights = store.variables(
    'discriminator', facevid2vid.DISCRIMINATOR, 'discriminator'
  )
  apply = jax.jit(zoo.build('discriminator').apply, static_argnames='train')
  image = store.channels_last(store.golden('image256'))
  opinion = apply(weights, image, train=False)
  for i, features in enumerate(opinion.maps):
    yield store.Answer(
      f'discriminator/out/feature{i}_mean', features.mean((1, 2))
    )
  yield store.Answer(
    'discriminator/out/map', store.channels_first(opinion.scores)
  )


def render() -> Iterator[store.Answer]:
  """Picture and coefficients to frames."""
  variables = {
    'keypoint_detector': store.variables(
      'keypoint_detector',
      facevid2vid.KEYPOINT_DETECTOR,
      'sadtalker',
      'kp_extractor.',
    ),
    'mapping': store.variables('mapping', sadtalker.MAPPING, 'mapping'),
    'generator': _generator(),
  }
  frames = jax.jit(render_lib.render)(
    variables,
    store.channels_last(store.golden('image256')),
    store.golden('render/in/source_semantics').transpose(0, 2, 1),
    store.golden('render/in/target_semantics')[0].transpose(0, 2, 1),
  )
  yield store.Answer(
    'render/out/frames',
    store.channels_first(frames),
    limits={'mean': 1e-4, 'p99': 1e-3, 'max': 2e-2},
  )


CASES: dict[str, store.Case] = {
  'generator': generator,
  'generator_plain': generator_plain,
  'discriminator': discriminator,
  'render': render,
}
