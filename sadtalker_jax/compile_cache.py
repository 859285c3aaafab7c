"""Where compiled programs are kept from one process to the next."""

import os
import pathlib
import sys


def enable() -> None:
  """Has jax keep what it compiles in files, and look there first.

  `JAX_COMPILATION_CACHE_DIR` says in which folder; without it, `sadtalker_jax`
  in the user's folder for such things (`XDG_CACHE_HOME` or ~/.cache). For
  programs, not for the library: to be called before anything is compiled.
  """
  caches = pathlib.Path(os.environ.get('XDG_CACHE_HOME', '~/.cache'))
  folder = os.environ.setdefault(
    'JAX_COMPILATION_CACHE_DIR', str(caches.expanduser() / 'sadtalker_jax')
  )
  # jax reads the variable while it is imported, and programs that have an
  # argument for the platform must not import it before that is known.
  if 'jax' in sys.modules:
    sys.modules['jax'].config.update('jax_compilation_cache_dir', folder)
