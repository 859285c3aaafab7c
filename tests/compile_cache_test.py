"""Programs find what an earlier process compiled."""

import os
import subprocess
import sys

_COMPILES = """
{first}
{second}
compile_cache.enable()
import jax
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)
jax.jit(lambda x: x + 1)(1.0)
"""
_IMPORTS = ('import jax', 'from sadtalker_jax import compile_cache')


def run(first, second, **environment):
  clean = {k: v for k, v in os.environ.items() if 'CACHE' not in k}
  subprocess.run(
    [sys.executable, '-c', _COMPILES.format(first=first, second=second)],
    env=clean | {'JAX_PLATFORMS': 'cpu'} | environment,
    check=True,
  )


def test_programs_lie_in_the_users_folder(tmp_path):
  run(*_IMPORTS, XDG_CACHE_HOME=str(tmp_path))
  stored = set((tmp_path / 'sadtalker_jax').iterdir())
  assert stored
  # The order of the imports does not matter, and nothing is stored twice.
  run(*reversed(_IMPORTS), XDG_CACHE_HOME=str(tmp_path))
  assert set((tmp_path / 'sadtalker_jax').iterdir()) == stored


def test_a_folder_that_is_named_comes_first(tmp_path):
  run(
    *_IMPORTS,
    XDG_CACHE_HOME=str(tmp_path / 'not'),
    JAX_COMPILATION_CACHE_DIR=str(tmp_path / 'here'),
  )
  assert list((tmp_path / 'here').iterdir())
  assert not (tmp_path / 'not').exists()


def test_an_empty_name_means_the_home(tmp_path):
  run(*_IMPORTS, XDG_CACHE_HOME='', HOME=str(tmp_path))
  assert list((tmp_path / '.cache' / 'sadtalker_jax').iterdir())


def test_no_folder_is_no_error(tmp_path):
  (tmp_path / 'file').touch()
  run(*_IMPORTS, JAX_COMPILATION_CACHE_DIR=str(tmp_path / 'file' / 'a'))
  run(*_IMPORTS, XDG_CACHE_HOME='', HOME=str(tmp_path / 'file'))
  assert [path.name for path in tmp_path.iterdir()] == ['file']


def test_a_folder_that_is_closed_is_only_read(tmp_path, monkeypatch):
  import jax

  from sadtalker_jax import compile_cache

  names = ('compilation_cache_dir', 'persistent_cache_min_compile_time_secs')
  before = [getattr(jax.config, f'jax_{name}') for name in names]
  for name in names:
    monkeypatch.setenv(f'JAX_{name}'.upper(), '')
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', str(tmp_path))
  monkeypatch.setattr(os, 'access', lambda path, mode: not mode & os.W_OK)
  try:
    compile_cache.enable()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path)
    assert jax.config.jax_persistent_cache_min_compile_time_secs == 1e9
  finally:
    for name, value in zip(names, before, strict=True):
      jax.config.update(f'jax_{name}', value)
