"""LipNet: lips and classes of phones from the spectrum of speech.

Batches are `SpokenWindows` of `input_pipeline`.
"""

from collections.abc import Mapping
import dataclasses
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.losses import spoken_lips
from sadtalker_jax.ops import dominance
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PRNGKey

# Scales of the panels of a plot, a measure each.
_SHOWN = np.array([0.5, 0.3, 0.5, 0.3, 0.3], np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LipNetLossConfig(config_lib.LossConfig):
  """Weights of LipNet's losses."""

  lips: Annotated[config_lib.Weight, 'Squared distance of the measures.']
  velocity: Annotated[config_lib.Weight, 'The same of their changes.']
  classes: Annotated[config_lib.Weight, 'Cross-entropy of the phones.']


@dataclasses.dataclass(frozen=True, kw_only=True)
class LipNetConfig(config_lib.TrainConfig):
  """Config of LipNet."""

  loss: LipNetLossConfig


@dataclasses.dataclass(frozen=True, eq=False)
class LipNetStage(stage_lib.Stage[LipNetConfig]):
  """LipNet is trained; it needs no other network."""

  def trained(self) -> Mapping[str, networks.Trained]:
    """LipNet."""
    config = self.config
    return {'lipnet': networks.trained('lipnet', config.model, config.dtype)}

  def objective(
    self,
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    """Lips, how they move, and what is said."""
    del step
    lips, logits = nets('lipnet', batch['spectra'], rngs={'dropout': key})
    lips, logits = lips.astype(jnp.float32), logits.astype(jnp.float32)
    told = batch['lips'], batch['weight']
    entropy, right = spoken_lips.classes(
      logits, batch['classes'], batch['weight']
    )
    terms = {
      'lips': spoken_lips.position(lips, *told, dominance.SCALES),
      'velocity': spoken_lips.velocity(lips, *told, dominance.SCALES),
      'classes': entropy,
    }
    total = stage_lib.weighted(terms, self.config.loss.by_term())
    return stage_lib.Losses({'model': total}, {**terms, 'right': right})

  def summaries(
    self, nets: networks.Bound, batch: stage_lib.Batch
  ) -> stage_lib.Pictures:
    """Curves of the wanted and the heard lips of the first example."""
    lips, _ = nets('lipnet', batch['spectra'][:1])
    heard = lips[0].astype(jnp.float32)
    return {'lips': plots.curves(batch['lips'][0], heard, _SHOWN)}
