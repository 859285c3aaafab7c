"""The published PyTorch modules on the same device, where a checkout is given.

Nothing of them is part of this project: they are imported from the checkout of
`github.com/OpenTalker/SadTalker`, in the child's own process, and built as its
`facerender.yaml` says, with torch's initial weights, on which speed does not
depend. What is timed is its own loop over the frames of a clip, in float32 as
published.
"""

import importlib
import pathlib
import statistics
import sys
import time
from typing import Any

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.benchmarks.accelerator import plan, record

_CONFIG = pathlib.Path('src', 'config', 'facerender.yaml')
_MODULES = pathlib.Path('src', 'facerender', 'modules')
_ROWS = 2  # clips that the published program draws side by side
_LONGEST = 16  # frames of one


def check(folder: pathlib.Path) -> None:
  """Refuses a folder that is no checkout of the published program.

  Args:
    folder: Folder of the checkout.

  Raises:
    InputError: It lacks a file that is needed.
  """
  names = ('keypoint_detector', 'generator', 'mapping', 'make_animation')
  for path in (_CONFIG, *(_MODULES / f'{name}.py' for name in names)):
    if not (folder / path).is_file():
      raise errors.InputError(
        f'--peer: expected a checkout of SadTalker, found {folder} without '
        f'{path}'
      )


def measure(kept: record.Record, scale: plan.Scale) -> None:
  """Frames per second of the published loop."""
  if kept.peer is None:
    raise record.Skipped('needs --peer CHECKOUT')
  torch, yaml = map(importlib.import_module, ('torch', 'yaml'))
  device = 'cuda' if torch.cuda.is_available() else 'cpu'
  kept.put(torch=str(torch.__version__), torch_device=device)
  fields = yaml.safe_load((kept.peer / _CONFIG).read_text())['model_params']
  sys.path.insert(0, str(kept.peer))
  generator, detector, mapping = (
    network.to(device).eval() for network in _networks(fields)
  )
  animate = _module('make_animation').make_animation
  count = min(scale.frames, _LONGEST)
  inputs = [
    torch.from_numpy(array).to(device) for array in _inputs(scale.size, count)
  ]

  def call() -> Any:
    with torch.no_grad():
      # The third network has no part in the loop.
      frames = animate(*inputs, generator, detector, None, mapping)
    if device == 'cuda':
      torch.cuda.synchronize()
    return frames

  began = time.perf_counter()
  shape = tuple(call().shape)
  first = time.perf_counter() - began
  times = []
  for _ in range(min(scale.repeats, 3)):
    began = time.perf_counter()
    call()
    times.append(time.perf_counter() - began)
  median = statistics.median(times)
  kept.put(
    clips=_ROWS,
    frames_of_a_clip=count,
    first_call_seconds=first,
    call_seconds=median,
    frames_per_second=_ROWS * count / median,
  )
  expected = (_ROWS, count, 3, scale.size, scale.size)
  kept.check('frames of another shape than asked for', shape != expected, 0)


def _module(name: str) -> Any:
  """A module of the checkout, which is in front of the path."""
  return importlib.import_module(f'src.facerender.modules.{name}')


def _networks(fields: dict[str, Any]) -> list[Any]:
  """Generator, keypoint detector and mapping network."""
  common = fields['common_params']
  generator = _module('generator').OcclusionAwareSPADEGenerator(
    **fields['generator_params'], **common
  )
  detector = _module('keypoint_detector').KPDetector(
    **fields['kp_detector_params'], **common
  )
  mapping = _module('mapping').MappingNet(**fields['mapping_params'])
  return [generator, detector, mapping]


def _inputs(size: int, count: int) -> tuple[np.ndarray, ...]:
  """Portraits [B, 3, S, S], their windows and those of frames [B, T, C, 27]."""
  rng = np.random.default_rng(0)
  picture = rng.random((_ROWS, 3, size, size), np.float32)
  shape = (conventions.ROW_SIZE, conventions.WINDOW)
  windows = 0.3 * rng.standard_normal((_ROWS, count + 1, *shape))
  windows = windows.astype(np.float32)
  return picture, windows[:, 0], windows[:, 1:]
