"""What the loop asks of data; `input_pipeline.batches` has it."""

from typing import Any, NamedTuple, Protocol

from absl import logging
import jax

from sadtalker_jax import errors


class Data(Protocol):
  """An endless iterator over batches that lie on the mesh."""

  def __next__(self) -> dict[str, jax.Array]: ...

  def state(self) -> dict[str, Any]:
    """The place in the data, as JSON."""

  def restore(self, state: dict[str, Any]) -> None:
    """Goes to a place."""

  @property
  def waited(self) -> float:
    """Seconds that were waited for batches since `reset_clock`."""

  def reset_clock(self) -> None:
    """Starts to measure anew."""

  def close(self) -> None:
    """Stops its threads."""


class Feeds(NamedTuple):
  """The data of a run, by purpose."""

  train: Data  # to learn from
  validation: Data | None = None  # to measure on, the same batches each time
  clips: Data | None = None  # to make films of, one clip at a time

  def close(self) -> None:
    """Stops all threads."""
    for data in self:
      if data is not None:
        data.close()


def go_to(data: Data, place: dict[str, Any], *, anew: bool) -> None:
  """Goes on in the data where a checkpoint was.

  Args:
    data: Data to learn from.
    place: State of the data in the checkpoint.
    anew: Whether to begin the data anew where the place is one of other data.

  Raises:
    InputError: The place is one of other data, and `anew` is not wanted.
  """
  try:
    data.restore(place)
  except errors.InputError as error:
    if not anew:
      raise errors.InputError(
        f'{error} (--restart_data keeps weights, optimisers and step, and '
        'begins the data anew)'
      ) from error
    logging.warning('the data begins anew: %s', error)
