"""Mouths as the lip reader sees them, cut out of drawn faces."""

import jax
import jax.numpy as jnp

from sadtalker_jax.typing import Array

_MOUTH = slice(48, 68)  # of the 68 landmarks
_MOUTH_SIZE = 88  # pixels of the frame of 224, the lip reader's input
_GREY = (0.299, 0.587, 0.114)


def cut(image: Array, points: Array) -> jax.Array:
  """Grey mouths [B, 88, 88, 1] of pictures [B, 224, 224, 3].

  The place is constant, so that moving it makes no two mouths alike.
  """
  grey = jnp.einsum('bhwc,c->bhw', image, jnp.asarray(_GREY))
  centre = jax.lax.stop_gradient(points[:, _MOUTH].mean(1))  # [B, 2]
  start = jnp.round(centre - _MOUTH_SIZE / 2).astype(jnp.int32)

  def one(picture: jax.Array, corner: jax.Array) -> jax.Array:
    return jax.lax.dynamic_slice(
      picture, (corner[1], corner[0]), (_MOUTH_SIZE, _MOUTH_SIZE)
    )

  return jax.vmap(one)(grey, start)[..., None]
