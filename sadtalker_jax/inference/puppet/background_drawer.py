"""Persons before another background, or before none.

A frame is linear in what is behind the person. So its opacity is what is left
of the difference between a black and a white background.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.inference import backgrounds, rendering, tracks
from sadtalker_jax.inference.puppet import cutout, fitted_portrait
from sadtalker_jax.typing import Array


class _Puppet(rendering.Drawer, Protocol):
  """Draws rigs that have a background."""

  def before(self, prepared: Any, background: np.ndarray) -> Any:
    """What it prepared, before a background [Ht, Wt, 3] of its texture."""


class PreparedScene(NamedTuple):
  """A portrait before one background, or before black and white."""

  puppets: tuple[Any, ...]


def host(
  portrait: fitted_portrait.FittedPortrait, background: backgrounds.Background
) -> np.ndarray:
  """The person of the photo before another background, [H, W, 3] uint8."""
  layers = cutout.build(portrait)
  _check(layers.found)
  x, y = np.rint(portrait.margin).astype(int)
  width, height = portrait.frame_size
  layer = layers.layer[y : y + height, x : x + width]
  behind = background.filled(portrait.frame_size)
  shown = layer[..., :3] + (1 - layer[..., 3:]) * behind
  return np.rint(shown.clip(0, 255)).astype(np.uint8)


class BackgroundDrawer(rendering.Drawer):
  """Draws what a puppet draws, before the background that options say."""

  mixes = False
  reach = 0

  def __init__(self, puppet: _Puppet, background: backgrounds.Background):
    """Takes a background; pictures are read for every portrait."""
    self._puppet = puppet
    self._background = background

  def prepare(self, portrait: fitted_portrait.FittedPortrait) -> PreparedScene:
    """The rig of a portrait, with other backgrounds.

    Raises:
      InputError: no border is found between the person and what is behind.
    """
    prepared = self._puppet.prepare(portrait)
    # Nothing of a portrait without a border lets its background through.
    _check(float(prepared.rig.alpha.min()) < 1)
    shape = portrait.texture.shape
    if self._background.is_transparent:
      behind = [np.full(shape, level, np.float32) for level in (0, 255)]
    else:
      shown = self._background.filled(portrait.frame_size)
      x, y = np.rint(portrait.margin).astype(int)
      height, width = shown.shape[:2]
      pads = (y, shape[0] - y - height), (x, shape[1] - x - width), (0, 0)
      behind = [np.pad(shown.astype(np.float32), pads, mode='edge')]
    return PreparedScene(
      tuple(self._puppet.before(prepared, picture) for picture in behind)
    )

  def inputs(
    self, prepared: PreparedScene, track: tracks.Track, index: np.ndarray
  ) -> tuple[np.ndarray, ...]:
    """As those of the puppet."""
    return self._puppet.inputs(prepared.puppets[0], track, index)

  def render(
    self, portraits: Sequence[PreparedScene], inputs: tuple[np.ndarray, ...]
  ) -> jax.Array:
    """Frames [B, H, W, 3] uint8, or [B, H, W, 4] with their opacity."""
    (scene,) = portraits
    drawn = [self._puppet.render([puppet], inputs) for puppet in scene.puppets]
    return drawn[0] if len(drawn) == 1 else _uncovered(*drawn)


def _check(is_found: bool) -> None:
  if not is_found:
    raise errors.InputError(
      'background: expected a person who stands out from what is behind, found '
      'no clear border'
    )


@jax.jit
def _uncovered(on_black: Array, on_white: Array) -> jax.Array:
  """Colours and opacity [B, H, W, 4] uint8 of frames before black and white."""
  dark = on_black.astype(jnp.float32)
  through = (on_white.astype(jnp.float32) - dark).mean(-1, keepdims=True)
  opacity = jnp.clip(255.0 - through, 0.0, 255.0)
  colour = jnp.clip(dark * 255.0 / jnp.maximum(opacity, 1.0), 0.0, 255.0)
  return jnp.rint(jnp.concatenate([colour, opacity], -1)).astype(jnp.uint8)
