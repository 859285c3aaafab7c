"""House rules that a machine can check."""

import ast
import pathlib

from tests import source_files

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'sadtalker_jax'
SOURCES = sorted(PACKAGE.rglob('*.py'))
# Programs, which may print; nothing else of the project does.
FRONTS = [ROOT / 'infer.py', ROOT / 'train.py']
PROGRAMS = [
  *FRONTS,
  *(PACKAGE / 'cli').glob('*.py'),
  ROOT / 'input_pipeline' / 'bench.py',
]
ALL = sorted(
  [
    *SOURCES,
    *(ROOT / 'input_pipeline').rglob('*.py'),
    *(ROOT / 'configs').rglob('*.py'),
    *FRONTS,
  ]
)


def _is_module(folder: pathlib.Path, name: str) -> bool:
  return (folder / f'{name}.py').exists() or (folder / name).is_dir()


def test_our_modules_are_imported_as_modules():
  names = []
  for path in SOURCES:
    if path == PACKAGE / '__init__.py':
      continue  # it hands out the public names
    for node in ast.walk(source_files.tree(path)):
      if not isinstance(node, ast.ImportFrom) or node.module is None:
        continue
      if not node.module.startswith('sadtalker_jax'):
        continue
      if node.module == 'sadtalker_jax.typing':
        continue
      folder = ROOT / node.module.replace('.', '/')
      names += [
        f'{path}:{node.lineno} imports {alias.name}, which is no module'
        for alias in node.names
        if not _is_module(folder, alias.name)
      ]
  assert not names


def _prints(path: pathlib.Path) -> list[int]:
  """Lines that print, or write to stdout or stderr themselves."""
  lines = []
  for node in ast.walk(source_files.tree(path)):
    if isinstance(node, ast.Name) and node.id == 'print':
      lines.append(node.lineno)
    if isinstance(node, ast.Attribute) and node.attr in ('stdout', 'stderr'):
      if isinstance(node.value, ast.Name) and node.value.id == 'sys':
        lines.append(node.lineno)
  return lines


def test_programs_alone_print():
  others = {path: _prints(path) for path in ALL if path not in PROGRAMS}
  assert not {path: lines for path, lines in others.items() if lines}


def test_programs_that_may_print_exist():
  assert all(path.is_file() for path in PROGRAMS)
  assert any(_prints(path) for path in PROGRAMS)


def test_public_functions_are_annotated():
  bare = [
    f'{path}:{node.lineno} {node.name}'
    for path in SOURCES
    for node in ast.walk(source_files.tree(path))
    if isinstance(node, ast.FunctionDef)
    and not node.name.startswith('_')
    and node.returns is None
  ]
  assert not bare


def test_vendored_data_stays_small():
  total = sum(p.stat().st_size for p in PACKAGE.glob('**/data/*'))
  assert total < 8_000_000, f'{total} bytes of data in the package'


def test_test_data_stays_small():
  for path in (ROOT / 'tests' / 'testdata').rglob('*.npz'):
    assert path.stat().st_size < 1_000_000, path
