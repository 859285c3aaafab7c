"""The one training loop.

It knows stages only by their four functions, and data only as an endless
iterator with a place that can be kept. A second call on the same folder goes on
where the first one was; SIGTERM and Ctrl-C make a checkpoint and end the run.
"""

from collections.abc import Mapping, Sequence
import contextlib
import dataclasses
import pathlib
from typing import Any

from absl import logging
import jax

from sadtalker_jax.checkpoints import manager as manager_lib
from sadtalker_jax.training import (
  costs,
  guards,
  initial_state,
  measuring,
  profiling,
  reporting,
  sharding,
  skipping,
  summaries,
  trackers,
)
from sadtalker_jax.training import data as data_lib
from sadtalker_jax.training import schedule as schedule_lib
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training import writers as writers_lib
from sadtalker_jax.typing import Variables


@dataclasses.dataclass(frozen=True)
class RunResult:
  """What a run came to."""

  state: stage_lib.State
  step: int
  finished: bool  # False: it was asked to stop


def run(
  stage: stage_lib.StageFunctions,
  plan: schedule_lib.Schedule,
  folder: pathlib.Path,
  feeds: data_lib.Feeds,
  mesh: jax.sharding.Mesh,
  record: Mapping[str, Any],
  *,
  plain_step: Any = None,
  overrides: Sequence[sharding.Override] = (),
  warm: Mapping[str, Variables] | None = None,
) -> RunResult:
  """Trains a stage until `plan.steps`, from where `folder` stands.

  Args:
    stage: Stage to train.
    plan: schedule_lib.Schedule of the run.
    folder: Folder of the run; one process group at a time.
    feeds: Data of the run; they are closed at its end.
    mesh: Mesh of the devices.
    record: Config of the run, JSON; kept in `config.json` and with the
      checkpoints, and not looked at.
    plain_step: The stage's training step if nothing is computed again, for the
      costs; the stage's own by default.
    overrides: Changes of the default sharding.
    warm: Variables to start from, by network, if there is no checkpoint yet.

  Raises:
    InputError: The folder is in use, or holds a run that does not fit.
    NotFinite: A loss was no number.
  """
  with contextlib.ExitStack() as stack:
    stack.enter_context(guards.claim(folder))
    stop = stack.enter_context(guards.stop_signals())
    manager = manager_lib.Manager(
      folder / 'checkpoints',
      keep_last=plan.keep_last,
      keep_best=plan.keep_best,
      metric=plan.best_metric,
    )
    stack.callback(manager.close)
    stack.callback(feeds.close)
    state, shardings, place = initial_state.begin(
      stage, plan.seed, manager, mesh, overrides=overrides, warm=warm
    )
    if place is not None:
      data_lib.go_to(feeds.train, place, anew=plan.restart_data)
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    frozen = jax.device_put(dict(stage.frozen), whole)
    eval_step = jax.jit(stage.eval_step, out_shardings=whole)
    metric = plan.best_metric if plan.keep_best else ''
    measuring.require(metric, eval_step, feeds.validation, state, frozen)
    writers = trackers.open_writers(folder, plan, record, after=int(state.step))
    for writer in writers:
      stack.callback(writer.close)
    if plan.skip_non_finite:
      stage = skipping.wrapped(stage)
    steps = _Steps(
      plan,
      folder,
      feeds,
      manager,
      writers,
      record,
      guards.Watch(folder, plan.skip_non_finite),
      summaries.Showing(stage, writers, feeds.clips, whole),
      profiling.Trace(folder / 'profile', plan.profile),
      train_step=costs.jitted(stage, shardings, whole),
      eval_step=eval_step,
      plain_step=plain_step,
    )
    return steps.go(state, frozen, stop)


