"""Wav2Lip's expert: whether lips and sound are in sync (method 7.2).

Batches are `SyncWindows` of `input_pipeline`.
"""

from collections.abc import Mapping
import dataclasses

import jax
import jax.numpy as jnp

from sadtalker_jax.losses import sync
from sadtalker_jax.models.experts import syncnet
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PRNGKey


@dataclasses.dataclass(frozen=True, eq=False)
class SyncNetStage(stage_lib.Stage[config_lib.TrainConfig]):
  """The expert is trained; it has no keys of its own, and one loss."""

  def trained(self) -> Mapping[str, networks.Trained]:
    """The expert."""
    config = self.config
    network = networks.trained('syncnet', config.model, config.dtype)
    return {'syncnet': network}

  def objective(
    self,
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    """Cross-entropy of the two embeddings' cosine."""
    del key, step
    faces = batch['faces'].astype(jnp.float32) / 255
    sound, face = nets(
      'syncnet', batch['mel'][..., None], syncnet.face_input(faces)
    )
    terms = {
      'sync': sync.cross_entropy(sound, face, batch['label']),
      'agreement': sync.agreement(sound, face, batch['label']),
    }
    return stage_lib.Losses({'model': terms['sync']}, terms)

  def summaries(
    self, nets: networks.Bound, batch: stage_lib.Batch
  ) -> stage_lib.Pictures:
    """The five faces of the first example, RGB."""
    del nets
    faces = batch['faces'][0].astype(jnp.float32) / 255
    return {'faces': plots.side_by_side(list(faces[..., ::-1]))}
