"""Random batches of the right shapes, for tests and for timing a step.

Numbers are uniform in the range that a stage's entries name; whole for integer
types. Like recorded ones, batch k depends on seed and k alone.
"""

import dataclasses
from typing import Any

import grain
import jax
import numpy as np

from input_pipeline import batches, stages, transforms


@dataclasses.dataclass(frozen=True)
class Draw(grain.transforms.RandomMap):
  """Maps anything to a random example of a stage."""

  stage: transforms.Examples

  def random_map(
    self, element: int, rng: np.random.Generator
  ) -> transforms.Example:
    """A random example."""
    return {
      key: _draw(entry, rng) for key, entry in self.stage.entries().items()
    }


def create(
  stage: str,
  *,
  batch_size: int,
  seed: int,
  sharding: jax.sharding.Sharding | None = None,
  process: tuple[int, int] = (0, 1),
  reading: batches.ReadSettings | None = None,
  **options: Any,
) -> batches.Batches:
  """Random batches of a stage; arguments as `input_pipeline.create`."""
  recipe = stages.make(stage, **options)
  draw = Draw(recipe)
  return batches.Batches(
    grain.MapDataset.range(1).seed(seed).repeat().random_map(draw),
    batch_size=batch_size,
    identity=f'synthetic {recipe} {batch_size} {seed}',
    choices={'options': repr(recipe), 'batch_size': batch_size, 'seed': seed},
    num_examples=1,
    sharding=sharding,
    process=process,
    reading=reading,
  )


def _draw(entry: transforms.Entry, rng: np.random.Generator) -> np.ndarray:
  """Uniform numbers of an entry's shape, type and range."""
  if np.issubdtype(entry.dtype, np.integer):
    high = int(entry.high) + 1
    return np.asarray(
      rng.integers(int(entry.low), high, entry.shape, entry.dtype)
    )
  unit = rng.random(entry.shape, np.float32)
  return np.asarray(entry.low + (entry.high - entry.low) * unit, entry.dtype)
