"""Larger frames by Real-ESRGAN, faces and background alike (method 11.5)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, TypeAlias

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference.enhance import needs, tiles
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Array, Variables

# Variables and pictures [B, h, w, 3] in [0, 1] to larger ones.
Network: TypeAlias = Callable[[Any, jax.Array], jax.Array]

# Networks by the values of the option, and how much larger frames become.
NETWORKS = {
  'realesrgan': ('realesrgan_x2', 2),
  'realesrgan_x4': ('realesrgan_x4', 4),
}
_TILE, _PAD = 400, 10  # pixels, of the published program
_TOGETHER = 4 * 256 * 256  # pixels that the network is given at once


class FrameEnlarger:
  """Makes frames two or four times as large."""

  def __init__(
    self,
    variables: Variables,
    upscale: int,
    *,
    tile: int = _TILE,
    network: Network | None = None,
  ):
    """An enlarger whose weights are on the device.

    Args:
      variables: Variables of `realesrgan_x2` or `realesrgan_x4`.
      upscale: 2 or 4, as the network has it.
      tile: Side of the pieces in which frames are enlarged, even.
      network: Replacement of Real-ESRGAN, with `variables` of its own.
    """
    self.upscale = upscale
    self._tile = tile
    self._variables = jax.device_put(variables)
    run = network or zoo.build(f'realesrgan_x{upscale}').apply

    def enlarge(variables: Any, pictures: jax.Array) -> jax.Array:
      together = max(1, _TOGETHER // (pictures.shape[1] * pictures.shape[2]))
      return lax.map(
        lambda part: run(variables, part[None])[0],
        pictures,
        batch_size=min(together, len(pictures)),
      )

    # One compiled function for each size of a piece.
    self._run = jax.jit(enlarge)

  @classmethod
  def from_bundle(cls, bundle: bundle_lib.Bundle, name: str) -> Self:
    """Real-ESRGAN with the weights of a bundle.

    Args:
      bundle: Bundle with the network.
      name: One of `NETWORKS`.

    Raises:
      InputError: the bundle lacks it.
    """
    network, upscale = NETWORKS[name]
    return cls(
      needs.weights(bundle, 'background_enhancer', name, network), upscale
    )

  def enlarged(self, frames: Array) -> jax.Array:
    """Frames [B, H, W, 3] uint8, larger; computed while the caller goes on."""
    pictures = jnp.asarray(frames).astype(jnp.float32) / 255
    large = tiles.enlarged(
      lambda part: self._run(self._variables, part),
      pictures,
      scale=self.upscale,
      tile=self._tile,
      pad=_PAD,
    )
    return jnp.round(large.clip(0, 1) * 255).astype(jnp.uint8)

  def stream(self, batches: Iterable[Array]) -> Iterator[np.ndarray]:
    """Batches of frames [b, H, W, 3] uint8, each larger.

    One batch is computed while the one before it is used.
    """
    pending: jax.Array | None = None
    for frames in batches:
      large = self.enlarged(frames)
      if pending is not None:
        yield np.asarray(pending)
      pending = large
    if pending is not None:
      yield np.asarray(pending)
