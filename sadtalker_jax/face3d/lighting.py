"""Shading by spherical harmonics of second order (method 6.5).

Conventions: normals are unit vectors in the camera's frame, that is after the
head rotation: x right, y up, z towards the camera. Illumination `gamma` is 27
numbers, three colour channels (R, G, B) of nine coefficients, added to a white
ambient light of 0.8; zero gamma is that light alone. Colours are RGB, in [0, 1]
for likely values, not clipped.
"""

import math

from jax import lax
import jax.numpy as jnp

from sadtalker_jax.typing import Array

AMBIENT = 0.8  # first coefficient of every channel before gamma is added

# a_l c_l of method 6.5: the cosine lobe's weight times the normalisation.
_A0 = math.pi / math.sqrt(4 * math.pi)
_A1 = 2 * math.pi / math.sqrt(3) * math.sqrt(3) / math.sqrt(4 * math.pi)
_A2 = (
  2 * math.pi / math.sqrt(8) * 3 * math.sqrt(5) / math.sqrt(12 * math.pi)
)  # fmt: skip


def harmonics(normals: Array) -> Array:
  """The nine basis functions [..., 9] at unit normals [..., 3]."""
  normals = jnp.asarray(normals)
  x, y, z = (normals[..., i] for i in range(3))
  return jnp.stack(
    [
      jnp.full_like(x, _A0),
      -_A1 * y,
      _A1 * z,
      -_A1 * x,
      _A2 * x * y,
      -_A2 * y * z,
      0.5 * _A2 / math.sqrt(3) * (3 * z**2 - 1),
      -_A2 * x * z,
      0.5 * _A2 * (x**2 - y**2),
    ],
    -1,
  )


def irradiance(normals: Array, gamma: Array) -> Array:
  """Light on every vertex.

  Args:
    normals: [..., V, 3] unit normals, posed.
    gamma: [..., 27] illumination.

  Returns:
    [..., V, 3] RGB factors of the albedo.
  """
  gamma = jnp.asarray(gamma)
  light = gamma.reshape(*gamma.shape[:-1], 3, 9)
  light = light.at[..., 0].add(AMBIENT)
  return jnp.einsum(
    '...vk,...ck->...vc',
    harmonics(normals),
    light,
    precision=lax.Precision.HIGHEST,
  )


def shade(texture: Array, normals: Array, gamma: Array) -> Array:
  """Lit colours [..., V, 3] of albedo [..., V, 3]; see `irradiance`."""
  return jnp.asarray(texture) * irradiance(normals, gamma)
