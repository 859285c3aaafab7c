"""Options of animations as strangers give them: JSON values, or form texts."""

from collections.abc import Mapping
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.inference import option_specs, registry
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.media import encoding

# Of the machine, or of the service's owner: one batch size serves all jobs,
# every frame is marked, and there is one file to fetch.
_WITHHELD = {'batch_size', 'mark', 'face3dvis'}
_CODECS = tuple(
  name for name, kind in encoding.KINDS.items() if kind.suffix == '.mp4'
)
_FLAGS = {'true': True, '1': True, 'false': False, '0': False}


def offered() -> dict[str, option_specs.Spec]:
  """Options that are values; those that name files: `given_files`.

  Of codecs, those of mp4 files.
  """
  return {
    name: spec._replace(choices=_CODECS) if name == 'codec' else spec
    for name, spec in options_lib.by_name().items()
    if spec.kind not in option_specs.OF_FILES and name not in _WITHHELD
  }


def read(given: Mapping[str, Any]) -> dict[str, Any]:
  """Checked options by name.

  Args:
    given: Values by name; texts are read as the option's kind.

  Raises:
    InputError: there is no such option here, or a value is not possible.
  """
  known = offered()
  if unknown := [name for name in given if name not in known]:
    raise errors.InputError(
      f'options: expected names among {", ".join(known)}; '
      f'found {errors.shown(unknown[0])}'
    )
  values = {
    name: known[name].checked(value(known[name], found))
    for name, found in given.items()
  }
  registry.check(options_lib.changed(None, values))
  return values


def value(spec: option_specs.Spec, given: Any) -> Any:
  """A value of an option's kind, where a text is one; not checked."""
  if not isinstance(given, str):
    return given
  text = given.strip()
  if not text and spec.optional:
    return None
  if spec.kind in ('name', 'word'):
    return given
  if spec.kind == 'flag':
    return _FLAGS.get(text.lower(), given)
  try:
    if spec.kind == 'integer':
      return int(text)
    if spec.kind == 'number':
      return float(text)
    if spec.kind == 'graded':
      return tuple(text.split())
    return tuple(float(part) for part in text.replace(',', ' ').split())
  except ValueError:
    return given  # `checked` says what was expected
