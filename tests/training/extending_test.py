"""A stage of one's own, outside the package, as docs/extending.md tells."""

import dataclasses
from typing import Annotated

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import common
from input_pipeline import stages as examples_lib
from input_pipeline import synthetic, transforms
from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards
from sadtalker_jax.models import zoo
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import export_bundle, networks, runs, stages
from sadtalker_jax.training import stage as stage_lib
import train


# A network, and its entry in the zoo.
class Toy(nn.Module):
  features: int = 8

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    return nn.Dense(1)(nn.relu(nn.Dense(self.features)(x)))


# A stage: what is trained, and on what loss.
class ToyStage(stage_lib.Stage):
  def trained(self):
    return {'toy': networks.Trained('model', self.config.model)}

  def objective(self, nets, batch, key, step):
    gap = nets('toy', batch['x']) - batch['x'].sum(-1, keepdims=True)
    square = jnp.square(gap).mean()
    return stage_lib.Losses({'model': square}, {'square': square})


# Examples of it; for records they cut, too, see `transforms.Examples`.
@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyExamples:
  size: int = 4

  def entries(self):
    return {'x': transforms.Entry((self.size,))}


# A stage that has keys of its own.
@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightedLoss(config_lib.LossConfig):
  square: Annotated[config_lib.Weight, 'Squared distance.']


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightedConfig(config_lib.TrainConfig):
  offset: Annotated[float, 'What is added to the target.']
  loss: WeightedLoss


class WeightedStage(stage_lib.Stage[WeightedConfig]):
  def trained(self):
    return {'toy': networks.Trained('model', self.config.model)}

  def objective(self, nets, batch, key, step):
    gap = nets('toy', batch['x']) - self.config.offset
    terms = {'square': jnp.square(gap).mean()}
    total = stage_lib.weighted(terms, self.config.loss.by_term())
    return stage_lib.Losses({'model': total}, terms)


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
  monkeypatch.setitem(zoo.NETWORKS, 'toy', zoo.Network(Toy, [(1, 4)]))
  monkeypatch.setitem(stages.STAGES, 'toy', ToyStage)
  monkeypatch.setitem(stages.STAGES, 'weighted', WeightedStage)
  monkeypatch.setitem(examples_lib.EXAMPLES, 'toy', ToyExamples)


def config(stage='toy'):
  found = common.base()
  found.stage = stage
  found.steps, found.batch_size, found.log_every = 2, 8, 1
  found.optimizer.model = common.adam(1e-2)
  found.tensorboard = False
  return found


def open_data(given, purpose, sharding):
  """Data of one's own: anything with the methods of `training.data.Data`."""
  del purpose
  batches = synthetic.create(
    'toy', batch_size=given.batch_size, seed=given.seed, sharding=sharding
  )
  return runs.Opened(batches, num_examples=100, statistics=None)


@pytest.mark.parametrize('opener', [open_data, train.open_data])
def test_a_stage_outside_the_package_is_trained_and_exported(opener, tmp_path):
  result = runs.run(config(), tmp_path / 'run', opener)
  assert result.finished and result.step == 2
  rows = (tmp_path / 'run' / 'metrics.jsonl').read_text().splitlines()
  assert 'square' in rows[0] and 'eval/square' in rows[-1]
  export_bundle.bundle([tmp_path / 'run'], tmp_path / 'bundle')
  assert set(cards.read(tmp_path / 'bundle').networks) == {'toy'}
  stored = bundles.load(tmp_path / 'bundle', 'toy', zoo.shapes('toy'))
  jax.tree.map(
    np.testing.assert_array_equal,
    jax.device_get(result.state.variables('toy')),
    stored,
  )


def test_a_stage_has_keys_of_its_own(tmp_path):
  given = config('weighted')
  given.offset, given.loss.square = 3.0, 0.5
  result = runs.run(given, tmp_path / 'run', open_data)
  assert result.finished
  assert stages.read(given).offset == 3.0
  given.loss.squared = 1.0
  with pytest.raises(
    errors.InputError, match=r'^loss.squared: .*\(loss.square\)'
  ):
    runs.run(given, tmp_path / 'never', open_data)
  assert not (tmp_path / 'never').exists()