@dataclasses.dataclass
class _Steps:
  """The parts of one run."""

  plan: schedule_lib.Schedule
  folder: pathlib.Path
  feeds: data_lib.Feeds
  manager: manager_lib.Manager
  writers: tuple[writers_lib.MetricWriter, ...]
  record: Mapping[str, Any]
  watch: guards.Watch
  show: summaries.Showing
  trace: profiling.Trace
  _: dataclasses.KW_ONLY
  train_step: Any  # the stage's functions, compiled
  eval_step: Any
  plain_step: Any
  cost: costs.Costs | None = None  # of a training step, when it is compiled
  news: dict[str, float] = dataclasses.field(default_factory=dict)
  measured: dict[str, float] | None = None  # by the last validation

  def go(self, state: Any, frozen: Any, stop: guards.Stop) -> RunResult:
    """The steps."""
    plan, data = self.plan, self.feeds.train
    step = int(state.step)
    interval = reporting.Interval(plan.batch_size, plan.steps)
    data.reset_clock()
    before: tuple[Any, Any] | None = None  # batch and metrics of the last step
    if plan.eval_first and not step:
      with interval.phase('validation'):
        self._validate(step, state, frozen)
      self.measured = None
    while step < plan.steps and not stop.agreed(step):
      self.trace.before(step)
      try:
        batch = next(data)
      except Exception:
        if not stop.alone:
          raise
        break  # the signal has reached the workers, too
      if self.cost is None:
        with interval.phase('compile'):
          self._compile(state, batch, frozen)
      state, metrics = self.train_step(state, batch, frozen)
      step += 1
      interval.add(metrics)
      # One step late: while it is looked at, the next one runs.
      self._check(step - 1, before)
      before = (batch, metrics)
      if step % plan.log_every == 0 or step == plan.steps:
        self._report(step, interval)
      if self._due(step, plan.summarise_every):
        with interval.phase('pictures'):
          self.show.pictures(step, state, batch, frozen)
      if self._due(step, plan.clip_every):
        with interval.phase('films'):
          self.show.clip(step, state, frozen)
      if self._due(step, plan.eval_every):
        with interval.phase('validation'):
          self._validate(step, state, frozen)
      if self._due(step, plan.save_every):
        self._check(step, before)
        with interval.phase('checkpoints'):
          self._save(step, state)
        before = None
    self._check(step, before)
    self.trace.stop()
    self._save(step, state)
    self.manager.wait()
    return RunResult(state, step, step >= plan.steps)

  def _compile(self, state: Any, batch: Any, frozen: Any) -> None:
    """Compiles the step; what it costs goes into the first report."""
    self.train_step, self.cost = costs.compiled(
      self.train_step,
      state,
      batch,
      frozen,
      dtype=self.plan.dtype,
      plain=self.plain_step,
    )
    for line in self.cost.lines():
      logging.info('%s', line)
    self.news = self.cost.scalars()
    # Not before: a start that fails leaves the config of the run as it was.
    if self.writers:
      writers_lib.write_config(self.folder, self.record)

  def _due(self, step: int, every: int) -> bool:
    return every > 0 and (step % every == 0 or step == self.plan.steps)

  def _report(self, step: int, interval: reporting.Interval) -> None:
    report = interval.report(step, self.feeds.train.waited)
    self.feeds.train.reset_clock()
    assert self.cost is not None
    report |= self.cost.utilisation(report['steps_per_second']) | self.news
    self.news = {}
    logging.info('%s', reporting.line(step, self.plan.steps, report))
    self._write(step, report)

  def _write(self, step: int, scalars: Mapping[str, float]) -> None:
    for writer in self.writers:
      writer.write_scalars(step, scalars)

  def _validate(self, step: int, state: Any, frozen: Any) -> None:
    data = self.feeds.validation
    if data is None:
      return
    self.measured = measuring.measure(
      self.eval_step, data, self.plan.eval_batches, state, frozen
    )
    logging.info(
      'step %d validation: %s',
      step,
      ' '.join(f'{k[5:]} {v:.4g}' for k, v in self.measured.items()),
    )
    self._write(step, self.measured)

  def _save(self, step: int, state: Any) -> None:
    self.manager.save(
      step, state, self.feeds.train.state(), self.record, self.measured
    )
    self.measured = None  # of this step, not of the next one that is saved

  def _check(self, step: int, before: tuple[Any, Any] | None) -> None:
    """Raises if the losses of a step, or of too many, are no numbers."""
    if before is None:
      return
    if self.watch.skips(step, *before, self.manager.latest):
      self._write(step, {'skipped_steps': self.watch.skipped})
