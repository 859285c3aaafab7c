"""SadTalker in JAX: one portrait and one voice become a talking video.

    import sadtalker_jax

    animator = sadtalker_jax.Animator.from_pretrained('default')
    animator('portrait.jpg', 'speech.wav').save('talking.mp4')

The names below are loaded when they are first used, so importing the package
costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from sadtalker_jax.errors import InputError as InputError
  from sadtalker_jax.inference.animation import Animation as Animation
  from sadtalker_jax.inference.batch.jobs import run_jobs as run_jobs
  from sadtalker_jax.inference.bundle import Bundle as Bundle
  from sadtalker_jax.inference.bundle import load as load
  from sadtalker_jax.inference.options import Options as Options
  from sadtalker_jax.inference.pipeline import Animator as Animator
  from sadtalker_jax.marking.files import detect as detect

__version__ = '0.1.0'

_HOME = {
  'Animation': 'inference.animation',
  'Animator': 'inference.pipeline',
  'Bundle': 'inference.bundle',
  'InputError': 'errors',
  'Options': 'inference.options',
  'detect': 'marking.files',
  'load': 'inference.bundle',
  'run_jobs': 'inference.batch.jobs',
}

__all__ = ['__version__', *_HOME]


def __getattr__(name: str) -> Any:
  if name not in _HOME:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  module = importlib.import_module(f'{__name__}.{_HOME[name]}')
  return getattr(module, name)


def __dir__() -> list[str]:
  return sorted(__all__)
