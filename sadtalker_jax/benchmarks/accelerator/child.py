"""One item in a process of its own; `runner` starts it.

    python -m sadtalker_jax.benchmarks.accelerator.child REQUEST

REQUEST is a JSON file: `run` (module.function), `scale`, `output`, and perhaps
`golden` and `peer`. Or `write_golden`, a file to write instead.
"""

from collections.abc import Sequence
import importlib
import json
import pathlib
import sys
from typing import Any

from sadtalker_jax import compile_cache, errors
from sadtalker_jax.benchmarks.accelerator import goldens, plan, record


def main(argv: Sequence[str]) -> int:
  """Runs what the request says; returns its exit code."""
  request = json.loads(pathlib.Path(argv[0]).read_text())
  compile_cache.enable()
  scale = plan.scale(request['scale'])
  if 'write_golden' in request:
    goldens.write(pathlib.Path(request['write_golden']), scale)
    return 0
  return _item(request, scale)


def _item(request: dict[str, Any], scale: plan.Scale) -> int:
  known = None
  if request.get('golden'):
    known = goldens.read(pathlib.Path(request['golden']), scale)
  peer = pathlib.Path(request['peer']) if request.get('peer') else None
  kept = record.Record(pathlib.Path(request['output']), known, peer)
  module, function = request['run'].split('.')
  try:
    package = 'sadtalker_jax.benchmarks.accelerator'
    work = getattr(importlib.import_module(f'{package}.{module}'), function)
    work(kept, scale)
  except record.Skipped as reason:
    kept.end('skipped', str(reason))
  except ModuleNotFoundError as error:
    package = (error.name or str(error)).partition('.')[0]
    kept.end('skipped', f'needs the package {package}')
  except errors.InputError as error:
    kept.end('failed', str(error))
    return 1
  except Exception as error:  # the parent shows it, and goes on
    text = ' '.join(str(error).split())[:400]
    kept.end('failed', f'{type(error).__name__}: {text}')
    raise
  else:
    kept.end('done')
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
