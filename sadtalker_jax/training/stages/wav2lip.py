"""Wav2Lip's generator, the teacher of ExpNet (method 7.4).

Batches are `GeneratorWindows` of `input_pipeline`. The expert is frozen, and in
evaluation mode.
"""

from collections.abc import Mapping
import dataclasses
from typing import Annotated

import jax
import jax.numpy as jnp

from sadtalker_jax import errors
from sadtalker_jax.losses import gan, sync
from sadtalker_jax.models.experts import syncnet, wav2lip
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PRNGKey


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wav2LipLossConfig(config_lib.LossConfig):
  """Shares of the terms in a total of 1; the rest is that of the pictures."""

  sync: Annotated[
    config_lib.Weight, 'Share of the expert; 0: it is not needed.'
  ]
  gan: Annotated[config_lib.Weight, 'Share of the discriminator; 0: none.']
  sync_from_step: Annotated[
    int,
    'Step from which the expert counts. The original waits until its loss on '
    'validation is low enough: a second start with another step.',
  ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wav2LipConfig(config_lib.TrainConfig):
  """Config of Wav2Lip's generator."""

  loss: Wav2LipLossConfig


@dataclasses.dataclass(frozen=True, eq=False)
class Wav2LipStage(stage_lib.Stage[Wav2LipConfig]):
  """The generator is trained, against a discriminator if that has a share."""

  def __post_init__(self) -> None:
    """Checks the shares.

    Raises:
      InputError: They are more than 1.
    """
    loss = self.config.loss
    if loss.sync + loss.gan >= 1 or min(loss.sync, loss.gan) < 0:
      raise errors.InputError(
        'loss: expected shares sync and gan of less than 1 together, found '
        f'{loss.sync} and {loss.gan}'
      )

  @classmethod
  def needs(cls, config: Wav2LipConfig) -> tuple[str, ...]:
    """The expert, where its term has a share."""
    return ('syncnet',) if config.loss.sync else ()

  def trained(self) -> Mapping[str, networks.Trained]:
    """The generator, and a discriminator where it has a share."""
    config = self.config
    found = {'wav2lip': networks.trained('wav2lip', config.model, config.dtype)}
    if config.loss.gan:
      judge = 'wav2lip_discriminator'
      found[judge] = networks.trained(
        judge, {}, config.dtype, group='discriminator'
      )
    return found

  def objective(
    self,
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    """The terms of method 7.4."""
    del key
    loss = self.config.loss
    found, target = _drawn(nets, batch)
    terms = {'picture': jnp.abs(found - target).mean()}
    share = jnp.zeros(())
    total = jnp.zeros(())
    if loss.sync:
      sound, face = nets(
        'syncnet', batch['mel'][..., None], syncnet.face_input(found)
      )
      terms['sync'] = sync.cross_entropy(sound, face, jnp.ones(len(sound)))
      share = jnp.where(step >= loss.sync_from_step, loss.sync, 0.0)
      total = total + share * terms['sync']
    totals = {}
    if loss.gan:
      mouths = [
        wav2lip.lower_half(x).reshape(-1, 48, 96, 3) for x in (found, target)
      ]
      fake, real = (nets('wav2lip_discriminator', x) for x in mouths)
      terms['gan'] = gan.cross_entropy(fake, 1)
      terms['discriminator'] = gan.cross_entropy(real, 1) + gan.cross_entropy(
        fake, 0
      )
      total = total + loss.gan * terms['gan']
      totals['discriminator'] = terms['discriminator']
    rest = 1 - loss.gan - share
    totals['model'] = total + rest * terms['picture']
    return stage_lib.Losses(totals, terms)

  def summaries(
    self, nets: networks.Bound, batch: stage_lib.Batch
  ) -> stage_lib.Pictures:
    """Filmed faces of the first example above drawn ones, RGB."""
    found, target = _drawn(nets, batch)
    rows = [plots.side_by_side(list(x[0, ..., ::-1])) for x in (target, found)]
    return {'faces': jnp.concatenate(rows)}


def _drawn(
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
