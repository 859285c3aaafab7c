"""What training measures of batches, as part of a compiled program.

Quick likenesses of the metrics of `evaluation`, from what a batch holds:
log-mel windows [B, T, 80, 16] instead of sound, coefficients instead of videos.
They choose checkpoints; they are no scores to be published.
"""

import jax
import jax.numpy as jnp

_UNITS = 25 / 12.5  # 25 decibel (`speaking.in_speech`) in units of log-mel
_MIDDLE = slice(6, 10)  # columns of a window that belong to its frame
_CHANNELS = ('pitch', 'yaw', 'roll', 'x', 'y', 'z')  # of a pose
_STEADY = 1e-4  # least standard deviation of a channel that is divided by
_SMOOTH, _NEAR = 5.0, 3.0  # frames: of speed, and of beats (method 9.6)
_REACH = 20  # frames to each side of the kernel that smooths, as of scipy


def in_speech(mel: jax.Array) -> jax.Array:
  """Frames [B, T] at most 25 decibel below the loud ones of the batch."""
  loud = _loudness(mel)
  return loud > jnp.percentile(loud, 95) - _UNITS


def lip_likeness(
  made: jax.Array, real: jax.Array, spoken: jax.Array
) -> dict[str, jax.Array]:
  """How like real ones gaps of lips are.

  Args:
    made: Gaps [B, T].
    real: The same shape.
    spoken: Whether there is speech [B, T].

  Returns:
    `lip_correlation`: Pearson's r in speech, of what a clip deviates from its
    mean; 0 where nothing moves. `lip_jitter`: the mean change of speed from
    frame to frame, as a share of that of real ones, of 3 frames or more.
  """
  share = spoken.astype(jnp.float32)
  count = jnp.maximum(share.sum(1, keepdims=True), 1)
  a, b = (
    (x - (x * share).sum(1, keepdims=True) / count) * share
    for x in (made, real)
  )
  scale = jnp.sqrt(jnp.square(a).sum() * jnp.square(b).sum())
  proper = scale > 0
  correlation = (a * b).sum() / jnp.where(proper, scale, 1)
  found = {'lip_correlation': jnp.where(proper, correlation, 0.0)}
  if made.shape[1] > 2:
    jitter, wanted = (
      jnp.abs(jnp.diff(x, 2, axis=1)).mean() for x in (made, real)
    )
    found['lip_jitter'] = jitter / jnp.maximum(wanted, 1e-6)
  return found


def head_likeness(
  mel: jax.Array, made: jax.Array, real: jax.Array
) -> dict[str, jax.Array]:
  """How like real motion of heads some other is.

  Args:
    mel: Windows [B, T, 80, 16].
    made: Motion [B, T, 6].
    real: The same shape.

  Returns:
    `spread/CHANNEL`: standard deviation as a share of the real one;
    `beat_align` and that of real motion; `motion`: what both are off, the mean
    logarithm of the shares and the difference of Beat Align.
  """
  spread = made.std((0, 1)) / jnp.maximum(real.std((0, 1)), _STEADY)
  beats, wanted = (beat_align(mel, x[..., :3]) for x in (made, real))
  off = jnp.abs(jnp.log(jnp.maximum(spread, _STEADY))).mean()
  return {
    **{f'spread/{name}': spread[i] for i, name in enumerate(_CHANNELS)},
    'beat_align': beats,
    'beat_align_of_real': wanted,
    'motion': off + jnp.abs(beats - wanted),
  }


def beat_align(mel: jax.Array, angles: jax.Array) -> jax.Array:
  """How near beats of the head are to onsets of the sound, [].

  As method 9.6, with peaks of the rise of the log-mel for beats of the sound.

  Args:
    mel: Windows [B, T, 80, 16].
    angles: Head angles [B, T, 3], any unit.
  """
  bands = mel[..., _MIDDLE].mean(-1)  # [B, T, 80]
  rise = jnp.maximum(jnp.diff(bands, axis=1), 0).mean(-1)  # at frames 1 ...
  strong = rise > rise.mean(1, keepdims=True)
  onset = _peaks(rise) & strong[:, 1:-1]  # at frames 2 ...
  speed = jnp.linalg.norm(jnp.diff(angles, axis=1), axis=-1)
  beat = _peaks(-_smoothed(speed))
  frames = jnp.arange(onset.shape[1])
  gap = jnp.abs(frames[:, None] - frames[None]).astype(jnp.float32)
  near = jnp.exp(-jnp.square(gap) / (2 * _NEAR**2))  # [onset, beat]
  best = jnp.where(beat[:, None], near, 0.0).max(-1)  # [B, onset]
  count = jnp.maximum(onset.sum().astype(jnp.float32), 1)
  return jnp.where(onset, best, 0.0).sum() / count


def _loudness(mel: jax.Array) -> jax.Array:
  return mel[..., _MIDDLE].mean((-1, -2))


def _peaks(x: jax.Array) -> jax.Array:
  """Strict local maxima of [B, T], at all places but the ends: [B, T - 2]."""
  return (x[:, 1:-1] > x[:, :-2]) & (x[:, 1:-1] > x[:, 2:])


def _smoothed(x: jax.Array) -> jax.Array:
  """[B, T] after a Gaussian, mirrored at the ends."""
  places = jnp.arange(-_REACH, _REACH + 1, dtype=jnp.float32)
  taps = jnp.exp(-0.5 * jnp.square(places / _SMOOTH))
  padded = jnp.pad(x, ((0, 0), (_REACH, _REACH)), mode='symmetric')
  return jax.vmap(lambda row: jnp.convolve(row, taps / taps.sum(), 'valid'))(
    padded
  )
