"""Bundles made of given variables, as `cli.convert` and `cli.bundle` do it."""

from collections.abc import Mapping
import pathlib
from typing import Any

from sadtalker_jax.checkpoints import bundles, cards
from sadtalker_jax.typing import Variables


def bundle(
  folder: pathlib.Path,
  networks: Mapping[str, Variables],
  fields: Mapping[str, Mapping[str, Any]] | None = None,
  *,
  size: int | None = None,
  morphable: str | None = None,
) -> pathlib.Path:
  """Writes a bundle; returns its folder.

  Args:
    folder: to make.
    networks: variables by name.
    fields: of their modules, by name; none by default.
    size: pixels of the renderer's pictures.
    morphable: face model of the networks.
  """
  with bundles.writing(folder) as place:
    for name, variables in networks.items():
      bundles.add(place, name, variables)
    bundles.seal(
      place,
      size=size,
      networks={
        name: cards.NetworkEntry((fields or {}).get(name, {}), 1, ())
        for name in networks
      },
      sources=(),
      versions={},
      licence='',
      morphable=morphable,
    )
  return folder
