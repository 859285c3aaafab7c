"""Which files a bundle is made of: the plan of a conversion, by names alone.

No tensor is read here. All faults of a plan come in one error.
"""

import collections
from collections.abc import Mapping, Sequence
import dataclasses
import os
import pathlib

from sadtalker_jax import errors
from sadtalker_jax.conversion import released, rules

_Known = list[tuple[pathlib.Path, released.ReleasedFile]]
# Of what an unknown file holds beside the network that was asked for.
_REST = rules.Ignored(r'.*', 'not asked for')


@dataclasses.dataclass(frozen=True)
class WeightFile:
  """A file and the networks that are taken from it."""

  path: pathlib.Path
  file: released.ReleasedFile
  parts: tuple[released.ReleasedPart, ...]


@dataclasses.dataclass(frozen=True)
class ConversionPlan:
  """What a bundle is made of.

  Attributes:
    sources: the files.
    pieces: of every network, how many sources make it.
    size: pixels of the pictures that its renderer makes; None without one.
    unused: files of the folders that are not needed.
  """

  sources: tuple[WeightFile, ...]
  pieces: Mapping[str, int]
  size: int | None
  unused: tuple[pathlib.Path, ...]


def plan(
  inputs: Sequence[pathlib.Path],
  *,
  size: int | None = None,
  only: Sequence[str] = (),
  chosen: Mapping[str, pathlib.Path] | None = None,
) -> ConversionPlan:
  """What to read from which file.

  Args:
    inputs: files with released names, and folders to look for them in.
    size: of the renderer's pictures, 256 or 512; needed where there are both.
    only: networks to take; all there are if empty.
    chosen: network to file, for files with other names; goes before `inputs`.

  Raises:
    InputError: something is unknown, missing, there twice, or does not fit
      together; all faults are named.
  """
  chosen = chosen or {}
  faults: list[str] = []
  for name in [*only, *chosen]:
    if name not in released.TABLES:
      faults.append(
        f'network: expected some of {" ".join(released.TABLES)}, found {name!r}'
      )
  known, unused = _find(inputs, faults)
  known, other_size = _of_size(known, size, faults)
  sources = _take(known, only, chosen)
  faults += _doubles(sources)
  faults += _incomplete(sources, only, chosen)
  found_size = _common_size(sources, faults)
  if not sources and not faults:
    faults.append('input: expected released files, found none')
  if faults:
    raise errors.InputError('\n'.join(dict.fromkeys(faults)))
  used = {source.path for source in sources}
  unused += [path for path, _ in known if path not in used]
  return ConversionPlan(
    tuple(sources),
    collections.Counter(
      part.network for source in sources for part in source.parts
    ),
    found_size or (size if _needs_size(sources) else None),
    tuple(unused + other_size),
  )


def _find(
  inputs: Sequence[pathlib.Path], faults: list[str]
) -> tuple[_Known, list[pathlib.Path]]:
  """Released files among the inputs, and what else the folders hold."""
  # By the real path, so that nothing is twice here; links keep their names.
  known: dict[pathlib.Path, tuple[pathlib.Path, released.ReleasedFile]] = {}
  unused = []
  for entry in inputs:
    if entry.is_dir():
      for path in _files(entry):
        file = released.find(path.name)
        if file is None:
          unused.append(path)
        else:
          known[path.resolve()] = path, file
      continue
    file = released.find(entry.name)
    if not entry.exists():
      faults.append(f'{entry}: expected a file or a folder, found nothing')
    elif file is None:
      names = ', '.join(file.name for file in released.FILES)
      faults.append(
        f'{entry}: expected a released name, one of {names}; name the network '
        'with --as NETWORK=FILE if it has another one'
      )
    else:
      known[entry.resolve()] = entry, file
  return list(known.values()), unused


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
  """Files below a folder in a stable order; hidden ones are left out."""
  found = []
  for root, folders, names in os.walk(folder):
    folders[:] = sorted(name for name in folders if not name.startswith('.'))
    names = sorted(name for name in names if not name.startswith('.'))
    found += [pathlib.Path(root, name) for name in names]
  return found


