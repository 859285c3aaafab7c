"""From the checkpoints of finished stages to a bundle that `infer.py` takes.

Runs are known by what they kept (`runs.record`), plain JSON: networks of a
stage outside the package are exported where that stage is not known.
"""

from collections.abc import Mapping, Sequence
import contextlib
import dataclasses
import importlib.metadata
import json
import math
import pathlib
from typing import Any, Literal

from absl import logging
import jax
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards, keeping
from sadtalker_jax.checkpoints import manager as manager_lib
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables

_LICENCE = (
  'Trained by whoever made this bundle; the terms of its training data apply.'
)
_PACKAGES = ('jax', 'flax', 'numpy', 'orbax-checkpoint')
_RENDERERS = ('generator', 'generator_plain')


# A step, the newest one (None), or the best by `best_metric`.
Which = int | Literal['best'] | None


@dataclasses.dataclass
class _Collected:
  """What goes into a bundle, gathered from one source after the other."""

  networks: dict[str, cards.NetworkEntry] = dataclasses.field(
    default_factory=dict
  )
  variables: dict[str, Variables] = dataclasses.field(default_factory=dict)
  models: dict[str, str] = dataclasses.field(default_factory=dict)  # of faces
  size: int | None = None  # of pictures

  def add(
    self,
    name: str,
    fields: Mapping[str, Any],
    variables: Variables,
    source: pathlib.Path,
  ) -> None:
    """Takes a network, in place of an earlier one of the name."""
    count = sum(x.size for x in jax.tree.leaves(variables['params']))
    self.networks[name] = cards.NetworkEntry(fields, count, (str(source),))
    self.variables[name] = variables

  def add_bundle(self, folder: pathlib.Path) -> None:
    """Takes all networks of a bundle."""
    card = cards.read(folder)
    bundles.verify(folder, card)
    self.size = card.size
    for name, network in card.networks.items():
      shapes = zoo.shapes(name, **network.config)
      loaded = bundles.load(folder, name, shapes)
      self.add(name, network.config, loaded, folder)
      if card.morphable is not None and name in cards.SPEAK_OF_FACES:
        self.models[name] = card.morphable

  def add_run(self, folder: pathlib.Path, step: Which) -> None:
    """Takes what a run has trained."""
    config, networks = trained(folder, step)
    for name, (fields, variables) in networks.items():
      self.add(name, fields, variables, folder)
      if name in cards.SPEAK_OF_FACES:
        self.models[name] = config['morphable']['kind']
    if set(networks) & set(_RENDERERS):
      self.size = config['size']

  def keep(self, names: Sequence[str]) -> None:
    """Lets go of all other networks.

    Raises:
      InputError: One of them is not there.
    """
    if missing := sorted(set(names) - self.networks.keys()):
      raise errors.InputError(
        f'networks: expected some out of {", ".join(sorted(self.networks))}, '
        f'found {", ".join(missing)}'
      )
    self.networks = {name: self.networks[name] for name in names}
    self.variables = {name: self.variables[name] for name in names}
    self.models = {n: m for n, m in self.models.items() if n in names}


def bundle(
  runs: Sequence[pathlib.Path | tuple[pathlib.Path, Which]],
  output: pathlib.Path,
  *,
  base: pathlib.Path | None = None,
  step: Which = None,
  half: bool = False,
  names: Sequence[str] = (),
  licence: str | None = None,
) -> cards.Card:
  """Makes a bundle of what stages have trained.

  Args:
    runs: Folders of `train.py`, or pairs of one and the step of its checkpoint;
      of networks that several have, the last wins.
    output: Folder to make; it appears when everything is in it.
    base: A bundle whose other networks are taken over.
    step: Step of the checkpoints of runs that have none; the newest by default.
    names: Networks that are kept of those; none: all of them.
    licence: Note on the terms, for the card; None for the usual one.
    half: Whether parameters are stored as float16, which halves the bundle.

  Returns:
    Its card.

  Raises:
    InputError: A folder has no such checkpoint, networks belong to different
      face models, the output exists, a network of `names` is not among them, or
      a number is too large for float16.
  """
  found = _Collected()
  if base is not None:
    found.add_bundle(base)
  for run in runs:
    found.add_run(*(run if isinstance(run, tuple) else (run, step)))
  if names:
    found.keep(names)
  models = found.models
  if len(set(models.values())) > 1:
    raise errors.InputError(
      'expected networks of one face model (morphable.kind), found '
      + ', '.join(f'{n} of {model}' for n, model in sorted(models.items()))
    )
  with bundles.writing(output) as folder:
    for name, variables in sorted(found.variables.items()):
      bundles.add(folder, name, _halved(name, variables) if half else variables)
    return bundles.seal(
      folder,
      size=found.size,
      networks=dict(sorted(found.networks.items())),
      sources=(),
      versions={p: importlib.metadata.version(p) for p in _PACKAGES},
      licence=licence or _LICENCE,
      morphable=next(iter(models.values()), None),
    )


