"""Times of ExpNet and PoseVAE, frames of sound; part of `cli.bench`."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.benchmarks import timing
from sadtalker_jax.models import zoo


def run(batches: Sequence[int], repeats: int) -> Iterator[timing.Line]:
  """One line for every batch size; the weights are noise.

  Args:
    batches: Numbers of frames worked on together.
    repeats: Number of timed calls.

  Raises:
    InputError: No repeat, or a batch of none.
  """
  timing.check(batches, repeats)
  expnet, posevae = zoo.build('expnet'), zoo.build('posevae')
  weights = jax.device_put((zoo.noise('expnet'), zoo.noise('posevae')))
  rng = np.random.default_rng(0)

  def both(
    weights: Any, mel: jax.Array, reference: jax.Array, blink: jax.Array
  ) -> tuple[Any, Any]:
    expression = expnet.apply(weights[0], mel, reference, blink, train=False)
    sound = posevae.apply(weights[1], mel[None], method='encode_audio')
    return expression, sound

  for batch in batches:
    inputs = [
      jnp.asarray(rng.standard_normal(shape), jnp.float32)
      for shape in ((batch, 80, 16, 1), (batch, 64), (batch, 1))
    ]
    yield timing.measure(
      'motion', both, (weights, *inputs), batch=batch, repeats=repeats
    )
