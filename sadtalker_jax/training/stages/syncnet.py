"""Wav2Lip's expert: do these lips say this sound (reference 7.2).

Batches are `SyncWindows` of `input_pipeline`.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from sadtalker_jax.losses import sync
from sadtalker_jax.models.experts import syncnet
from sadtalker_jax.training import networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PRNGKey


def needs(config: Mapping[str, Any]) -> tuple[str, ...]:
  """No frozen network."""
  del config
  return ()


def recipe(
  config: Mapping[str, Any],
  frozen: Mapping[str, networks.Frozen],
  statistics: Mapping[str, Any],
) -> stage_lib.Recipe:
  """The recipe of the stage; `config` has `dtype` and `model`."""
  del frozen, statistics
  model = {**config['model'], 'dtype': jnp.dtype(config['dtype'])}

  def objective(
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
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
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> dict[str, jax.Array]:
    """The five faces of the first example, RGB."""
    del nets
    faces = batch['faces'][0].astype(jnp.float32) / 255
    return {'faces': plots.side_by_side(list(faces[..., ::-1]))}

  return stage_lib.Recipe(
    name='syncnet',
    trained={'syncnet': networks.Trained('model', model)},
    objective=objective,
    summaries=summaries,
  )
