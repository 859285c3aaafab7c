"""The documentation is true: links, commands, flags, generated pages."""

import argparse
from collections.abc import Iterator
import functools
import importlib
import importlib.util
import pathlib
import re
import shlex
import types

import pytest

from sadtalker_jax.cli import main

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = ROOT / 'docs'
PAGES = sorted(DOCS.rglob('*.md'))
OTHERS = [
  ROOT / 'README.md',
  ROOT / 'CHANGELOG.md',
  ROOT / 'SECURITY.md',
  ROOT / '.github' / 'CONTRIBUTING.md',
]
FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.S)
# Not `[a](b)` in code.
LINK = re.compile(r'\]\(([^)\s]+)\)')
# Programs that are not in `cli`.
FRONTS = {'animate': 'infer', 'train': 'train'}


def _named(path: pathlib.Path) -> str:
  return str(path.relative_to(ROOT))


def _blocks(path: pathlib.Path, kind: str) -> list[str]:
  """Fenced blocks of a kind."""
  return [b for k, b in FENCE.findall(path.read_text()) if k == kind]


def _prose(path: pathlib.Path) -> str:
  """A page without fenced blocks and code."""
  return re.sub(r'`[^`\n]*`', '', FENCE.sub('', path.read_text()))


@functools.cache
def _anchors(path: pathlib.Path) -> set[str]:
  """Anchors of a page's headings, as MkDocs and GitHub make them."""
  headings = re.findall(r'^#+ (.*)$', FENCE.sub('', path.read_text()), re.M)
  slugs = set()
  for heading in headings:
    kept = re.sub(r'[^\w\s-]', '', heading.lower()).strip()
    slugs.add(re.sub(r'[\s-]+', '-', kept))
  return slugs


@pytest.mark.parametrize('path', PAGES + OTHERS, ids=_named)
def test_internal_links_resolve(path):
  for link in LINK.findall(_prose(path)):
    if re.match(r'[a-z]+:', link):
      continue
    file, _, anchor = link.partition('#')
    target = (path.parent / file).resolve() if file else path
    assert target.exists(), f'{_named(path)}: {link}'
    if anchor:
      assert anchor in _anchors(target), f'{_named(path)}: {link}'


def test_every_page_is_in_the_navigation():
  nav = (ROOT / 'mkdocs.yml').read_text().partition('\nnav:')[2]
  listed = set(re.findall(r'[\w/]+\.md', nav))
  assert listed == {str(p.relative_to(DOCS)) for p in PAGES}


@pytest.mark.parametrize(
  'folder', ['sadtalker_jax', 'configs', 'input_pipeline', 'notebooks', '.']
)
def test_pages_that_sources_name_exist(folder):
  files = [
    file
    for kind in ('*.py', '*.ipynb')
    for file in (
      (ROOT / folder).glob(kind)
      if folder == '.'
      else (ROOT / folder).rglob(kind)
    )
  ]
  for file in files:
    for page in re.findall(r'\bdocs/[\w/]+\.md', file.read_text()):
      assert (ROOT / page).exists(), f'{_named(file)}: {page}'


def test_pages_name_files_that_exist():
  for path in PAGES:
    if 'results' in path.parts or path.name in ('method.md', 'quirks.md'):
      continue  # what was measured then; what others wrote
    for file in re.findall(r'`((?:\w+/)+\w+\.py)`', path.read_text()):
      if 'NAME' in file or 'STAGE' in file or 'FAMILY' in file:
        continue
      places = (ROOT / file, ROOT / 'sadtalker_jax' / file)
      inside = ROOT / 'sadtalker_jax' / 'inference' / file
      assert any(p.exists() for p in (*places, inside)), (
        f'{_named(path)}: {file}'
      )


def test_generated_pages_are_up_to_date():
  for path, text in _generator().pages().items():
    assert path.read_text() == text, (
      f'{_named(path)}: run python docs/generate_reference.py'
    )


def _generator() -> types.ModuleType:
  file = DOCS / 'generate_reference.py'
  spec = importlib.util.spec_from_file_location('generate_reference', file)
  assert spec is not None and spec.loader is not None
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def test_readme_is_short_and_has_the_two_commands_that_ci_runs():
  readme = ROOT / 'README.md'
  assert len(readme.read_text().splitlines()) < 150
  assert _blocks(readme, 'bash') == [
    'pip install -e . && python infer.py\n',
    "pip install -e '.[test]' && pytest -n 2\n",
  ]


def test_only_the_readme_has_bash_blocks():
  for path in PAGES:
    assert not _blocks(path, 'bash'), f'{_named(path)}: use sh'


@pytest.mark.parametrize('path', PAGES + OTHERS, ids=_named)
def test_python_blocks_are_valid(path):
  for block in _blocks(path, 'python'):
    compile(block, _named(path), 'exec')


# Commands: a program, its module, its flags.


