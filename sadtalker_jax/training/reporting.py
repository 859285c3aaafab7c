"""What a run writes: figures over time, pictures, one line of progress.

Writers take the calls of `clu.metric_writers` (write_scalars, write_images,
flush, close), whose own ones need TensorFlow. Means over steps are those of
`clu.metrics`.
"""

from collections.abc import Mapping, Sequence
import json
import pathlib
import resource
import time
from typing import Any, Protocol

import jax
import numpy as np

from sadtalker_jax import conventions, errors
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


class FileWriter:
  """Lines of JSON in `metrics.jsonl`, PNG and MP4 files in `summaries/`."""

  def __init__(self, folder: pathlib.Path):
    """Appends to what is in a folder."""
    self._folder = folder
    folder.mkdir(parents=True, exist_ok=True)
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
    path = self._folder / 'summaries' / f'{name}_{step:08d}.mp4'
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


class TensorBoardWriter:
  """Event files for TensorBoard, by tensorboardX: no TensorFlow."""

  def __init__(self, folder: pathlib.Path):
    """Opens an event file in `folder`.

    Raises:
      InputError: The package tensorboardX is not installed.
    """
    try:
      import tensorboardX
    except ImportError as error:
      raise errors.InputError(
        'tensorboard: expected the package tensorboardX, found none '
        "(pip install -e '.[train]', or set tensorboard to False)"
      ) from error
    self._writer = tensorboardX.SummaryWriter(str(folder))

  def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
    """Figures of a step."""
    for name, value in sorted(scalars.items()):
      self._writer.add_scalar(name, float(value), step)

  def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
    """Pictures of a step."""
    for name, picture in sorted(images.items()):
      self._writer.add_image(name, picture, step, dataformats='HWC')

  def write_film(
    self,
    step: int,
    name: str,
    frames: np.ndarray,
    sound: tuple[np.ndarray, int],
  ) -> None:
    """Its sound, and its middle frame: films would need another package."""
    wave, rate = sound
    self._writer.add_audio(f'{name}/sound', wave, step, sample_rate=rate)
    middle = frames[len(frames) // 2]
    self._writer.add_image(f'{name}/frame', middle, step, dataformats='HWC')

  def flush(self) -> None:
    """Makes sure that all is on disk."""
    self._writer.flush()

  def close(self) -> None:
    """Ends the writing."""
    self._writer.close()


def open_writers(
  folder: pathlib.Path, *, tensorboard: bool
) -> tuple[MetricWriter, ...]:
  """Files in the folder of a run, and TensorBoard's if wanted.

  Raises:
    InputError: The package tensorboardX is wanted and not installed.
  """
  more = (TensorBoardWriter(folder),) if tensorboard else ()
  return (*more, FileWriter(folder))


def write_config(folder: pathlib.Path, config: Mapping[str, Any]) -> None:
  """Writes the config of a run to `config.json` in its folder."""
  text = json.dumps(config, indent=2, sort_keys=True)
  (folder / 'config.json').write_text(text + '\n', encoding='utf-8')


class Interval:
  """Figures of the steps since the last report, and how long they took."""

  def __init__(self, batch_size: int, total_steps: int):
    """Counts from now.

    Args:
      batch_size: Examples of a step.
      total_steps: Steps of the run.
    """
    self._batch_size = batch_size
    self._total = total_steps
    self._pending: list[dict[str, Any]] = []
    self._start = time.perf_counter()

  def add(self, metrics: dict[str, Any]) -> None:
    """Keeps a step's metrics, still on the device."""
    self._pending.append(metrics)

  def report(self, step: int, wait_share: float) -> dict[str, float]:
    """Means and speeds since the last report; starts anew.

    Args:
      step: Number of the last step.
      wait_share: Share of the time that was spent waiting for data.
    """
    values = mean(jax.device_get(self._pending))
    passed = max(time.perf_counter() - self._start, 1e-9)
    rate = len(self._pending) / passed
    self._pending, self._start = [], time.perf_counter()
    return {
      **values,
      'steps_per_second': rate,
      'examples_per_second': rate * self._batch_size,
      'seconds_left': (self._total - step) / rate,
      'share_waiting_for_data': wait_share,
      'memory_gib': memory() / 2**30,
    }


def mean(metrics: Sequence[Mapping[str, Any]]) -> dict[str, float]:
  """Means of figures over steps, by name."""
  from clu import metrics as clu_metrics

  names = sorted({name for one in metrics for name in one})
  # CLU divides float32 by int32.
  with jax.numpy_dtype_promotion('standard'):
    return {
      name: float(
        clu_metrics.Average.from_model_output(
          np.asarray([one[name] for one in metrics if name in one], np.float32)
        ).compute()
      )
      for name in names
    }


def line(step: int, total: int, report: Mapping[str, float]) -> str:
  """One line of progress: step, totals, speed, time left, waiting, memory."""
  losses = ' '.join(
    f'{name.removeprefix("total/")} {value:.4g}'
    for name, value in report.items()
    if name.startswith('total/')
  )
  left = int(report['seconds_left'])
  return (
    f'step {step}/{total} | {losses} | '
    f'{report["steps_per_second"]:.3g} steps/s, '
    f'{report["examples_per_second"]:.3g} examples/s, '
    f'{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left, '
    f'data {report["share_waiting_for_data"]:.0%}, '
    f'{report["memory_gib"]:.1f} GiB'
  )


def memory() -> int:
  """Most memory so far, bytes: of a device, or of the process on CPU."""
  stats = jax.local_devices()[0].memory_stats() or {}
  if 'peak_bytes_in_use' in stats:
    return int(stats['peak_bytes_in_use'])
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def not_finite(metrics: Mapping[str, Any]) -> list[str]:
  """Names of the figures that are no numbers, the terms before the totals."""
  bad = [n for n, value in metrics.items() if not np.all(np.isfinite(value))]
  return sorted(bad, key=lambda n: (n.startswith(('total/', 'gradient')), n))
