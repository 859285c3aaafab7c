"""SyncNet v2, the measure of lip sync (method 9.4).

Layout: frames [B, T, 224, 224, 3], BGR, 0...255, not normalised; MFCC
[B, 13, 20, 1], coefficients by steps of 10 ms. Frames i to i + 4 belong to
steps 4 i to 4 i + 19. Embeddings are compared by distance, not by angle.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax

from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Dtype

NUM_FRAMES = 5  # frames in a window
EMBEDDING_SIZE = 1024

# Features, kernel size, stride, padding of a convolution; kernel size, stride,
# padding of the pooling after it.
_Pool = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
Stage = tuple[
  int, tuple[int, ...], tuple[int, ...], tuple[int, ...], _Pool | None
]
LIP_STAGES: tuple[Stage, ...] = (
  (96, (5, 7, 7), (1, 2, 2), (0, 0, 0), ((1, 3, 3), (1, 2, 2), (0, 0, 0))),
  (256, (1, 5, 5), (1, 2, 2), (0, 1, 1), ((1, 3, 3), (1, 2, 2), (0, 1, 1))),
  (256, (1, 3, 3), (1, 1, 1), (0, 1, 1), None),
  (256, (1, 3, 3), (1, 1, 1), (0, 1, 1), None),
  (256, (1, 3, 3), (1, 1, 1), (0, 1, 1), ((1, 3, 3), (1, 2, 2), (0, 0, 0))),
  (512, (1, 6, 6), (1, 1, 1), (0, 0, 0), None),
)
AUDIO_STAGES: tuple[Stage, ...] = (
  (64, (3, 3), (1, 1), (1, 1), None),
  (192, (3, 3), (1, 1), (1, 1), ((3, 3), (1, 2), (0, 0))),
  (384, (3, 3), (1, 1), (1, 1), None),
  (256, (3, 3), (1, 1), (1, 1), None),
  (256, (3, 3), (1, 1), (1, 1), ((3, 3), (2, 2), (0, 0))),
  (512, (5, 4), (1, 1), (0, 0), None),
)


class Tower(nn.Module):
  """One of the two networks; parameters `conv_i`, `norm_i`, `hidden`, ..."""

  stages: Sequence[Stage]  # the last one leaves 1 x 1 pixel
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [B, *N, H, W, C] to [B, *M, 1024]."""
    for i, (features, kernel, stride, padding, pool) in enumerate(self.stages):
      x = basic.conv(
        features,
        kernel,
        stride=stride,
        padding=padding,
        dtype=self.dtype,
        name=f'conv_{i}',
      )(x)
      x = self._norm(x, f'norm_{i}', train)
      if pool is not None:
        window, step, edge = pool
        x = basic.max_pool(x, window, stride=step, padding=edge)
    x = x.reshape(*x.shape[:-3], -1)
    x = basic.dense(self.stages[-1][0], dtype=self.dtype, name='hidden')(x)
    x = self._norm(x, 'hidden_norm', train)
    return basic.dense(EMBEDDING_SIZE, dtype=self.dtype, name='embedding')(x)

  def _norm(self, x: jax.Array, name: str, train: bool) -> jax.Array:
    norm = basic.batch_norm(train=train, dtype=self.dtype, name=name)
    return nn.relu(norm(x))


class SyncNetV2(nn.Module):
  """Embeddings of mouths and sound; those that agree are near each other."""

  lip_stages: Sequence[Stage] = LIP_STAGES
  audio_stages: Sequence[Stage] = AUDIO_STAGES
  dtype: Dtype | None = None  # type of the computation

  def setup(self) -> None:
    """Creates the parts."""
    self.lip = Tower(self.lip_stages, self.dtype)
    self.audio = Tower(self.audio_stages, self.dtype)

  def __call__(
    self, frames: jax.Array, mfcc: jax.Array, *, train: bool
  ) -> tuple[jax.Array, jax.Array]:
    """Embeddings of both; see `embed_lip` and `embed_audio`."""
    return self.embed_lip(frames, train=train), self.embed_audio(
      mfcc, train=train
    )

  def embed_lip(self, frames: jax.Array, *, train: bool) -> jax.Array:
    """Embeddings of all windows of five frames.

    Args:
      frames: [B, T, 224, 224, 3], BGR, 0...255; T is 5 or more.
      train: whether batch norm uses the batch.

    Returns:
      [B, T - 4, 1024]; row i is for the frames i to i + 4.
    """
    return self.lip(frames, train=train)

  def embed_audio(self, mfcc: jax.Array, *, train: bool) -> jax.Array:
    """Embeddings [B, 1024] of windows of sound [B, 13, 20, 1]."""
    return self.audio(mfcc, train=train)
