"""Wav2Lip's generator, the teacher of ExpNet (reference 7.4).

Batches are `GeneratorWindows` of `input_pipeline`. The expert is frozen, and in
evaluation mode.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from sadtalker_jax import errors
from sadtalker_jax.losses import gan, sync
from sadtalker_jax.models.experts import syncnet, wav2lip
from sadtalker_jax.training import networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PRNGKey


def needs(config: Mapping[str, Any]) -> tuple[str, ...]:
  """The expert, if its opinion counts."""
  return ('syncnet',) if config['loss']['sync'] else ()


def recipe(
  config: Mapping[str, Any],
  frozen: Mapping[str, networks.Frozen],
  statistics: Mapping[str, Any],
) -> stage_lib.Recipe:
  """The recipe of the stage.

  Args:
    config: `model`: fields of Wav2Lip; `dtype`; `loss`: shares `sync` and `gan`
      of a total of 1, the rest is that of the pictures; `sync_from_step`. The
      original waits until the expert is content with validation, which is a
      second start of ours with another step.
    frozen: the expert.
    statistics: not used.

  Raises:
    InputError: the shares are more than 1.
  """
  del statistics
  loss = config['loss']
  if loss['sync'] + loss['gan'] >= 1 or min(loss['sync'], loss['gan']) < 0:
    raise errors.InputError(
      'loss: expected shares sync and gan of less than 1 together, found '
      f'{loss["sync"]} and {loss["gan"]}'
    )
  model = {**config['model'], 'dtype': jnp.dtype(config['dtype'])}

  def drawn(
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> tuple[jax.Array, jax.Array]:
    """Faces as drawn and as filmed, [B, 5, 96, 96, 3] BGR in [0, 1]."""
    target = batch['target'].astype(jnp.float32) / 255
    other = batch['reference'].astype(jnp.float32) / 255
    flat = target.reshape(-1, *target.shape[2:])
    faces = wav2lip.face_input(flat, other.reshape(flat.shape))
    mels = batch['mels'].reshape(-1, *batch['mels'].shape[2:])
    found = nets('wav2lip', mels[..., None], faces).astype(jnp.float32)
    return found.reshape(target.shape), target

  def objective(
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    del key
    found, target = drawn(nets, batch)
    terms = {'picture': jnp.abs(found - target).mean()}
    share = jnp.zeros(())
    total = jnp.zeros(())
    if loss['sync']:
      sound, face = nets(
        'syncnet', batch['mel'][..., None], syncnet.face_input(found)
      )
      terms['sync'] = sync.cross_entropy(sound, face, jnp.ones(len(sound)))
      share = jnp.where(step >= loss['sync_from_step'], loss['sync'], 0.0)
      total = total + share * terms['sync']
    totals = {}
    if loss['gan']:
      mouths = [
        wav2lip.lower_half(x).reshape(-1, 48, 96, 3) for x in (found, target)
      ]
      fake, real = (nets('wav2lip_discriminator', x) for x in mouths)
      terms['gan'] = gan.cross_entropy(fake, 1)
      terms['discriminator'] = gan.cross_entropy(real, 1) + gan.cross_entropy(
        fake, 0
      )
      total = total + loss['gan'] * terms['gan']
      totals['discriminator'] = terms['discriminator']
    rest = 1 - loss['gan'] - share
    totals['model'] = total + rest * terms['picture']
    return stage_lib.Losses(totals, terms)

  def summaries(
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> dict[str, jax.Array]:
    """Filmed faces of the first example above drawn ones, RGB."""
    found, target = drawn(nets, batch)
    rows = [plots.side_by_side(list(x[0, ..., ::-1])) for x in (target, found)]
    return {'faces': jnp.concatenate(rows)}

  trained = {'wav2lip': networks.Trained('model', model)}
  if loss['gan']:
    trained['wav2lip_discriminator'] = networks.Trained(
      'discriminator', {'dtype': model['dtype']}
    )
  return stage_lib.Recipe(
    name='wav2lip',
    trained=trained,
    objective=objective,
    summaries=summaries,
    frozen=frozen,
  )
