"""What the loop asks of data; `input_pipeline.batches` has it."""

from typing import Any, NamedTuple, Protocol

import jax


class Data(Protocol):
  """An endless iterator over batches that lie on the mesh."""

  def __next__(self) -> dict[str, jax.Array]: ...

  def state(self) -> dict[str, Any]:
    """The place in the data, as JSON."""

  def restore(self, state: dict[str, Any]) -> None:
    """Goes to a place."""

  @property
  def wait_share(self) -> float:
    """Share of the time since `reset_clock` that was spent waiting for it."""

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
