"""Reads the networks of a plan, and accounts for every name in every file.

One network is in memory at a time, and as a rule one file is open.
"""

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import re
from typing import Any

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles, cards
from sadtalker_jax.conversion import released, rules, sources, torch_files
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables

_NO_TENSOR = 'no tensor'
_MAX_LISTED = 8  # names that are listed


class _View(Mapping[str, np.ndarray]):
  """Tensors whose names start with a prefix, the prefix taken off."""

  def __init__(self, tensors: torch_files.Tensors, prefix: str):
    self.prefix = prefix
    self._tensors = tensors
    self._names = [k for k in tensors if k.startswith(prefix)]

  def __getitem__(self, name: str) -> np.ndarray:
    return self._tensors[self.prefix + name]

  def __iter__(self) -> Iterator[str]:
    return (name.removeprefix(self.prefix) for name in self._names)

  def __len__(self) -> int:
    return len(self._names)


@dataclasses.dataclass(frozen=True)
class Converted:
  """A network read from files."""

  name: str
  variables: Variables
  files: tuple[str, ...]


class WeightReading:
  """A conversion in progress: the cards of the files read, and all faults."""

  def __init__(self, plan: sources.ConversionPlan):
    self.faults: list[str] = []
    self.cards: list[cards.WeightOrigin] = []
    self._plan = plan

  def networks(self) -> Iterator[Converted]:
    """Every network that is complete; `faults` tells of the others."""
    waiting: dict[str, list[tuple[str, _View]]] = {}
    for source in self._plan.sources:
      try:
        tensors = torch_files.read(source.path)
      except errors.InputError as error:
        self.faults.append(str(error))
        continue
      views = self._views(source, tensors)
      self._account(source, tensors, views)
      for name, view in views.items():
        waiting.setdefault(name, []).append((source.path.name, view))
        if len(waiting[name]) < self._plan.pieces[name]:
          continue
        files, pieces = zip(*waiting.pop(name), strict=True)
        try:
          variables = rules.convert(
            _joined(pieces), released.TABLES[name], zoo.shapes(name), name
          )
        except errors.InputError as error:
          self.faults.append(f'{", ".join(files)}: {error}')
          continue
        yield Converted(name, variables, files)

  def _views(
    self, source: sources.WeightFile, tensors: torch_files.Tensors
  ) -> dict[str, _View]:
    """The tensors of every network of a file."""
    views = {}
    for part in source.parts:
      prefix = part.prefix(tensors)
      if prefix is not None:
        views[part.network] = _View(tensors, prefix)
      elif not part.optional:
        self.faults.append(
          f'{source.path}: expected the network {part.network} with names '
          f'that start with {" or ".join(part.prefixes)}, found none'
        )
    return views

  def _account(
    self,
    source: sources.WeightFile,
    tensors: torch_files.Tensors,
    views: Mapping[str, _View],
  ) -> None:
    """Records for every name of a file whether it is used, or why not."""
    reasons: dict[str, str] = dict.fromkeys(tensors.others, _NO_TENSOR)
    used: set[str] = set()
    for name, view in views.items():
      found = rules.ignored(view, released.TABLES[name])
      for key in view:
        if key in found:
          reasons.setdefault(view.prefix + key, found[key])
        else:
          used.add(view.prefix + key)
    left_out = _left_out(source, tensors)
    extra = []
    for key in tensors:
      if key in used or key in reasons:
        continue
      reason = left_out.get(key) or _match(key, source.file.ignored)
      if reason:
        reasons[key] = reason
      else:
        extra.append(key)
    if extra:
      more = len(extra) - _MAX_LISTED
      self.faults.append(
        f'{source.path}: {len(extra)} not expected: '
        + ', '.join(extra[:_MAX_LISTED])
        + (f' and {more} more' if more > 0 else '')
      )
    ignored: dict[str, list[str]] = {}
    for key, reason in reasons.items():
      if key not in used:
        ignored.setdefault(reason, []).append(key)
    file = bundles.file_card(source.path)
    self.cards.append(
      cards.WeightOrigin(
        source.path.name,
        file.bytes,
        file.sha256,
        source.file.size,
        len(tensors) + len(tensors.others),
        len(used),
        ignored,
        source.file.licence,
      )
    )


def _left_out(
  source: sources.WeightFile, tensors: torch_files.Tensors
) -> dict[str, str]:
  """Names of networks of a file that are not taken from it, with reasons."""
  reasons: dict[str, str] = {}
  for part in source.file.parts:
    prefix = part.prefix(tensors)
    if part not in source.parts and prefix:
      reason = f'of the network {part.network}, which was not asked for'
      reasons.update((key, reason) for key in tensors if key.startswith(prefix))
  return reasons


def _joined(views: Sequence[_View]) -> Mapping[str, np.ndarray]:
  """The pieces of a network as one state dict."""
  if len(views) == 1:
    return views[0]
  maps: list[Any] = list(views)
  return ChainMap(*maps)


def _match(key: str, rows: Sequence[rules.Ignored]) -> str:
  """The reason why a name is ignored; an empty text if it is not."""
  for row in rows:
    if re.fullmatch(row.pattern, key):
      return row.reason
  return ''
