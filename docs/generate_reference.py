"""Writes docs/reference/options.md and config.md from what the code says.

    python docs/generate_reference.py

A test fails while the files are not what this writes.
"""

from collections.abc import Iterable, Mapping, Sequence
import importlib
import pathlib
import sys
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
  sys.path.insert(0, str(ROOT))

from sadtalker_jax.inference import options  # noqa: E402
from sadtalker_jax.training import config, stages  # noqa: E402

FOLDER = ROOT / 'docs' / 'reference'
_NOTE = (
  '<!-- Written by docs/generate_reference.py; changes here are lost. -->\n'
)
# Config file and variant of each stage.
_FILES = {
  'syncnet': ('syncnet', None),
  'wav2lip': ('syncnet', 'wav2lip'),
  'recon': ('recon', None),
  'expnet': ('expnet', None),
  'posevae': ('posevae', None),
  'renderer': ('renderer', None),
  'mapping': ('mapping', None),
  'lipnet': ('lipnet', None),
}
_KINDS = {
  'flag': 'true or false',
  'integer': 'whole number',
  'word': 'name',
  'paths': 'one or two paths',
  'angles': 'one or more numbers',
  'pair': 'two numbers',
  'graded': 'name and number',
  'box': 'four numbers',
  'speakers': 'numbers of faces, each with a recording',
}

_OPTIONS = """# Options

What can be chosen for one animation. The names are those of

- the flags of `sadtalker animate`, with two dashes in front;
- the fields of `sadtalker_jax.Options`, and the keyword arguments of an
  `Animator`;
- the keys of a line of a [manifest](../guides/batches.md), but for
  `batch_size`, which is one for all.

"""
_OPTIONS_END = """
`motion` and `renderer` also take names that a program
[registered](../extending.md). Flags of the command line that are no options
(files, bundle, manifest): `sadtalker animate --help`.
"""
_CONFIG = """# Config

Every key of a training config. Change one on the command line, `sadtalker train
--config configs/STAGE.py --config.KEY=VALUE`, or in a copy of the file. GROUP
is a group of networks with an optimiser of its own: `model` or `discriminator`.

An unknown key or a value of the wrong type ends with one line that names it.

## All stages

Defaults are those of `configs/common.py`; files of stages change some.

"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
  """A table in Markdown."""
  lines = [head, ['---'] * len(head), *rows]
  return ''.join(
    f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in row)} |\n'
    for row in lines
  )


def code(value: object) -> str:
  """A value as code; nothing for an empty text."""
  text = str(value)
  return f'`{text}`' if text else ''


def options_page() -> str:
  """The page of the options."""
  rows = []
  for spec in options.specs():
    accepted = ' '.join(map(code, spec.choices)) or spec.range
    kind = _KINDS.get(spec.kind, spec.kind)
    about = spec.help.replace('<', '&lt;')
    if spec.flag:  # its help is that of the flag
      about = f'{code(f"--{spec.flag}")}: {about}'
    value = f'{kind}: {accepted}' if accepted else kind
    rows.append([code(spec.name), value, code(spec.default), about])
  head = ('option', 'value', 'default', 'meaning')
  return _NOTE + _OPTIONS + table(head, rows) + _OPTIONS_END


def config_page() -> str:
  """The page of the config keys."""
  common = importlib.import_module('configs.common')
  parts = [_NOTE, _CONFIG, _keys(config.describe(_plain(common.base())))]
  for stage, (file, variant) in _FILES.items():
    given = importlib.import_module(f'configs.{file}').get_config(variant)
    rows = config.describe(_plain(given), stages.config_type(stages.get(stage)))
    name = f'configs/{file}.py' + (f':{variant}' if variant else '')
    parts.append(
      f'\n## {stage}\n\n`{name}`; keys that only this stage has.\n\n'
    )
    parts.append(_keys(rows))
  return ''.join(parts)


def _keys(rows: Iterable[config.Row]) -> str:
  return table(
    ('key', 'value', 'default', 'meaning'),
    ([code(r.key), r.type, code(r.default), r.description] for r in rows),
  )


def _plain(given: Any) -> Mapping[str, Any]:
  """A config as plain values; what is left open is None."""
  plain: dict[str, Any] = given.to_dict()
  return plain


def pages() -> dict[pathlib.Path, str]:
  """Content of every generated page by its path."""
  return {
    FOLDER / 'options.md': options_page(),
    FOLDER / 'config.md': config_page(),
  }


def main() -> None:
  """Writes the pages."""
  FOLDER.mkdir(exist_ok=True)
  for path, text in pages().items():
    path.write_text(text, encoding='utf-8')
    print(path.relative_to(ROOT))


if __name__ == '__main__':
  main()
