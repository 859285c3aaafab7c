"""ExpNet and PoseVAE over clips of any length, at 25 frames per second.

Expressions are made frame by frame. Poses are made in chunks of 32 frames that
are independent of each other and all start near the portrait's (quirk Q8). Each
chunk has a latent of its own. Neighbours overlap by 8 frames and are
cross-faded; with `release_chunks` they are set end to end, as published
(method 4.7).

The networks take clips in pieces of one size, so that each function is compiled
once and the device holds a piece or two at a time. Products are float32 on
every device. Sound is windows [T, 80, 16] that can be indexed: an array, or
`sound_windows.SoundWindows`.
"""

from collections.abc import Iterable, Iterator
import functools
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.inference.motion.learned import sound_windows
from sadtalker_jax.models.sadtalker import expnet, posevae
from sadtalker_jax.typing import Array, Variables

Windows: TypeAlias = sound_windows.SoundWindows | np.ndarray

OVERLAP = 8  # frames that neighbouring chunks share
BATCH = 32  # frames whose expression is computed together

_STREAM = 0x5E7  # keeps the latents apart from other draws of a seed


def expressions(
  module: expnet.ExpNet,
  variables: Variables,
  windows: Windows,
  reference: np.ndarray,
  blink: np.ndarray,
) -> np.ndarray:
  """Expression of every frame (method 3.3).

  Args:
    module: ExpNet.
    variables: Variables of ExpNet, on the device.
    windows: [T, 80, 16] log-mel windows.
    reference: [T, 64] reference expression of each frame.
    blink: [T] 0 for open eyes, 1 for closed ones.

  Returns:
    [T, 64] float32.
  """

  def batches() -> Iterator[jax.Array]:
    for start in range(0, len(windows), BATCH):
      # The last batch is filled up with its last frame.
      index = np.minimum(start + np.arange(BATCH), len(windows) - 1)
      yield express(
        module, variables, windows[index], reference[index], blink[index]
      )

  return np.concatenate(list(_fetched(batches())))[: len(windows)]


def poses(
  module: posevae.PoseVAE,
  variables: Variables,
  windows: Windows,
  rest: np.ndarray,
  style: int,
  draws: np.ndarray,
  *,
  release_chunks: bool = False,
) -> np.ndarray:
  """Pose of every frame, not smoothed yet (method 4.7, 1 to 3).

  The last chunk is made from the sound of the last 32 frames, and its last
  poses
  fill the rest of the clip (quirk Q9). In clips with fewer frames the first
  window is repeated. The sound of frame 0 is not used (quirk Q31).

  Args:
    module: PoseVAE.
    variables: Variables of PoseVAE, on the device.
    windows: [T, 80, 16] log-mel windows.
    rest: [6] pose of the portrait, and of frame 0.
    style: Manner of the motion, 0 to 45.
    draws: [C, 64] latents, one per chunk, C of `num_chunks`.
    release_chunks: Whether chunks are set end to end instead of cross-faded.

  Returns:
    [T, 6] float32.

  Raises:
    ValueError: there is another number of latents.
  """
  frames = posevae.NUM_FRAMES
  overlap = 0 if release_chunks else OVERLAP
  count = num_chunks(len(windows), release_chunks=release_chunks)
  if len(draws) != count:
    raise ValueError(f'expected {count} latents, found {len(draws)}')
  starts = [chunk * (frames - overlap) for chunk in range(count)]
  inputs = [min(start, len(windows) - 1 - frames) for start in starts]

  def chunks() -> Iterator[jax.Array]:
    for first, latent in zip(inputs, draws, strict=True):
      index = 1 + np.maximum(first + np.arange(frames), 0)
      yield decode(
        module, variables, windows[index], latent, rest, np.int32(style)
      )

  motion = np.zeros((len(windows), posevae.POSE_SIZE), np.float32)
  ramp = np.arange(1, overlap + 1, dtype=np.float32) / (overlap + 1)
  fade = (0.5 - 0.5 * np.cos(np.float32(np.pi) * ramp))[:, None]
  for start, first, chunk in zip(
    starts, inputs, _fetched(chunks()), strict=True
  ):
    new = chunk[start - first :].copy()
    place = motion[1 + start : 1 + start + len(new)]
    if start:
      new[:overlap] = fade * new[:overlap] + (1 - fade) * place[:overlap]
    place[:] = new
  return rest + motion


def num_chunks(num_frames: int, *, release_chunks: bool = False) -> int:
  """Number C of chunks that make the poses of a clip.

  Args:
    num_frames: T, at least 1.
    release_chunks: As for `poses`.
  """
  moving = num_frames - 1  # frame 0 is the portrait's
  overlap = 0 if release_chunks else OVERLAP
  if moving <= posevae.NUM_FRAMES:
    return min(moving, 1)
  return -(-(moving - overlap) // (posevae.NUM_FRAMES - overlap))


def latents(seed: int, count: int) -> np.ndarray:
  """Normally distributed latents [C, 64] float32 of the chunks of a clip.

  Those of a clip with fewer chunks are the first ones of a longer clip.

  Args:
    seed: Random seed.
    count: C.
  """
  draws = [latent(seed, chunk) for chunk in range(count)]
  return np.stack(draws) if draws else np.empty((0, posevae.LATENT_SIZE))


def latent(seed: int, chunk: int) -> np.ndarray:
  """The latent [64] float32 of one chunk, see `latents`."""
  # By Box and Muller: the stream of `random` is stable between versions of
  # numpy, those of its distributions are not.
  rng = np.random.default_rng([_STREAM, seed, chunk])
  distance, turn = rng.random((2, posevae.LATENT_SIZE))
  draw = np.sqrt(-2 * np.log1p(-distance)) * np.cos(2 * np.pi * turn)
  return draw.astype(np.float32)


@functools.partial(jax.jit, static_argnums=0)
def express(
  module: expnet.ExpNet,
  variables: Variables,
  windows: Array,
  reference: Array,
  blink: Array,
) -> jax.Array:
  """Expression [B, 64] of windows [B, 80, 16]."""
  with jax.default_matmul_precision('highest'):
    expression = module.apply(
      variables, windows[..., None], reference, blink[:, None], train=False
    )
  return jnp.asarray(expression)


@functools.partial(jax.jit, static_argnums=0)
def decode(
  module: posevae.PoseVAE,
  variables: Variables,
  windows: Array,
  latent: Array,
  rest: Array,
  style: Array,
) -> jax.Array:
  """Motion [32, 6] of windows [32, 80, 16]."""
  with jax.default_matmul_precision('highest'):
    sound = module.apply(
      variables, windows[None, ..., None], method='encode_audio'
    )
    motion = module.apply(
      variables,
      latent[None],
      rest[None],
      style[None],
      sound,
      train=False,
      method='decode',
    )
  return jnp.asarray(motion)[0]


def _fetched(results: Iterable[jax.Array]) -> Iterator[np.ndarray]:
  """Results on the host; each is copied while the next one is computed."""
  before = None
  for result in results:
    if before is not None:
      yield np.asarray(before, np.float32)
    before = result
  if before is not None:
    yield np.asarray(before, np.float32)
