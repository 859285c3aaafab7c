"""Flags of the command line, made of the fields of `Options`."""

import argparse
from collections.abc import Mapping
from typing import Any

from sadtalker_jax.cli import range_flags
from sadtalker_jax.inference import option_specs
from sadtalker_jax.inference import options as options_lib

_TYPES: Mapping[option_specs.Kind, Any] = {
  'integer': range_flags.whole(-range_flags.MOST, 2**63),
  'number': range_flags.real(),
  'angles': range_flags.real(),
  'pair': range_flags.real(),
  'box': range_flags.real(),
}


def add(parser: argparse._ActionsContainer) -> None:
  """Adds one flag for every option."""
  for spec in options_lib.specs():
    parser.add_argument(
      f'--{flag(spec)}', dest=spec.name, help=spec.help, **_form(spec)
    )


def flag(spec: option_specs.Spec) -> str:
  """The flag of an option, without its dashes."""
  return spec.flag or spec.name


def read(flags: argparse.Namespace) -> options_lib.Options:
  """The options that were chosen.

  Raises:
    InputError: a value is not possible; the message names it.
  """
  return options_lib.Options(
    **{spec.name: getattr(flags, spec.name) for spec in options_lib.specs()}
  )


def _form(spec: option_specs.Spec) -> dict[str, Any]:
  """Arguments of `add_argument` for the values of an option."""
  if spec.kind == 'flag':
    return {'action': 'store_false' if spec.default else 'store_true'}
  form: dict[str, Any] = {'default': spec.default}
  if spec.kind in _TYPES:
    form['type'] = _TYPES[spec.kind]
  if spec.choices and spec.kind != 'graded':
    form['choices'] = spec.choices
  names = tuple(spec.metavar.split())
  if spec.kind in ('angles', 'paths', 'graded'):
    form['nargs'] = '+'
    names = names[:1]
  elif spec.kind == 'speakers':
    form['action'] = 'append'
  elif len(names) > 1:
    form['nargs'] = len(names)
  if names:
    form['metavar'] = names if len(names) > 1 else names[0]
  return form
