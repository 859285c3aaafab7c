"""What a stage is: to those who write one, and to the loop.

A stage is a subclass of `Stage`: which networks it trains, what they minimise,
what is measured and shown. `built_stage.build` makes of it what the loop knows,
four pure functions (`StageFunctions`). Frozen networks come as an argument
beside the state: an expert's variables are data of the program, no constants in
it, and no checkpoint needs them.
"""

import abc
from collections.abc import Callable, Mapping
import dataclasses
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp

from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import networks
from sadtalker_jax.training import state as state_lib
from sadtalker_jax.typing import PRNGKey

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]
Pictures = dict[str, jax.Array]
# {'networks': variables by name, 'data': arrays by name}
Frozen = Mapping[str, Any]
State = state_lib.TrainState
FilmMaker = Callable[[State, Batch, Frozen], jax.Array]
Config = TypeVar('Config', bound=config_lib.TrainConfig)


class Losses(NamedTuple):
  """What an objective makes of a batch."""

  totals: dict[str, jax.Array]  # what each group minimises, []
  terms: dict[str, jax.Array]  # named terms before their weights, and figures


class StageFunctions(Protocol):
  """What the loop knows of a stage: pure functions, and their last argument."""

  @property
  def name(self) -> str:
    """Name of the stage."""

  @property
  def frozen(self) -> Frozen:
    """What the functions get as their last argument."""

  @property
  def clip(self) -> FilmMaker | None:
    """(state, clip, frozen) to a film, or None where nothing moves.

    A film is [T, H, W, 3] in [0, 1], a clip one `TalkingClips` of
    `input_pipeline`.
    """

  def init(self, key: PRNGKey) -> State:
    """The state before the first step."""

  def train_step(
    self, state: State, batch: Batch, frozen: Frozen
  ) -> tuple[State, Metrics]:
    """The next state, and metrics of the batch."""

  def eval_step(self, state: State, batch: Batch, frozen: Frozen) -> Metrics:
    """Metrics of a batch that is not learned from."""

  def summaries(self, state: State, batch: Batch, frozen: Frozen) -> Pictures:
    """Pictures [H, W, 3] in [0, 1] of a batch, by name."""


@dataclasses.dataclass(frozen=True, eq=False)
class Stage(abc.ABC, Generic[Config]):
  """All that differs between stages.

  Methods are called while a step is traced; they apply networks by name with
  `nets`. The parameter is the type of the config:
  `class ToyStage(stage.Stage[ToyConfig])`.

  Attributes:
    config: Config of the run.
    frozen: Networks that are used and not trained, by name: those of `needs`.
    statistics: Figures of the training set, by name, as its manifest has them.
  """

  config: Config
  frozen: Mapping[str, networks.Frozen] = dataclasses.field(
    default_factory=dict
  )
  statistics: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  # A method (networks, clip) -> film where something moves, see
  # `StageFunctions.clip`.
  clip: ClassVar[Callable[..., jax.Array] | None] = None

  @property
  def shows_clips(self) -> bool:
    """Whether all is there that films of `clip` are made with."""
    return self.clip is not None

  @classmethod
  def needs(cls, config: Config) -> tuple[str, ...]:
    """Names of the frozen networks that the losses of a config use."""
    del config
    return ()

  @classmethod
  def measures_with(cls, config: Config) -> tuple[str, ...]:
    """Frozen networks that validation uses where the bundle has them."""
    del config
    return ()

  @abc.abstractmethod
  def trained(self) -> Mapping[str, networks.Trained]:
    """The networks that are trained, by name."""

  def data(self) -> Mapping[str, Any]:
    """Arrays that are no network's, such as a face model; `nets.data`."""
    return {}

  @abc.abstractmethod
  def objective(
    self, nets: networks.Bound, batch: Batch, key: PRNGKey, step: jax.Array
  ) -> Losses:
    """What is minimised.

    Args:
      nets: Networks, with their variables.
      batch: Arrays by name.
      key: Key of this step's random numbers.
      step: [] int32, steps taken so far.
    """

  def validate(
    self, nets: networks.Bound, batch: Batch, step: jax.Array
  ) -> Metrics:
    """What is measured where nothing is learned: terms and totals."""
    # One key for all of validation: figures of two steps can be compared.
    found = self.objective(nets, batch, jax.random.key(0), step)
    totals = {f'total/{group}': x for group, x in found.totals.items()}
    return {**found.terms, **totals}

  def summaries(self, nets: networks.Bound, batch: Batch) -> Pictures:
    """Pictures [H, W, 3] in [0, 1] of a batch, by name; none by default."""
    del nets, batch
    return {}


def weighted(
  terms: Mapping[str, jax.Array], weights: Mapping[str, Any]
) -> jax.Array:
  """The sum of terms times their weights, []."""
  return sum((weights[n] * terms[n] for n in terms), jnp.zeros(()))