class _Parsed(Exception):
  """Carries a parser out of the program that made it."""

  def __init__(self, parser: argparse.ArgumentParser):
    self.parser = parser


@functools.cache
def _flags(module: str) -> frozenset[str]:
  """Flags of a program with `main(argv)`, those of its subcommands too."""

  def leave(self, *unused_args, **unused_options):
    raise _Parsed(self)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(argparse.ArgumentParser, 'parse_args', leave)
    patch.setattr(argparse.ArgumentParser, 'parse_known_args', leave)
    with pytest.raises(_Parsed) as found:
      importlib.import_module(module).main([])
  flags: set[str] = set()
  parsers = [found.value.parser]
  while parsers:
    parser = parsers.pop()
    for action in parser._actions:
      flags |= set(action.option_strings)
      if isinstance(action, argparse._SubParsersAction):
        parsers += action.choices.values()
  return frozenset(flags)


def _train_flags() -> set[str]:
  """Flags of train.py, which are absl's."""
  files = [ROOT / 'train.py', ROOT / 'sadtalker_jax' / 'cli' / 'train.py']
  text = ''.join(file.read_text() for file in files if file.exists())
  return {f'--{n}' for n in re.findall(r"DEFINE_\w+\(\s*'(\w+)'", text)}


def _module(command: list[str]) -> tuple[str, list[str]] | None:
  """Module and arguments of a command of ours."""
  match command:
    case ['sadtalker', name, *rest]:
      module = f'sadtalker_jax.cli.{name.replace("-", "_")}'
      if importlib.util.find_spec(module) is None:
        assert name in FRONTS, f'sadtalker {name}: no such program'
        module = FRONTS[name]
      return ('train' if name == 'train' else module), rest
    case ['python', '-m', module, *rest] if module.startswith('sadtalker_jax'):
      return module, rest
    case ['python', 'infer.py' | 'train.py' as file, *rest]:
      return file.removesuffix('.py'), rest
  return None


def _commands(text: str) -> Iterator[list[str]]:
  """Commands of a block, words of each."""
  text = re.sub(r"<<'(\w+)'.*?^\1$", '', text, flags=re.M | re.S)
  for line in text.replace('\\\n', ' ').splitlines():
    for part in line.split('&&'):
      words = shlex.split(part, comments=True)
      while words and (re.match(r'[A-Z_]+=', words[0]) or words[0] == 'srun'):
        words = words[1:]
      if words:
        yield words


def _check_config(rest: list[str], where: str) -> None:
  """Files, variants and keys of a training command."""
  if '--config' not in rest:
    return
  name, _, variant = rest[rest.index('--config') + 1].partition(':')
  if not name.endswith('.py') or 'STAGE' in name:
    return
  assert (ROOT / name).exists(), f'{where}: {name}'
  module = importlib.import_module(name.removesuffix('.py').replace('/', '.'))
  config = module.get_config(variant or None)
  for word in rest:
    if word.startswith('--config.'):
      key = word.removeprefix('--config.').partition('=')[0]
      *groups, last = key.split('.')
      place = functools.reduce(lambda c, group: c[group], groups, config)
      assert last in place, f'{where}: {key} is no key of {name}'


@pytest.mark.parametrize('path', PAGES + OTHERS, ids=_named)
def test_commands_name_programs_and_flags_that_exist(path):
  blocks = _blocks(path, 'sh') + _blocks(path, 'bash')
  # Indented commands are those of results.
  text = FENCE.sub('', path.read_text())
  indented = re.findall(r'(?:^    .*\n)+', text, re.M)
  for block in blocks + [re.sub(r'^    ', '', b, flags=re.M) for b in indented]:
    for command in _commands(block):
      found = _module(command)
      if found is None:
        continue
      module, rest = found
      where = f'{_named(path)}: {" ".join(command)}'
      assert importlib.util.find_spec(module) is not None, where
      known = _train_flags() if module == 'train' else _flags(module)
      for word in rest:
        flag = word.partition('=')[0]
        if flag.startswith('--') and not flag.startswith('--config.'):
          assert flag in known or flag == '--help', f'{where}: {flag}'
      if module == 'train':
        _check_config(rest, where)


def test_flags_in_prose_are_flags_of_some_program():
  known = set(_train_flags()) | {'--config'}
  for name in main.SUBCOMMANDS.keys() - {'train'}:
    known |= _flags(f'sadtalker_jax.cli.{name.replace("-", "_")}')
  for path in sorted(DOCS.glob('*.md')) + sorted(DOCS.glob('guides/*.md')):
    if path.name in ('method.md', 'quirks.md'):
      continue  # speak of the published program
    for flag in re.findall(r'`(--[a-z_0-9-]+)', path.read_text()):
      assert flag in known, f'{_named(path)}: {flag}'


def test_site_needs_no_font_of_others():
  assert 'font: false' in (ROOT / 'mkdocs.yml').read_text()
