"""The page's controls of options, made of the table of options.

Whatever the HTTP API offers has a control: first those that most want, then
the others in the table's order, then the files.
"""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any, NamedTuple

import gradio

from sadtalker_jax.app import texts
from sadtalker_jax.inference import option_specs, registry
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.serving import forms, given_files
from sadtalker_jax.serving import limits as limits_lib

FIRST = (
  'preprocess', 'size', 'still', 'blink', 'pose_style', 'expression_scale',
  'seed', 'face_index', 'emotion',
)  # fmt: skip
_VIDEOS = ['.mp4', '.mov', '.mkv', '.webm', '.avi']
_STEP = 0.05


class Given(NamedTuple):
  """What the controls say."""

  values: dict[str, Any]  # options by name, but for those that are as usual
  files: dict[str, pathlib.Path]  # by the names of `given_files`


def names() -> tuple[str, ...]:
  """Options that are values, in the order of their controls."""
  offered = forms.offered()
  return (*FIRST, *(name for name in offered if name not in FIRST))


def file_names() -> tuple[str, ...]:
  """What is given as a file beside picture and recording, in that order."""
  return ('video', *given_files.of_options(), given_files.SPEAKERS)


def build(limits: limits_lib.Limits) -> list[Any]:
  """All controls, in the folds they belong to; in the order of the names."""
  controls = []
  offered, rest = forms.offered(), names()[len(FIRST) :]
  with gradio.Accordion(texts.shown('options'), open=False):
    controls += [_control(offered[name], limits) for name in FIRST]
  with gradio.Accordion(texts.shown('more_options'), open=False):
    controls += [_control(offered[name], limits) for name in rest]
  with gradio.Accordion(texts.shown('more_files'), open=False):
    controls += [_file(name) for name in file_names()]
  return controls


def read(given: Sequence[Any]) -> Given:
  """What the controls say.

  Args:
    given: Values of `build`'s controls; files are paths.
  """
  count = len(names())
  values = dict(zip(names(), given[:count], strict=True))
  files = dict(zip(file_names(), given[count:], strict=True))
  offered = forms.offered()
  chosen = {
    name: _value(offered[name], value)
    for name, value in values.items()
    if value not in (None, '', offered[name].default)
  }
  voices = files.pop(given_files.SPEAKERS) or ()
  files |= {given_files.speaker(i): path for i, path in enumerate(voices)}
  return Given(
    chosen, {name: pathlib.Path(p) for name, p in files.items() if p}
  )


def _value(spec: option_specs.Spec, given: Any) -> Any:
  """A slider's whole number may have come as a float."""
  is_whole = isinstance(given, float) and given.is_integer()
  return int(given) if spec.kind == 'integer' and is_whole else given


def _control(spec: option_specs.Spec, limits: limits_lib.Limits) -> Any:
  """The control of an option."""
  named: Mapping[str, Any] = {
    'label': texts.label(spec.name),
    'info': texts.help(spec.name),
  }
  if spec.kind == 'flag':
    return gradio.Checkbox(spec.default, **named)
  if choices := _choices(spec, limits):
    default = '' if spec.default is None else spec.default
    return gradio.Dropdown(
      choices, value=default, allow_custom_value=spec.kind == 'graded', **named
    )
  is_number = spec.kind in ('integer', 'number')
  if spec.optional or not is_number:  # an empty number would be shown as 0
    hint = spec.range if is_number else spec.metavar
    return gradio.Textbox('', placeholder=hint, **named)
  ranged: dict[str, Any] = {'minimum': spec.least, 'maximum': spec.most}
  if spec.most <= 100:
    step = 1 if spec.kind == 'integer' else _STEP
    return gradio.Slider(value=spec.default, step=step, **ranged, **named)
  precision = 0 if spec.kind == 'integer' else None
  return gradio.Number(spec.default, precision=precision, **ranged, **named)


def _choices(
  spec: option_specs.Spec, limits: limits_lib.Limits
) -> list[tuple[str, Any]]:
  """What an option may be, as it is shown and as it is; none for many."""
  registered: dict[str, Sequence[str]] = {
    'motion': list(registry.MOTIONS),
    'renderer': list(registry.RENDERERS),
  }
  found: list[Any] = list(spec.choices)
  if spec.name == 'size':
    found = [side for side in (256, 512) if side <= limits.size]
  elif spec.name in registered:
    found = [options_lib.AUTO, *registered[spec.name]]
  empty = [('', '')] if found and spec.optional else []
  return empty + [(str(each), each) for each in found]


def _file(name: str) -> Any:
  """The control of a file, or of several."""
  is_speakers = name == given_files.SPEAKERS
  types = {
    'background_image': ['image'],
    'keyframes': ['.json'],
    given_files.SPEAKERS: ['audio'],
  }
  return gradio.File(
    label=texts.help(name),
    file_count='multiple' if is_speakers else 'single',
    file_types=types.get(name, _VIDEOS),
    type='filepath',
    height=160,
    allow_reordering=is_speakers,
    elem_id=name,
  )
