"""From the checkpoints of finished stages to a bundle that `infer.py` takes."""

from collections.abc import Mapping, Sequence
import importlib.metadata
import pathlib
from typing import Any

import jax
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards
from sadtalker_jax.checkpoints import manager as manager_lib
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables

_LICENCE = (
  'Trained by whoever made this bundle; the terms of its training data apply.'
)
_PACKAGES = ('jax', 'flax', 'numpy', 'orbax-checkpoint')
_RENDERERS = ('generator', 'generator_plain')


def bundle(
  runs: Sequence[pathlib.Path],
  output: pathlib.Path,
  *,
  base: pathlib.Path | None = None,
  step: int | None = None,
) -> cards.Card:
  """Makes a bundle of what stages have trained.

  Args:
    runs: folders of `train.py`; of networks that several have, the last wins.
    output: folder to make; it appears when everything is in it.
    base: a bundle whose other networks are taken over.
    step: of the checkpoints; the newest by default.

  Returns:
    Its card.

  Raises:
    InputError: a folder has no such checkpoint, networks belong to different
      face models, or the output exists.
  """
  found: dict[str, tuple[Mapping[str, Any], Variables, str]] = {}
  models: dict[str, str] = {}  # face models by network
  size = None
  if base is not None:
    card = cards.read(base)
    bundles.verify(base, card)
    size = card.size
    for name, network in card.networks.items():
      shapes = zoo.shapes(name, **network.config)
      loaded = bundles.load(base, name, shapes)
      found[name] = (network.config, loaded, str(base))
      if card.morphable is not None and name in cards.SPEAK_OF_FACES:
        models[name] = card.morphable
  for run in runs:
    config, networks = trained(run, step)
    found |= {n: (*network, str(run)) for n, network in networks.items()}
    for name in cards.SPEAK_OF_FACES & networks.keys():
      models[name] = config['morphable']['kind']
    if set(networks) & set(_RENDERERS):
      size = config['size']
  if len(set(models.values())) > 1:
    raise errors.InputError(
      'expected networks of one face model (morphable.kind), found '
      + ', '.join(f'{n} of {model}' for n, model in sorted(models.items()))
    )
  with bundles.writing(output) as folder:
    described = {}
    for name, (fields, variables, source) in sorted(found.items()):
      bundles.add(folder, name, variables)
      described[name] = cards.NetworkEntry(
        fields,
        sum(x.size for x in jax.tree.leaves(variables['params'])),
        (source,),
      )
    return bundles.seal(
      folder,
      size=size,
      networks=described,
      sources=(),
      versions={p: importlib.metadata.version(p) for p in _PACKAGES},
      licence=_LICENCE,
      morphable=next(iter(models.values()), None),
    )


def trained(
  run: pathlib.Path, step: int | None = None
) -> tuple[dict[str, Any], dict[str, tuple[dict[str, Any], Variables]]]:
  """What a run has trained, from a checkpoint.

  Args:
    run: folder of `train.py`.
    step: of the checkpoint; the newest by default.

  Returns:
    The config of the run; and of every network that a bundle takes, the fields
    of its module and its variables, the moving average if there is one.

  Raises:
    InputError: there is no such checkpoint.
  """
  folder = run / 'checkpoints'
  if not folder.is_dir():
    raise errors.InputError(
      f'{run}: expected the folder of a run, found no checkpoints in it'
    )
  manager = manager_lib.Manager(folder, keep_last=10**9, read_only=True)
  try:
    steps = manager.steps
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