def _of_size(
  known: _Known, size: int | None, faults: list[str]
) -> tuple[_Known, list[pathlib.Path]]:
  """Files for pictures of one size, and files for another one."""
  sizes = sorted({file.size for _, file in known if file.size})
  if size is None:
    if len(sizes) > 1:
      paths = ', '.join(str(path) for path, file in known if file.size)
      faults.append(
        'size: expected --size '
        + ' or '.join(f'{found}' for found in sizes)
        + f', as there are files for both: {paths}'
      )
    return known, []
  if sizes and size not in sizes:
    faults.append(
      f'size: expected files for {size}, found only those for '
      + ' and '.join(f'{found}' for found in sizes)
    )
  return (
    [item for item in known if item[1].size in (None, size)],
    [path for path, file in known if file.size not in (None, size)],
  )


def _take(
  known: _Known,
  only: Sequence[str],
  chosen: Mapping[str, pathlib.Path],
) -> list[WeightFile]:
  """The networks that are wanted of every file; files without any are out."""
  sources = []
  for path, file in known:
    parts = tuple(
      part
      for part in file.parts
      if part.network not in chosen and (not only or part.network in only)
    )
    if parts:
      sources.append(WeightFile(path, file, parts))
  by_path: dict[pathlib.Path, list[released.ReleasedPart]] = {}
  for network, path in chosen.items():
    by_path.setdefault(path, []).append(released.whole(network))
  for path, chosen_parts in by_path.items():
    like = released.find(path.name)
    file = released.ReleasedFile(
      path.name,
      tuple(chosen_parts),
      like.licence if like else 'unknown',
      ignored=(_REST,),
      size=like.size if like else None,
    )
    sources.append(WeightFile(path, file, file.parts))
  return sources


def _doubles(sources: Sequence[WeightFile]) -> list[str]:
  """Faults: networks that two files hold."""
  places: dict[tuple[str, str], list[pathlib.Path]] = {}
  for source in sources:
    for part in source.parts:
      places.setdefault((part.network, part.piece), []).append(source.path)
  return [
    f'{network}: expected one source, found '
    + ' and '.join(str(path) for path in paths)
    for (network, _), paths in places.items()
    if len(paths) > 1
  ]


def _incomplete(
  sources: Sequence[WeightFile],
  only: Sequence[str],
  chosen: Mapping[str, pathlib.Path],
) -> list[str]:
  """Faults: networks without a source, or without all of theirs."""
  found: dict[str, set[str]] = {}
  for source in sources:
    for part in source.parts:
      found.setdefault(part.network, set()).add(part.piece)
  faults = []
  for network in only:
    if network not in found and network in released.TABLES:
      faults.append(f'{network}: expected a file that holds it, found none')
  for network, here in found.items():
    missing = released.pieces(network) - here
    if missing and network not in chosen:
      files = ', '.join(
        file.name
        for file in released.FILES
        for part in file.parts
        if part.network == network and part.piece in missing
      )
      faults.append(f'{network}: expected {files} too, found none')
  return faults


def _common_size(
  sources: Sequence[WeightFile], faults: list[str]
) -> int | None:
  """The size that networks of the renderer are for."""
  sizes: dict[int, str] = {}
  for source in sources:
    names = [p.network for p in source.parts if p.network in released.SIZED]
    if source.file.size and names:
      sizes[source.file.size] = f'{", ".join(names)} of {source.path.name}'
  if len(sizes) > 1:
    faults.append(
      'size: expected networks that belong together, found '
      + ' with '.join(f'{what} ({size})' for size, what in sizes.items())
    )
  return next(iter(sizes), None)


def _needs_size(sources: Sequence[WeightFile]) -> bool:
  names = {part.network for source in sources for part in source.parts}
  return not names.isdisjoint({'generator', 'generator_plain'})
