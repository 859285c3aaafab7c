"""Frames from a portrait and coefficients, step by step as published.

The plain form: no weight is folded, and only work on the portrait alone is
shared. Every faster form must give the same frames. Source: method 1.1,
method 5.4, method 5.12.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from sadtalker_jax import errors
from sadtalker_jax.models.facevid2vid import generator as generator_lib
from sadtalker_jax.models.facevid2vid import keypoints
from sadtalker_jax.models.sadtalker import mapping as mapping_lib
from sadtalker_jax.ops import keypoints as keypoint_ops
from sadtalker_jax.typing import Variables

# Names of the networks from coefficients to keypoint motion, by row size.
MAPPINGS = {70: 'mapping', 73: 'mapping_full'}


@dataclasses.dataclass(frozen=True)
class Networks:
  """The modules of a renderer; by default those of the released weights."""

  keypoint_detector: keypoints.KeypointDetector = keypoints.KeypointDetector()
  mapping: mapping_lib.MappingNet = mapping_lib.MappingNet()
  generator: generator_lib.Generator = generator_lib.Generator()


RELEASED = Networks()


def render(
  variables: Mapping[str, Variables],
  source_image: jax.Array,
  source_window: jax.Array,
  windows: jax.Array,
  *,
  angles: jax.Array | None = None,
  zero_t_xz: bool = True,
  pi_314: bool = True,
  networks: Networks = RELEASED,
) -> jax.Array:
  """Frames of one portrait, or of one portrait per frame; differentiable.

  Args:
    variables: variables of 'keypoint_detector', 'generator', and 'mapping' for
      70 coefficients or 'mapping_full' for 73.
    source_image: [1 or B, S, S, 3] portraits, RGB in [0, 1].
    source_window: [1 or B, 27, C] coefficients of the portraits.
    windows: [B, 27, C] coefficients around every frame.
    angles: [B, 3] degrees (yaw, pitch, roll) of a free view, which replace
      those of the frames where they are not NaN.
    zero_t_xz: see `ops.keypoints.transform`.
    pi_314: see `ops.keypoints.transform`.
    networks: modules of the renderer.

  Returns:
    [B, S, S, 3] float32 in [0, 1].

  Raises:
    InputError: C is neither 70 nor 73.
  """
  if windows.shape[-1] not in MAPPINGS:
    raise errors.InputError(
      f'windows: expected 70 or 73 coefficients, found {windows.shape[-1]}'
    )
  mapping_name = MAPPINGS[windows.shape[-1]]
  count = len(windows)

  def of_generator(method: str, *args: Any) -> Any:
    return networks.generator.apply(
      variables['generator'], *args, train=False, method=method
    )

  canonical = networks.keypoint_detector.apply(
    variables['keypoint_detector'], source_image, train=False
  )

  def placed(window: jax.Array, angles: jax.Array | None) -> jax.Array:
    motion = networks.mapping.apply(variables[mapping_name], window)
    return keypoint_ops.transform(
      _for_each(canonical, len(window)),
      *motion,
      zero_t_xz=zero_t_xz,
      pi_314=pi_314,
      angles=angles,
    )

  volume = _for_each(of_generator('encode', source_image), count)
  kp_source = _for_each(placed(source_window, None), count)
  kp_driving = placed(windows, angles)
  motion = of_generator('motion', volume, kp_source, kp_driving)
  return of_generator('decode', volume, motion)


def _for_each(x: Any, count: int) -> jax.Array:
  """`x` [1 or count, ...] as [count, ...]."""
  return jnp.broadcast_to(x, (count, *x.shape[1:]))
