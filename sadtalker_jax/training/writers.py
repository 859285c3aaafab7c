"""Where a run's figures, pictures and films go: files of its folder.

Writers take the calls of `clu.metric_writers` (write_scalars, write_images,
flush, close), whose own ones need TensorFlow; those of other programs are in
`trackers`.
"""

from collections.abc import Mapping
import json
import os
import pathlib
from typing import Any, Protocol

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.media import image as image_lib
from sadtalker_jax.media import video


class MetricWriter(Protocol):
  """Where figures and pictures go."""

  def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
    """Figures of a step."""

  def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
    """Pictures of a step, [H, W, 3] uint8."""

  def write_film(
    self,
    step: int,
    name: str,
    frames: np.ndarray,
    sound: tuple[np.ndarray, int],
  ) -> None:
    """Frames [T, H, W, 3] uint8 at 25 a second; wave [L] and its rate."""

  def flush(self) -> None:
    """Makes sure that all is on disk."""

  def close(self) -> None:
    """Ends the writing."""


def film_path(folder: pathlib.Path, step: int, name: str) -> pathlib.Path:
  """The file of a film in the folder of a run."""
  return folder / 'summaries' / f'{name}_{step:08d}.mp4'


class FileWriter:
  """Lines of JSON in `metrics.jsonl`, PNG and MP4 files in `summaries/`."""

  def __init__(self, folder: pathlib.Path, after: int | None = None):
    """Appends to what is in a folder.

    Args:
      folder: Folder of the run.
      after: Step that the run goes on after: lines of later steps are dropped,
        for those steps are taken again. None: all lines stay.
    """
    self._folder = folder
    folder.mkdir(parents=True, exist_ok=True)
    if after is not None:
      _drop_later(folder / 'metrics.jsonl', after)
    self._file = open(folder / 'metrics.jsonl', 'a', encoding='utf-8')

  def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
    """One line with all figures of a step."""
    values = {k: float(v) for k, v in sorted(scalars.items())}
    self._file.write(json.dumps({'step': step, **values}) + '\n')
    self._file.flush()

  def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
    """`summaries/NAME_STEP.png`."""
    for name, picture in images.items():
      path = self._folder / 'summaries' / f'{name}_{step:08d}.png'
      path.parent.mkdir(exist_ok=True, parents=True)
      # A resumed run comes by again.
      image_lib.save_png(path, picture, overwrite=True)

  def write_film(
    self,
    step: int,
    name: str,
    frames: np.ndarray,
    sound: tuple[np.ndarray, int],
  ) -> None:
    """`summaries/NAME_STEP.mp4`."""
    path = film_path(self._folder, step, name)
    path.parent.mkdir(exist_ok=True, parents=True)
    with video.VideoWriter(
      path, fps=conventions.FRAME_RATE, audio=sound, overwrite=True
    ) as writer:
      for frame in frames:
        writer.write(frame)

  def flush(self) -> None:
    """Makes sure that all is on disk."""
    self._file.flush()

  def close(self) -> None:
    """Ends the writing."""
    self._file.close()


def write_config(folder: pathlib.Path, config: Mapping[str, Any]) -> None:
  """Writes the config of a run to `config.json` in its folder."""
  text = json.dumps(config, indent=2, sort_keys=True)
  _replace(folder / 'config.json', text + '\n')


def _drop_later(path: pathlib.Path, step: int) -> None:
  """Takes the lines of steps after `step`, and one cut short, out of a file."""
  if not path.exists():
    return
  lines = path.read_text(encoding='utf-8').splitlines()
  kept = [line for line in lines if _step_of(line) <= step]
  if kept != lines:
    _replace(path, ''.join(f'{line}\n' for line in kept))


def _step_of(line: str) -> float:
  """The step of a line; infinite where the line is no JSON: it was cut."""
  try:
    return json.loads(line)['step']
  except ValueError:
    return float('inf')


def _replace(path: pathlib.Path, text: str) -> None:
  """Writes a file whole or not at all."""
  part = path.with_name(f'{path.name}.part-{os.getpid()}')
  try:
    part.write_text(text, encoding='utf-8')
    part.replace(path)
  finally:
    part.unlink(missing_ok=True)
