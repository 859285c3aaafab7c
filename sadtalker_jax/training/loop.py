"""The one training loop.

It knows stages only by their four functions, and data only as an endless
iterator with a place that can be kept. A second call on the same folder goes on
where the first one was; SIGTERM makes a checkpoint and ends the run in peace.
"""

from collections.abc import Mapping
import contextlib
import dataclasses
import pathlib
from typing import Any, Protocol

from absl import logging
import jax
import numpy as np

from sadtalker_jax.checkpoints import manager as manager_lib
from sadtalker_jax.training import guards, reporting, sharding, showing, start
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import Variables


class Data(Protocol):
  """An endless iterator over batches that lie on the mesh."""

  def __next__(self) -> dict[str, jax.Array]: ...

  def state(self) -> dict[str, Any]:
    """Where it is, as JSON."""

  def restore(self, state: dict[str, Any]) -> None:
    """Goes there."""

  @property
  def wait_share(self) -> float:
    """Share of the time since `reset_clock` that was spent waiting for it."""

  def reset_clock(self) -> None:
    """Starts to measure anew."""

  def close(self) -> None:
    """Stops its threads."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
  """How long a run is, and what it does on the way; all in steps."""

  steps: int
  batch_size: int
  seed: int
  log_every: int
  save_every: int
  eval_every: int  # 0: never
  eval_batches: int
  summarise_every: int  # 0: never
  keep_last: int
  keep_best: int
  best_metric: str  # of validation, the lowest is best
  clip_every: int = 0  # films; 0: never
  tensorboard: bool = False  # whether event files are written
  profile: tuple[int, int] | None = None  # first and last step of a trace


class NotFinite(RuntimeError):  # noqa: N818  (it ends a run, like StopIteration)
  """A loss was no number; the message names the term and the saved batch."""


@dataclasses.dataclass(frozen=True)
class Result:
  """What a run came to."""

  state: stage_lib.State
  step: int
  finished: bool  # False: it was asked to stop


def run(
  stage: stage_lib.Stage,
  plan: Plan,
  folder: pathlib.Path,
  data: Data,
  validation: Data | None,
  mesh: jax.sharding.Mesh,
  config: Mapping[str, Any],
  *,
  clips: Data | None = None,
  overrides: tuple[sharding.Override, ...] = (),
  warm: Mapping[str, Variables] | None = None,
) -> Result:
  """Trains a stage until `plan.steps`, from where `folder` stands.

  Args:
    stage: to train.
    plan: of the run.
    folder: of the run; one process group at a time.
    data: to learn from.
    validation: to measure on, the same batches each time.
    mesh: of the devices.
    config: of the run, JSON; kept in `config.json` and with the checkpoints.
    clips: to make films of, one at a time.
    overrides: of the default sharding.
    warm: variables to start from, by network, if there is no checkpoint yet.

  Raises:
    InputError: the folder is in use, or holds a run that does not fit.
    NotFinite: a loss was no number.
  """
  with contextlib.ExitStack() as stack:
    stack.enter_context(guards.claim(folder))
    writers: tuple[reporting.Writer, ...] = ()
    if not jax.process_index():  # only one process writes
      reporting.write_config(folder, config)
      writers = reporting.open_writers(folder, tensorboard=plan.tensorboard)
    for writer in writers:
      stack.callback(writer.close)
    stopped = stack.enter_context(guards.stop_signal())
    manager = manager_lib.Manager(
      folder / 'checkpoints',
      keep_last=plan.keep_last,
      keep_best=plan.keep_best,
      metric=plan.best_metric,
    )
    stack.callback(manager.close)
    for opened in (data, validation, clips):
      if opened is not None:
        stack.callback(opened.close)
    state, shardings, place = start.begin(
      stage, plan.seed, manager, mesh, overrides=overrides, warm=warm
    )
    if place is not None:
      data.restore(place)
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    steps = _Steps(
      plan,
      folder,
      data,
      validation,
      manager,
      writers,
      config,
      showing.Showing(stage, writers, clips, whole),
      train_step=jax.jit(
        stage.train_step, donate_argnums=0, out_shardings=(shardings, whole)
      ),
      eval_step=jax.jit(stage.eval_step, out_shardings=whole),
    )
    return steps.go(state, jax.device_put(dict(stage.frozen), whole), stopped)


@dataclasses.dataclass
class _Steps:
  """The parts of one run."""

  plan: Plan
  folder: pathlib.Path
  data: Data
  validation: Data | None
  manager: manager_lib.Manager
  writers: tuple[reporting.Writer, ...]
  config: Mapping[str, Any]
  show: showing.Showing
  _: dataclasses.KW_ONLY
  train_step: Any  # the stage's functions, compiled
  eval_step: Any
  measured: dict[str, float] | None = None  # by the last validation
  tracing: bool = False

  def go(self, state: Any, frozen: Any, stopped: dict[str, bool]) -> Result:
    """The steps."""
    plan = self.plan
    step = int(state.step)
    interval = reporting.Interval(plan.batch_size, plan.steps)
    self.data.reset_clock()
    before: tuple[Any, Any] | None = None  # batch and metrics of the last step
    while step < plan.steps and not guards.agreed(stopped):
      self._profile(step)
      batch = next(self.data)
      state, metrics = self.train_step(state, batch, frozen)
      step += 1
      interval.add(metrics)
      # One step late: while it is looked at, the next one runs.
      self._check(step - 1, before)
      before = (batch, metrics)
      if step % plan.log_every == 0 or step == plan.steps:
        self._report(step, interval)
      if self._due(step, plan.summarise_every):
        self.show.pictures(step, state, batch, frozen)
      if self._due(step, plan.clip_every):
        self.show.clip(step, state, frozen)
      if self.validation is not None and self._due(step, plan.eval_every):
        self._validate(step, state, frozen)
      if self._due(step, plan.save_every):
        self._check(step, before)
        self._save(step, state)
        before = None
    self._check(step, before)
    self._profile(None)
    self._save(step, state)
    self.manager.wait()
    return Result(state, step, step >= plan.steps)

  def _due(self, step: int, every: int) -> bool:
    return every > 0 and (step % every == 0 or step == self.plan.steps)

  def _report(self, step: int, interval: reporting.Interval) -> None:
    report = interval.report(step, self.data.wait_share)
    self.data.reset_clock()
    logging.info('%s', reporting.line(step, self.plan.steps, report))
    self._write(step, report)

  def _write(self, step: int, scalars: Mapping[str, float]) -> None:
    for writer in self.writers:
      writer.write_scalars(step, scalars)

  def _validate(self, step: int, state: Any, frozen: Any) -> None:
    assert self.validation is not None
    start = self.validation.state()
    found = [
      jax.device_get(self.eval_step(state, next(self.validation), frozen))
      for _ in range(self.plan.eval_batches)
    ]
    self.validation.restore(start)
    self.measured = {f'eval/{k}': v for k, v in reporting.mean(found).items()}
    logging.info(
      'step %d validation: %s',
      step,
      ' '.join(f'{k[5:]} {v:.4g}' for k, v in self.measured.items()),
    )
    self._write(step, self.measured)
    self.data.reset_clock()

  def _save(self, step: int, state: Any) -> None:
    self.manager.save(
      step, state, self.data.state(), self.config, self.measured
    )
    self.measured = None  # of this step, not of the next one that is saved

  def _check(self, step: int, before: tuple[Any, Any] | None) -> None:
    """Raises if the losses of a step are no numbers."""
    if before is None:
      return
    batch, metrics = before
    bad = reporting.not_finite(jax.device_get(metrics))
    if not bad:
      return
    path = self.folder / f'not_finite_{step:08d}_{jax.process_index()}.npz'
    rows: dict[str, Any] = {k: guards.local_rows(v) for k, v in batch.items()}
    np.savez(path, **rows)
    raise NotFinite(
      f'step {step}: expected finite numbers, found other ones in '
      f'{", ".join(bad)}; the batch is in {path}, the newest checkpoint is of '
      f'step {self.manager.latest}'
    )

  def _profile(self, step: int | None) -> None:
    """Starts and ends the trace before a step; None: there is no more step."""
    if self.plan.profile is None:
      return
    first, last = self.plan.profile
    if step is not None and step == first and not self.tracing:
      jax.profiler.start_trace(str(self.folder / 'profile'))
      self.tracing = True
    elif self.tracing and (step is None or step > last):
      jax.profiler.stop_trace()
      self.tracing = False
