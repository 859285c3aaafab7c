"""Times of the neural renderer, frames of one portrait; part of `cli.bench`."""

from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.benchmarks import timing
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.models import zoo
from sadtalker_jax.models.fused import fused_render

_NETWORKS = ('keypoint_detector', 'generator', 'mapping')


def run(
  batches: Sequence[int],
  repeats: int,
  *,
  size: int = 256,
  dtype: str = 'float32',
  bundle: str | None = None,
) -> Iterator[timing.Line]:
  """One line for every batch size.

  Args:
    batches: Numbers of frames drawn together.
    repeats: Number of timed calls.
    size: Side of the frames, pixels.
    dtype: Type of the convolutions.
    bundle: Bundle of the weights; noise without one, for speed does not depend
      on them.

  Raises:
    InputError: No repeat, a batch of none, or a bundle that lacks a network.
  """
  timing.check(batches, repeats)
  if bundle is None:
    networks = {name: zoo.noise(name) for name in _NETWORKS}
  else:
    loaded = bundle_lib.load(bundle)
    networks = {name: loaded.variables(name) for name in _NETWORKS}
  mapping = fused_render.fold_mapping(networks.pop('mapping'))
  folded = fused_render.fold(
    networks, platform=jax.devices()[0].platform, dtype=dtype
  )
  params = jax.device_put((folded, mapping))
  rng = np.random.default_rng(0)
  for batch in batches:
    image, windows, angles = (
      jnp.asarray(x, jnp.float32)
      for x in (
        rng.uniform(0, 1, (batch, size, size, 3)),
        0.3
        * rng.standard_normal(
          (
            batch,
            conventions.WINDOW,
            conventions.ROW_SIZE,
          )
        ),
        np.full((batch, 3), np.nan),
      )
    )
    source = jax.jit(fused_render.prepare_source)(params, image, windows)
    yield timing.measure(
      'render',
      fused_render.render,
      (params, source, windows, angles),
      batch=batch,
      repeats=repeats,
      dtype=dtype,
      choices={'size': size},
    )
