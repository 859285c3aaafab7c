"""A stage of four numbers and data that counts: loops without networks."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.training import schedule
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training import state as state_lib

SIZE = 4


@dataclasses.dataclass(frozen=True, eq=False)
class FourNumbers:
  """Learns to multiply by 3, by steps against noisy gradients.

  Attributes:
    explode_at: Step whose loss is no number; None: all are numbers.
  """

  explode_at: int | None = None
  name: ClassVar[str] = 'fake'

  @property
  def frozen(self) -> stage_lib.Frozen:
    return {'rate': jnp.ones(())}

  def init(self, key: jax.Array) -> stage_lib.State:
    weight = jax.random.normal(key, (SIZE,))
    groups = {'model': {'net': {'params': {'weight': weight}}}}
    return state_lib.create(key, groups, {'model': jnp.zeros(())}, ema=False)

  def train_step(self, state: Any, batch: Any, frozen: Any) -> Any:
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
    weight = state.params['model']['net']['weight']
    value, slope = jax.value_and_grad(_loss)(weight, batch)
    noise = 0.01 * jax.random.normal(key, weight.shape)
    moved = weight - (slope + noise) * frozen['rate']
    term = value
    if self.explode_at is not None:
      term = jnp.where(state.step == self.explode_at, jnp.nan, value)
    state = state_lib.TrainState(
      state.step + 1,
      state.key,
      {'model': {'net': {'weight': moved}}},
      {},
      state.opt_state,
      None,
    )
    return state, {'square': term, 'total/model': term}

  def eval_step(self, state: Any, batch: Any, frozen: Any) -> Any:
    del frozen
    return {'square': _loss(state.params['model']['net']['weight'], batch)}

  def summaries(self, state: Any, batch: Any, frozen: Any) -> Any:
    del state, frozen
    return {'ramp': jnp.tile(batch['x'][:1, :, None], (64, 16, 3))}

  def clip(self, state: Any, clip: Any, frozen: Any) -> Any:
    del state, frozen
    return clip['frames'][1:].astype(jnp.float32) / 255


def _loss(weight: jax.Array, batch: Any) -> jax.Array:
  return jnp.square(batch['x'] * weight - 3 * batch['x']).mean()


class Counted:
  """Batch k holds numbers that k decides."""

  def __init__(self, sharding: Any, batch_size: int = 8):
    self.at = 0
    self.handed = []
    self._sharding, self._batch_size = sharding, batch_size
    self.waited = 0.0

  def __next__(self) -> dict[str, jax.Array]:
    rng = np.random.default_rng(self.at)
    x = rng.random((self._batch_size, SIZE), np.float32)
    self.handed.append(self.at)
    self.at += 1
    return {'x': jax.device_put(x, self._sharding)}

  def state(self) -> dict[str, Any]:
    return {'next': self.at}

  def restore(self, state: dict[str, Any]) -> None:
    self.at = state['next']

  def reset_clock(self) -> None:
    pass

  def close(self) -> None:
    pass


def plan(**changes: Any) -> schedule.Schedule:
  """A short run that saves every second step."""
  fields = {
    'steps': 6,
    'batch_size': 8,
    'seed': 0,
    'log_every': 2,
    'save_every': 2,
    'eval_every': 2,
    'eval_batches': 2,
    'summarise_every': 6,
    'keep_last': 2,
    'keep_best': 1,
    'best_metric': 'eval/square',
  }
  return schedule.Schedule(**{**fields, **changes})
