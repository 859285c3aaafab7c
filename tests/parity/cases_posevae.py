"""Parity cases: PoseVAE, its discriminator, and what leads to the renderer."""

from collections.abc import Iterator

import jax
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.conversion.tables import sadtalker
from sadtalker_jax.inference import tracks
from sadtalker_jax.inference.motion.learned import chunks
from sadtalker_jax.models import zoo
from tests.parity import store

_PREFIX = 'audio2pose.'
_STYLE = 7  # of the sequence


def posevae() -> Iterator[store.Answer]:
  """Encoder, decoder, discriminator, and the whole procedure."""
  weights = store.variables('posevae', sadtalker.POSEVAE, 'sadtalker', _PREFIX)
  module = zoo.build('posevae')
  apply = jax.jit(module.apply, static_argnames=('train', 'method'))

  mel = store.golden('posevae/in/mel')[:, :, 0, ..., None]  # [2, 32, 80, 16, 1]
  sound = np.asarray(apply(weights, mel, method='encode_audio'))
  # As the original has it, clips and frames mixed up (quirk Q7).
  mixed = np.swapaxes(sound, 0, 1).reshape(sound.shape)
  yield store.Answer('posevae/out/audio_embedding', mixed)

  reference = store.golden('posevae/in/ref')
  style = store.golden('posevae/in/class').astype(np.int32)
  yield store.Answer(
    'posevae/out/decoder_motion',
    apply(
      weights,
      store.golden('posevae/in/z'),
      reference,
      style,
      mixed,
      train=False,
      method='decode',
    ),
  )
  moved = store.golden('posevae/in/motion_gt')
  mean, log_variance = apply(
    weights, moved, reference, style, mixed, train=False, method='encode'
  )
  yield store.Answer('posevae/out/encoder_mu', mean)
  yield store.Answer('posevae/out/encoder_logvar', log_variance)

  # Stored before smoothing, though the set's README says after it.
  poses = chunks.poses(
    module,
    weights,
    store.golden('posevae/in/sequence_mel')[0, :, 0],
    store.golden('posevae/in/sequence_ref')[0, 64:],
    _STYLE,
    store.golden('posevae/in/sequence_z'),
    release_chunks=True,
  )
  yield store.Answer('posevae/out/sequence_pose', poses[None])

  discriminator = store.variables(
    'pose_discriminator', sadtalker.POSE_DISCRIMINATOR, 'sadtalker', _PREFIX
  )
  yield store.Answer(
    'posevae/out/discriminator',
    zoo.build('pose_discriminator').apply(discriminator, moved, train=False),
  )


def window() -> Iterator[store.Answer]:
  """Coefficients around a frame; without weights."""
  rows = store.golden('window/in/coefficients')
  target = np.swapaxes(_windows(rows), 1, 2)
  yield store.Answer('window/out/target', target)
  yield store.Answer('window/out/source', _windows(rows[:1])[0].T)


def freeview() -> Iterator[store.Answer]:
  """Angles along a path; without weights."""
  for name in ('const', 'sweep', 'back'):
    corners = store.golden(f'freeview/{name}/in')
    key = f'freeview/{name}/out'
    path = tracks.free_view(tuple(corners.tolist()), len(store.golden(key)))
    yield store.Answer(key, path, tolerance=1e-6)


CASES: dict[str, store.Case] = {
  'posevae': posevae,
  'window': window,
  'freeview': freeview,
}


def _windows(rows: np.ndarray) -> np.ndarray:
  """The windows [T, 27, C] around all rows [T, C]."""
  return rows[conventions.window_places(np.arange(len(rows)), len(rows))]
