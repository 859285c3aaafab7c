"""Programs that watch runs: TensorBoard, and Weights & Biases if wanted."""

from collections.abc import Mapping
import pathlib
import secrets
from typing import Any

import jax
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.training import schedule, writers

_WANDB_ID = 'wandb_id.txt'  # in the folder of a run


class TensorBoardWriter:
  """Event files for TensorBoard, by tensorboardX: no TensorFlow."""

  def __init__(self, folder: pathlib.Path, after: int | None = None):
    """Opens an event file in `folder`.

    Args:
      folder: Folder of the run.
      after: Step that the run goes on after; TensorBoard drops later events.

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
    self._writer = tensorboardX.SummaryWriter(
      str(folder), purge_step=None if after is None else after + 1
    )

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


class WandbWriter:
  """A run of Weights & Biases, which goes on where the folder's run does.

  Where data goes and under which name is said by the package's own variables
  (WANDB_API_KEY, WANDB_ENTITY, WANDB_MODE=offline, ...). Steps that are taken
  again after a stop are not sent again.
  """

  def __init__(
    self, folder: pathlib.Path, project: str, config: Mapping[str, Any]
  ):
    """Begins a run, or goes on with it.

    Args:
      folder: Folder of the run; the id there is that of the run.
      project: Name of a project, which need not exist.
      config: Config of the run.

    Raises:
      InputError: The package is not installed, or it refuses.
    """
    try:
      import wandb
    except ImportError as error:
      raise errors.InputError(
        'wandb: expected the package wandb, found none '
        "(pip install -e '.[wandb]', or leave the key empty)"
      ) from error
    self._wandb, self._folder = wandb, folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _WANDB_ID
    name = path.read_text().strip() if path.exists() else secrets.token_hex(8)
    try:
      self._run = wandb.init(
        project=project,
        dir=str(folder),
        id=name,
        name=folder.resolve().name,
        config=dict(config),
        resume='allow',
      )
    except wandb.Error as error:
      raise errors.InputError(
        f'wandb: expected to be let into project {project!r} (wandb login, or '
        f'WANDB_MODE=offline), found {str(error).partition(chr(10))[0]}'
      ) from error
    path.write_text(f'{name}\n')

  def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
    """Figures of a step."""
    self._run.log({k: float(v) for k, v in scalars.items()}, step=step)

  def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
    """Pictures of a step."""
    made = {k: self._wandb.Image(x) for k, x in images.items()}
    self._run.log(made, step=step)

  def write_film(
    self,
    step: int,
    name: str,
    frames: np.ndarray,
    sound: tuple[np.ndarray, int],
  ) -> None:
    """The film with its sound, which `writers.FileWriter` has written."""
    del frames, sound
    path = writers.film_path(self._folder, step, name)
    self._run.log({name: self._wandb.Video(str(path), format='mp4')}, step=step)

  def flush(self) -> None:
    """Nothing: a process of the package's own sends."""

  def close(self) -> None:
    """Ends the writing, when all is sent."""
    self._run.finish()


def open_writers(
  folder: pathlib.Path,
  plan: schedule.Schedule,
  config: Mapping[str, Any],
  *,
  after: int | None = None,
) -> tuple[writers.MetricWriter, ...]:
  """Files in the folder of a run, and what else is wanted.

  None of all in processes but the first, which writes for them.

  Args:
    folder: Folder of the run.
    plan: Its schedule, which says what is wanted.
    config: Its config, for Weights & Biases.
    after: Step that the run goes on after, see `writers.FileWriter`.

  Raises:
    InputError: A package is wanted and not installed, or refuses.
  """
  if jax.process_index():
    return ()
  found: list[writers.MetricWriter] = []
  if plan.wandb:
    found.append(WandbWriter(folder, plan.wandb, config))
  if plan.tensorboard:
    found.append(TensorBoardWriter(folder, after))
  # The files first: a film of `WandbWriter` is one of them.
  return writers.FileWriter(folder, after), *found
