"""ExpNet: expression coefficients from sound (method 3)."""

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.layers import audio_encoder, basic
from sadtalker_jax.typing import Dtype

EXPRESSION_SIZE = 64


class ExpNet(nn.Module):
  """Expression of every frame from its sound, a reference and a blink signal.

  Frames are independent of each other.
  """

  sees_reference: bool = True  # False: zeros replace it (Table 3 of the paper)
  dtype: Dtype | None = None  # type of the computation

  def setup(self) -> None:
    """Creates the parts."""
    self.audio_encoder = audio_encoder.AudioEncoder(dtype=self.dtype)
    self.mapping = basic.dense(EXPRESSION_SIZE, dtype=self.dtype)

  def __call__(
    self, mel: jax.Array, reference: jax.Array, blink: jax.Array, *, train: bool
  ) -> jax.Array:
    """Expression coefficients: absolute values, not differences.

    Args:
      mel: [B, 80, 16, 1] log-mel windows.
      reference: [B, 64] expression of the portrait.
      blink: [B, 1] 0 for open eyes, 1 for closed ones.
      train: whether batch norm uses the batch.

    Returns:
      [B, 64].
    """
    sound = self.embed(mel, train=train)
    dtype = sound.dtype
    if not self.sees_reference:
      reference = jnp.zeros_like(reference)
    x = jnp.concatenate(
      [sound, reference.astype(dtype), blink.astype(dtype)], axis=-1
    )  # [B, 577]
    return self.mapping(x)

  def embed(self, mel: jax.Array, *, train: bool) -> jax.Array:
    """Embeddings [B, 512] of sound windows [B, 80, 16, 1]."""
    return self.audio_encoder(mel, train=train)
