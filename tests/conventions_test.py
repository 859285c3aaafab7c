"""House rules that a machine can check."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'sadtalker_jax'
SOURCES = sorted(PACKAGE.rglob('*.py'))
NAMES = [str(p.relative_to(PACKAGE)) for p in SOURCES]
# Modules whose names may be imported directly, as in all typed Python code.
NAME_IMPORTS = {'typing', 'collections.abc', 'dataclasses', 'fractions'}


@pytest.mark.parametrize('path', SOURCES, ids=NAMES)
def test_our_modules_are_imported_as_modules(path):
  if path == PACKAGE / '__init__.py':
    return  # it hands out the public names
  for node in ast.walk(ast.parse(path.read_text())):
    if not isinstance(node, ast.ImportFrom) or node.module is None:
      continue
    if not node.module.startswith('sadtalker_jax'):
      continue
    if node.module == 'sadtalker_jax.typing':
      continue
    folder = ROOT / node.module.replace('.', '/')
    for alias in node.names:
      is_module = (folder / f'{alias.name}.py').exists() or (
        folder / alias.name
      ).is_dir()
      assert is_module, f'{path}:{node.lineno} imports a name, not a module'


@pytest.mark.parametrize('path', SOURCES, ids=NAMES)
def test_no_print_outside_command_lines(path):
  if path.parent.name == 'cli' or 'argparse' in path.read_text():
    return
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
      assert node.func.id != 'print', f'{path}:{node.lineno} prints'


@pytest.mark.parametrize('path', SOURCES, ids=NAMES)
def test_public_functions_are_annotated(path):
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.FunctionDef) and not node.name.startswith('_'):
      assert node.returns is not None, f'{path}:{node.lineno} {node.name}'


def test_vendored_data_stays_small():
  total = sum(p.stat().st_size for p in PACKAGE.glob('**/data/*'))
  assert total < 8_000_000, f'{total} bytes of data in the package'


def test_test_data_stays_small():
  for path in (ROOT / 'tests' / 'testdata').rglob('*.npz'):
    assert path.stat().st_size < 1_000_000, path
