"""What the loop asks of data; `input_pipeline.batches` has it."""

from typing import Any, Protocol

import jax


class Data(Protocol):
  """An endless iterator over batches that lie on the mesh."""

  def __next__(self) -> dict[str, jax.Array]: ...

  def state(self) -> dict[str, Any]:
    """Where it is, as JSON."""

  def restore(self, state: dict[str, Any]) -> None:
    """Goes there."""

  @property
  def wait_share(self) -> float:
    """Share of the time since `reset_clock` that was spent waiting for it."""

  def reset_clock(self) -> None:
    """Starts to measure anew."""

  def close(self) -> None:
    """Stops its threads."""
