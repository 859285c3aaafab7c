"""Parity cases: keypoints of a picture, head pose, and what they make of it."""

from collections.abc import Iterator
import functools

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.conversion.tables import facevid2vid, sadtalker
from sadtalker_jax.models import zoo
from sadtalker_jax.ops import keypoints as keypoint_ops
from tests.parity import store


def _answer(name: str, weights, image: np.ndarray):
  module = zoo.build(name)
  apply = jax.jit(module.apply, static_argnames='train')
  return apply(weights, store.channels_last(image), train=False)


@functools.cache
def _canonical() -> jax.Array:
  weights = store.variables(
    'keypoint_detector',
    facevid2vid.KEYPOINT_DETECTOR,
    'sadtalker',
    'kp_extractor.',
  )
  return _answer('keypoint_detector', weights, store.golden('image256'))


def keypoint_detector() -> Iterator[store.Answer]:
  """Canonical keypoints of a picture."""
  yield store.Answer('kp_detector/out/value', _canonical())


def head_pose_estimator() -> Iterator[store.Answer]:
  """Pose and expression of a picture."""
  weights = store.variables(
    'head_pose_estimator', facevid2vid.HEAD_POSE_ESTIMATOR, 'he_estimator'
  )
  image = store.golden('image256')
  motion = _answer('head_pose_estimator', weights, image)
  yield store.Answer('he_estimator/out/yaw', motion.yaw)
  yield store.Answer('he_estimator/out/pitch', motion.pitch)
  yield store.Answer('he_estimator/out/roll', motion.roll)
  yield store.Answer('he_estimator/out/t', motion.translation)
  yield store.Answer(
    'he_estimator/out/exp', motion.expression.reshape(len(image), -1)
  )


def keypoints() -> Iterator[store.Answer]:
  """Canonical keypoints in the pose that MappingNet asks for."""
  weights = store.variables('mapping', sadtalker.MAPPING, 'mapping')
  window = store.golden('mapping/in/semantics').transpose(0, 2, 1)
  motion = jax.jit(zoo.build('mapping').apply)(weights, window)
  canonical = jnp.tile(_canonical(), (len(window), 1, 1))
  yield store.Answer(
    'keypoints/out/value', keypoint_ops.transform(canonical, *motion)
  )
  free = np.float32([[10, 5, 0], [-20, 0, 15], [30, -5, -15]])
  yield store.Answer(
    'keypoints/out/value_free_view',
    keypoint_ops.transform(canonical, *motion, angles=free),
  )


CASES: dict[str, store.Case] = {
  'kp_detector': keypoint_detector,
  'he_estimator': head_pose_estimator,
  'keypoints': keypoints,
}
