"""Wav2Lip's expert: agreement of lips and sound (method 7.2).

Layout: five successive faces [B, 5, 96, 96, 3] in 0...1, BGR, become the input
[B, 48, 96, 15] by `face_input`: lower halves, all channels of the first frame,
then those of the next. Log-mel windows [B, 80, 16, 1] start with the first
frame.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax
import jax.numpy as jnp

from sadtalker_jax.models.experts import wav2lip
from sadtalker_jax.models.layers import audio_encoder
from sadtalker_jax.typing import Dtype

NUM_FRAMES = 5

FACE_BLOCKS: tuple[audio_encoder.Block, ...] = (
  (32, 7, 1, 3, False),
  (64, 5, (1, 2), 1, False),
  (64, 3, 1, 1, True),
  (64, 3, 1, 1, True),
  (128, 3, 2, 1, False),
  (128, 3, 1, 1, True),
  (128, 3, 1, 1, True),
  (128, 3, 1, 1, True),
  (256, 3, 2, 1, False),
  (256, 3, 1, 1, True),
  (256, 3, 1, 1, True),
  (512, 3, 2, 1, False),
  (512, 3, 1, 1, True),
  (512, 3, 1, 1, True),
  (512, 3, 2, 1, False),
  (512, 3, 1, 0, False),
  (512, 1, 1, 0, False),
)
# One residual block of 256 channels more than the generator's.
AUDIO_BLOCKS: tuple[audio_encoder.Block, ...] = (
  *audio_encoder.BLOCKS[:11],
  *audio_encoder.BLOCKS[10:],
)
_LEAST_LENGTH = 1e-12  # least length of an embedding, as in PyTorch's normalize


def face_input(faces: jax.Array) -> jax.Array:
  """The network's input [B, 48, 96, 15] from faces [B, 5, 96, 96, 3]."""
  mouths = jnp.moveaxis(wav2lip.lower_half(faces), 1, 3)  # [B, 48, 96, 5, 3]
  return mouths.reshape(*mouths.shape[:3], -1)


class SyncNet(nn.Module):
  """Embeddings of sound and mouths; those that agree have one direction."""

  face_blocks: Sequence[audio_encoder.Block] = FACE_BLOCKS
  audio_blocks: Sequence[audio_encoder.Block] = AUDIO_BLOCKS
  dtype: Dtype | None = None  # type of the computation

  def setup(self) -> None:
    """Creates the parts: `audio_encoder`, `face_0` to `face_16`."""
    self.audio_encoder = audio_encoder.AudioEncoder(
      self.audio_blocks, dtype=self.dtype
    )
    self.face = [
      audio_encoder.ConvBlock(*block, dtype=self.dtype)
      for block in self.face_blocks
    ]

  def __call__(
    self, mel: jax.Array, face: jax.Array, *, train: bool
  ) -> tuple[jax.Array, jax.Array]:
    """Both embeddings; their scalar product is the cosine, 0 to 1.

    Args:
      mel: [B, 80, 16, 1] log-mel windows.
      face: [B, 48, 96, 15] from `face_input`.
      train: whether batch norm uses the batch.

    Returns:
      Embeddings of the sound and of the face, [B, 512] each, of length 1, none
      negative.
    """
    return self.embed_audio(mel, train=train), self.embed_face(
      face, train=train
    )

  def embed_audio(self, mel: jax.Array, *, train: bool) -> jax.Array:
    """Embeddings [B, 512], of length 1, of sound windows [B, 80, 16, 1]."""
    return _unit(self.audio_encoder(mel, train=train))

  def embed_face(self, face: jax.Array, *, train: bool) -> jax.Array:
    """Embeddings [B, 512], of length 1, of mouths [B, 48, 96, 15]."""
    for block in self.face:
      face = block(face, train=train)
    return _unit(face.reshape(face.shape[0], -1))  # of 1 x 1 pixel


def _unit(x: jax.Array) -> jax.Array:
  """Rows scaled to length 1; zero rows stay zero, with a finite gradient."""
  x = x.astype(jnp.float32)
  square = jnp.sum(x * x, axis=-1, keepdims=True)
  return x / jnp.sqrt(jnp.maximum(square, _LEAST_LENGTH**2))
