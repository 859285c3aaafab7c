"""PoseVAE: head motion from sound and a style (method 4).

A conditional variational auto-encoder of 32 frames of head motion: poses minus
the pose before the first frame, 6 numbers a frame (angles in radian,
translation in decimetre). The conditions are that pose, a style (the speaker
whose motion was learned) and the sound of the frames.

Letters: B clips, T = 32 frames, Z = 64 numbers of a latent.

Sound is embedded in the order [B, T]. The published program mixes up clips and
frames where B > 1 (quirk Q7); weights used at B = 1 do not depend on it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flax import linen as nn
import jax
from jax import lax
import jax.numpy as jnp

from sadtalker_jax import conventions
from sadtalker_jax.models.layers import audio_encoder, basic
from sadtalker_jax.models.sadtalker import resunet
from sadtalker_jax.typing import Dtype

NUM_FRAMES = 32
POSE_SIZE = 6
LATENT_SIZE = 64
# New weights begin with motion of the size of people's, radian and decimetre:
# a usual layer begins 20 times as large, and all else waits until it is less.
_MOTION_INIT = nn.initializers.normal(0.03)


class Reconstruction(NamedTuple):
  """Decoded motion and posterior, the inputs of the losses."""

  motion: jax.Array  # [B, T, 6] decoded
  mean: jax.Array  # [B, Z] mean of the posterior
  log_variance: jax.Array  # [B, Z] log variance of the posterior
  latent: jax.Array  # [B, Z] drawn from the posterior


class PoseEncoder(nn.Module):
  """Posterior of the latent, given the motion and its conditions."""

  num_styles: int
  latent_size: int
  audio_size: int
  hidden_size: int
  widths: Sequence[int]
  tie_mu_logvar: bool
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self,
    motion: jax.Array,
    reference: jax.Array,
    style: jax.Array,
    sound: jax.Array,
    *,
    train: bool,
  ) -> tuple[jax.Array, jax.Array]:
    """Mean and log variance, [B, Z] each; arguments as in `PoseVAE.encode`."""
    batch = motion.shape[0]
    unet = resunet.ResUnet(self.widths, dtype=self.dtype, name='unet')
    poses = unet(motion[..., None], train=train)  # [B, T, 6, 1]
    audio = basic.dense(self.audio_size, dtype=self.dtype, name='audio')(sound)
    dtype = audio.dtype
    styles = self.param(
      'styles', nn.initializers.normal(1.0), (self.num_styles, self.latent_size)
    )
    x = jnp.concatenate(
      [
        reference.astype(dtype),
        poses.reshape(batch, -1),
        audio.reshape(batch, -1),
        styles[style].astype(dtype),
      ],
      axis=-1,
    )  # [B, 6 + 6 T + audio_size T + Z]
    x = basic.dense(self.hidden_size, dtype=self.dtype, name='hidden')(x)
    x = nn.relu(x)
    mean = basic.dense(self.latent_size, dtype=self.dtype, name='mean')(x)
    # Always called: released files contain it, although they never use it.
    own = basic.dense(self.latent_size, dtype=self.dtype, name='log_variance')
    log_variance = own(x)
    return mean, mean if self.tie_mu_logvar else log_variance


class PoseDecoder(nn.Module):
  """Motion decoded from a latent and its conditions."""

  num_styles: int
  latent_size: int
  audio_size: int
  hidden_size: int
  widths: Sequence[int]
  dtype: Dtype | None = None  # type of the computation

  @nn.compact
  def __call__(
    self,
    latent: jax.Array,
    reference: jax.Array,
    style: jax.Array,
    sound: jax.Array,
    *,
    train: bool,
  ) -> jax.Array:
    """Motion [B, T, 6]; arguments as in `PoseVAE.decode`."""
    batch, length = sound.shape[:2]
    audio = basic.dense(self.audio_size, dtype=self.dtype, name='audio')(sound)
    dtype = audio.dtype
    styles = self.param(
      'styles', nn.initializers.normal(1.0), (self.num_styles, self.latent_size)
    )
    x = jnp.concatenate(
      [
        reference.astype(dtype),
        latent.astype(dtype) + styles[style].astype(dtype),
        audio.reshape(batch, -1),
      ],
      axis=-1,
    )  # [B, 6 + Z + audio_size T]
    x = basic.dense(self.hidden_size, dtype=self.dtype, name='hidden')(x)
    x = basic.dense(length * POSE_SIZE, dtype=self.dtype, name='poses')(
      nn.relu(x)
    )
    x = nn.sigmoid(x).reshape(batch, length, POSE_SIZE, 1)
    unet = resunet.ResUnet(self.widths, dtype=self.dtype, name='unet')
    x = unet(x, train=train)[..., 0]  # [B, T, 6]
    return nn.Dense(
      POSE_SIZE, dtype=self.dtype, kernel_init=_MOTION_INIT, name='motion'
    )(x)


class PoseVAE(nn.Module):
  """Encoder and decoder of head motion, with a frozen audio encoder.

  The audio encoder is the published one of Wav2Lip: always in evaluation mode,
  and no gradient reaches it.
  """

  num_frames: int = NUM_FRAMES  # frames of a clip, a multiple of 8
  num_styles: int = conventions.NUM_STYLES
  latent_size: int = LATENT_SIZE
  audio_size: int = 6  # numbers per frame that the sound is reduced to
  hidden_size: int = 128  # width of the layer between conditions and latent
  widths: Sequence[int] = resunet.WIDTHS  # channels of both U-nets
  audio_blocks: Sequence[audio_encoder.Block] = audio_encoder.BLOCKS
  # Whether the log variance is the mean: a mistake of the published program
  # (quirk Q1), with which released weights were trained. False for new weights.
  tie_mu_logvar: bool = True
  # False: zeros replace the condition (Table 4 of the paper).
  sees_reference: bool = True
  sees_style: bool = True
  hears: bool = True
  dtype: Dtype | None = None  # type of the computation

  def setup(self) -> None:
    """Creates the parts."""
    self.audio_encoder = audio_encoder.AudioEncoder(
      self.audio_blocks, dtype=self.dtype
    )
    sizes: dict[str, Any] = {
      'num_styles': self.num_styles,
      'latent_size': self.latent_size,
      'audio_size': self.audio_size,
      'hidden_size': self.hidden_size,
      'widths': self.widths,
      'dtype': self.dtype,
    }
    self.encoder = PoseEncoder(**sizes, tie_mu_logvar=self.tie_mu_logvar)
    self.decoder = PoseDecoder(**sizes)

  def __call__(
    self,
    motion: jax.Array,
    reference: jax.Array,
    style: jax.Array,
    mel: jax.Array,
    noise: jax.Array,
    *,
    train: bool,
  ) -> Reconstruction:
    """Encodes motion to a latent and decodes it, as in training.

    Args:
      motion: [B, T, 6] poses minus `reference`.
      reference: [B, 6] pose before the first frame.
      style: [B] integers below `num_styles`.
      mel: [B, T, 80, 16, 1] log-mel windows of the frames.
      noise: [B, Z] from the standard normal distribution; the latent is
        mean + exp(log_variance / 2) noise.
      train: whether batch norm uses the batch.

    Returns:
      The decoded motion and the posterior.
    """
    sound = self.encode_audio(mel)
    mean, log_variance = self.encode(
      motion, reference, style, sound, train=train
    )
    latent = mean + jnp.exp(log_variance / 2) * noise.astype(mean.dtype)
    decoded = self.decode(latent, reference, style, sound, train=train)
    return Reconstruction(decoded, mean, log_variance, latent)

  def encode_audio(self, mel: jax.Array) -> jax.Array:
    """Embeddings [B, T, 512] of log-mel windows [B, T, 80, 16, 1]."""
    batch, length = mel.shape[:2]
    flat = mel.reshape(batch * length, *mel.shape[2:])
    if not self.hears:
      flat = jnp.zeros_like(flat)
    sound = lax.stop_gradient(self.audio_encoder(flat, train=False))
    return sound.reshape(batch, length, -1)

  def encode(
    self,
    motion: jax.Array,
    reference: jax.Array,
    style: jax.Array,
    sound: jax.Array,
    *,
    train: bool,
  ) -> tuple[jax.Array, jax.Array]:
    """Mean and log variance of the latent, [B, Z] each.

    Arguments as in a call of the module; `sound` is the result of
    `encode_audio`, [B, T, 512].

    Raises:
      ValueError: there are not `num_frames` frames.
    """
    self._check_length(motion)
    told = self._told(reference, style)
    return self.encoder(motion, *told, sound, train=train)

  def decode(
    self,
    latent: jax.Array,
    reference: jax.Array,
    style: jax.Array,
    sound: jax.Array,
    *,
    train: bool,
  ) -> jax.Array:
    """Motion [B, T, 6] of a latent [B, Z].

    It is an affine map of 6 numbers in (0, 1), so its range is limited by the
    weights of the last layer (quirk Q32). Other arguments as in a call of the
    module; `sound` is the result of `encode_audio`, [B, T, 512].

    Raises:
      ValueError: there are not `num_frames` frames.
    """
    self._check_length(sound)
    told = self._told(reference, style)
    return self.decoder(latent, *told, sound, train=train)

  def _told(
    self, reference: jax.Array, style: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Reference and style, or zeros where they are not used."""
    return (
      reference if self.sees_reference else jnp.zeros_like(reference),
      style if self.sees_style else jnp.zeros_like(style),
    )

  def _check_length(self, sequence: jax.Array) -> None:
    if sequence.shape[1] != self.num_frames:
      raise ValueError(
        f'expected {self.num_frames} frames, found {sequence.shape[1]}'
      )
