"""Who may import whom: docs of the layout, kept true by reading the sources.

Lower ranks never import higher ones, packages of one rank never import each
other, and some external packages may be imported in one place only.
"""

import ast
import functools
import pathlib
import subprocess
import sys

from tests import source_files

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'sadtalker_jax'

RANK = {
  'conventions': 0,
  'typing': 0,
  'compile_cache': 0,
  'jax_settings': 0,
  'errors': 0,
  'json_text': 0,
  'records': 0,
  'stores': 0,
  'ops': 0,
  'face3d': 1,
  'media': 1,
  'models': 2,
  'losses': 2,
  'metrics': 2,
  'checkpoints': 3,
  'faces': 4,
  'conversion': 4,
  'marking': 4,
  'inference': 5,
  'training': 5,
  'preparation': 5,
  'evaluation': 5,
  'baseline_fitting': 6,
  'photo_fitting': 6,
  'phonetic_fitting': 6,
  'synthesis': 6,
  'benchmarks': 6,
  'serving': 6,
  'app': 7,
  'cli': 8,
}
# Packages that only these parts of the library may import, and only there.
ALLOWED_ONLY_IN = {
  'flax': {'models'},
  'optax': {'training', 'phonetic_fitting'},
  'orbax': {'checkpoints'},
  'huggingface_hub': {'checkpoints'},
  'fsspec': {'stores'},
  'grain': {'checkpoints'},
  'ml_collections': {'training'},
  'clu': {'training', 'checkpoints'},
  'tensorflow_datasets': set(),
  'array_record': {'preparation'},
  'apache_beam': {'inference', 'preparation'},
  'tensorflow': set(),
  'gradio': {'app', 'cli'},
  'fastapi': {'app', 'serving'},
  'starlette': {'serving'},
  'prometheus_client': {'serving'},
  'uvicorn': {'cli'},
  'torch': {'conversion'},
  'safetensors': {'conversion'},
  'av': {'media'},
  'piper': {'media'},
  'PIL': {'media', 'face3d'},
  'c2pa': {'marking'},
  'cryptography': {'marking'},
  'cv2': set(),
  'librosa': set(),
}
# Ranks of the rooms inside `inference`: lower never import higher, and rooms of
# one rank never import each other, but for the lowest, which are modules.
INFERENCE_RANK = {
  'backgrounds': 0,
  'option_specs': 0,
  'finish_options': 0,
  'options': 0,
  'bundle': 0,
  'emotions': 0,
  'inputs': 0,
  'portrait': 0,
  'tracks': 0,
  'rendering': 0,
  'motion': 1,
  'puppet': 1,
  'neural': 1,
  'enhance': 1,
  'framing': 0,
  'face_list': 0,
  'marks': 1,
  'geometry_video': 1,
  'direction': 2,
  'registry': 2,
  'animation': 3,
  'finishing': 4,
  'footage': 4,
  'group': 4,
  'live': 4,
  'pipeline': 5,
  'batch': 6,
}
# Imports against these ranks that there are today: file, imported room.
INFERENCE_EXCEPTIONS: set[tuple[str, str]] = set()
# Scripts beside the package, never imported by it.
OUTSIDE = {'train', 'infer', 'configs', 'input_pipeline', 'tests'}


@functools.cache
def _sources() -> list[pathlib.Path]:
  return sorted(PACKAGE.rglob('*.py'))


def _part(path: pathlib.Path) -> str:
  """Part of the library that a file belongs to, such as `face3d`."""
  relative = path.relative_to(PACKAGE)
  return relative.parts[0].removesuffix('.py')


