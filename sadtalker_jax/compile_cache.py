"""Where compiled programs are kept from one process to the next."""

import os
import pathlib
import sys

_NEVER = '1e9'  # seconds that a compilation must take to be kept


def enable() -> None:
  """Has jax keep what it compiles in files, and look there first.

  `JAX_COMPILATION_CACHE_DIR` says in which folder; without it, `sadtalker_jax`
  in the user's folder for such things (`XDG_CACHE_HOME` or ~/.cache). A folder
  that cannot be written to is only read, and without a folder (a service may
  have no home) nothing is kept: that costs time, and is no error. For programs,
  not for the library: to be called before anything is compiled.
  """
  folder = os.environ.get('JAX_COMPILATION_CACHE_DIR') or _usual_folder()
  settings: dict[str, str | None] = {'compilation_cache_dir': None}
  if folder is not None and (writable := _writable(folder)) is not None:
    settings['compilation_cache_dir'] = folder
    if not writable:
      settings['persistent_cache_min_compile_time_secs'] = _NEVER
  # jax reads the variables while it is imported, and programs that have an
  # argument for the platform must not import it before that is known.
  for name, value in settings.items():
    if value is None:
      os.environ.pop(f'JAX_{name}'.upper(), None)
    else:
      os.environ[f'JAX_{name}'.upper()] = value
    if 'jax' in sys.modules:
      number = float(value) if value == _NEVER else value
      sys.modules['jax'].config.update(f'jax_{name}', number)


def _usual_folder() -> str | None:
  """The user's folder for compiled programs; None without a home."""
  # An empty or relative path means nothing, says the standard of XDG.
  caches = os.environ.get('XDG_CACHE_HOME', '')
  if not os.path.isabs(caches):
    caches = os.path.expanduser('~/.cache')
  return (
    str(pathlib.Path(caches, 'sadtalker_jax'))
    if os.path.isabs(caches)
    else None
  )


def _writable(folder: str) -> bool | None:
  """Whether a folder, made if need be, can be written to; None if not read."""
  if '://' in folder:  # of a cloud
    return True
  try:
    os.makedirs(folder, exist_ok=True)
  except (OSError, ValueError):
    return None
  if not os.access(folder, os.R_OK | os.X_OK):
    return None
  return os.access(folder, os.W_OK)
