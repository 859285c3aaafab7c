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
