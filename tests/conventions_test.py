"""House rules that a machine can check."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'sadtalker_jax'
SOURCES = sorted(PACKAGE.rglob('*.py'))
NAMES = [str(p.relative_to(PACKAGE)) for p in SOURCES]
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


def _prints(path: pathlib.Path) -> list[int]:
  """Lines that print, or write to stdout or stderr themselves."""
  lines = []
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Name) and node.id == 'print':
      lines.append(node.lineno)
    if isinstance(node, ast.Attribute) and node.attr in ('stdout', 'stderr'):
      if isinstance(node.value, ast.Name) and node.value.id == 'sys':
        lines.append(node.lineno)
  return lines


@pytest.mark.parametrize('path', ALL, ids=lambda p: str(p.relative_to(ROOT)))
def test_programs_alone_print(path):
  if path not in PROGRAMS:
    assert not _prints(path), f'{path} prints: only programs do'


def test_programs_that_may_print_exist():
  assert all(path.is_file() for path in PROGRAMS)
  assert any(_prints(path) for path in PROGRAMS)


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