def _halved(name: str, variables: Variables) -> Variables:
  """A network with parameters as float16; statistics of norms stay float32.

  Those are few, and a variance is easily larger than float16 holds.

  Raises:
    InputError: A parameter is larger than those of float16.
  """
  most = float(np.finfo(np.float16).max)
  params = jax.tree.leaves(variables['params'])
  largest = max(float(np.abs(x).max()) for x in params)
  if largest > most:
    raise errors.InputError(
      f'{name}: expected numbers of at most {most:.0f}, as float16 holds, '
      f'found {largest:g}'
    )
  halved = jax.tree.map(lambda x: x.astype(np.float16), variables['params'])
  return {**variables, 'params': halved}


def trained(
  run: pathlib.Path, step: Which = None
) -> tuple[dict[str, Any], dict[str, tuple[dict[str, Any], Variables]]]:
  """What a run has trained, from a checkpoint.

  Args:
    run: Folder of `train.py`.
    step: Step of the checkpoint; the newest by default, or 'best'.

  Returns:
    The config of the run; and of every network that a bundle takes, the fields
    of its module and its variables, the moving average if there is one.

  Raises:
    InputError: There is no such checkpoint.
  """
  folder = run / 'checkpoints'
  if not folder.is_dir():
    raise errors.InputError(
      f'{run}: expected the folder of a run, found no checkpoints in it'
    )
  manager = manager_lib.Manager(folder, keep_last=10**9, read_only=True)
  try:
    steps = manager.steps
    if step == 'best' and steps:
      step = _best(manager, run)
    step = manager.latest if step is None else step
    if step is None or step not in steps:
      raise errors.InputError(
        f'{run}: expected a checkpoint{"" if step is None else f" of {step}"}, '
        f'found {steps or "none"}'
      )
    config = manager.config(step)
    exported = config['exported']
    state = manager.read(step)
  finally:
    manager.close()
  groups = state['ema'] or state['params']
  networks = {}
  for group in groups.values():
    for name, params in group.items():
      if name in exported:
        variables = {'params': params, **(state['stats'] or {}).get(name, {})}
        networks[name] = (exported[name], jax.tree.map(np.asarray, variables))
  return config, networks


def _best(manager: manager_lib.Manager, run: pathlib.Path) -> int:
  """Step of the best checkpoint by its metric of those that are kept.

  Raises:
    InputError: No checkpoint has one.
  """
  metric = manager.config(manager.steps[-1]).get('best_metric', '')
  found = {
    step: value
    for step, value in _measured(run, metric).items()
    if step in manager.steps
  }
  if not found:
    raise errors.InputError(
      f'{run}: expected checkpoints with {metric or "a best_metric"}, found '
      'none (save_every must be a multiple of validation.every)'
    )
  step = min(found, key=lambda s: (found[s], s))
  logging.info('%s: step %d has the best %s', run, step, metric)
  return step


def _measured(run: pathlib.Path, metric: str) -> dict[int, float]:
  """A best metric by step, where it is a number; the lower the better."""
  path, found = run / 'metrics.jsonl', {}
  lines = path.read_text().splitlines() if path.exists() else []
  for line in lines:
    with contextlib.suppress(ValueError):  # a line that was cut short
      row = json.loads(line)
      value = keeping.figure(metric, row)
      if value is not None and math.isfinite(value):
        found[int(row['step'])] = value
  return found