@functools.cache
def _imports(path: pathlib.Path) -> list[tuple[str, str]]:
  """(module, name) of every import statement, at any depth of the file."""
  found = []
  for node in ast.walk(source_files.tree(path)):
    if isinstance(node, ast.Import):
      found += [(alias.name, '') for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, f'{path}: relative import'
      found += [(node.module or '', alias.name) for alias in node.names]
  return found


def _inference_rooms(path: pathlib.Path) -> set[str]:
  """Rooms and modules of `inference` that a file imports."""
  rooms = set()
  for module, name in _imports(path):
    if module == 'sadtalker_jax.inference':
      rooms.add(name)
    elif module.startswith('sadtalker_jax.inference.'):
      rooms.add(module.split('.')[2])
  return rooms


def _own_parts(path: pathlib.Path) -> set[str]:
  """Parts of the library that a file imports."""
  parts = set()
  for module, name in _imports(path):
    if module == 'sadtalker_jax':
      parts.add(name)
    elif module.startswith('sadtalker_jax.'):
      parts.add(module.split('.')[1])
  return parts


def test_files_import_only_lower_ranks():
  higher = []
  for path in _sources():
    part = _part(path)
    if part == '__init__':
      continue
    assert part in RANK, f'{part} has no rank: decide where it stands'
    for other in _own_parts(path) - {part, ''}:
      assert other in RANK, f'{path}: unknown part {other}'
      same_rank_leaf = RANK[other] == RANK[part] == 0 and other != 'ops'
      if RANK[other] >= RANK[part] and not same_rank_leaf:
        higher.append(
          f'{path.relative_to(ROOT)} ({part}, rank {RANK[part]}) imports '
          f'{other} (rank {RANK[other]})'
        )
  assert not higher


def test_ranks_are_of_parts_that_exist_and_of_all():
  names = {_part(path) for path in _sources()} - {'__init__'}
  assert RANK.keys() == names
  for package, parts in ALLOWED_ONLY_IN.items():
    assert parts <= names, f'{package}: {parts - names} is no part'


def _room(path: pathlib.Path) -> str:
  """Room or module of `inference` that a file belongs to."""
  relative = path.relative_to(PACKAGE / 'inference')
  return relative.parts[0].removesuffix('.py')


def _inference_sources() -> list[pathlib.Path]:
  return sorted((PACKAGE / 'inference').rglob('*.py'))


def test_ranks_inside_inference_are_of_rooms_that_exist_and_of_all():
  names = {_room(path) for path in _inference_sources()} - {'__init__'}
  assert INFERENCE_RANK.keys() == names


def test_rooms_of_inference_import_only_lower_ranks():
  for path in _inference_sources():
    room = _room(path)
    if room == '__init__':
      continue
    rank = INFERENCE_RANK[room]
    file = str(path.relative_to(PACKAGE / 'inference'))
    higher = {
      other
      for other in _inference_rooms(path) - {room}
      if INFERENCE_RANK[other] > rank or INFERENCE_RANK[other] == rank > 0
    }
    excused = {other for name, other in INFERENCE_EXCEPTIONS if name == file}
    assert higher == excused, f'{file} ({room}, rank {rank}) imports {higher}'


def test_modules_of_inference_are_not_imported_in_a_circle():
  lowest = {room for room, rank in INFERENCE_RANK.items() if rank == 0}
  imports = {
    _room(path): _inference_rooms(path) & lowest
    for path in _inference_sources()
    if _room(path) in lowest
  }
  left = dict(imports)
  while free := [room for room, needs in left.items() if not needs & {*left}]:
    for room in free:
      del left[room]
  assert not left, f'{sorted(left)} import each other'


def test_files_import_external_packages_where_allowed():
  wrong = []
  for path in _sources():
    part = _part(path)
    for top in {module.split('.')[0] for module, _ in _imports(path)}:
      # The library never imports what lies beside it.
      if top in OUTSIDE or part not in ALLOWED_ONLY_IN.get(top, {part}):
        wrong.append(f'{path.relative_to(ROOT)}: {top} is not for {part}')
  assert not wrong


def test_input_pipeline_imports_records_stores_and_ops_only():
  allowed = {'conventions', 'records', 'stores', 'errors', 'ops'}
  heavy = {'tensorflow', 'torch', 'flax', 'optax', 'orbax', 'train', 'configs'}
  for path in sorted((ROOT / 'input_pipeline').glob('*.py')):
    assert _own_parts(path) <= allowed, path
    tops = {module.split('.')[0] for module, _ in _imports(path)}
    assert not tops & heavy, path


def test_inference_api_loads_no_training_package():
  code = (
    'import sys, sadtalker_jax; sadtalker_jax.Animator; sadtalker_jax.load;'
    'heavy = {"tensorflow", "grain", "optax", "torch", "gradio", "librosa"};'
    'found = heavy & set(sys.modules); assert not found, found'
  )
  subprocess.run([sys.executable, '-c', code], check=True, timeout=120)


def test_importing_the_package_does_not_start_jax():
  code = 'import sys, sadtalker_jax; assert "jax" not in sys.modules'
  subprocess.run([sys.executable, '-c', code], check=True, timeout=120)


def test_forms_go_by_what_is_lowered_for():
  # `jax.default_backend` says where a program is made, not where it will run.
  asking = [p for p in _sources() if 'default_backend' in p.read_text()]
  assert asking == []
