"""Parity cases: the face detector and the face restorer."""

from collections.abc import Iterator

from flax import linen as nn
import jax
import numpy as np

from sadtalker_jax.conversion import restoration
from sadtalker_jax.models import zoo
from tests.parity import store


def gfpgan_clean() -> Iterator[store.Answer]:
  """A blurred face to a sharp one, and the parts on the way."""
  weights = store.variables('gfpgan', restoration.GFPGAN, 'gfpgan_clean')
  parts = {
    'final_conv': 'bottom',
    'conv_body_up.6': 'up_6',
    'condition_scale.6': 'scale_6',
    'condition_shift.6': 'shift_6',
  }
  module = zoo.build('gfpgan')

  def wanted(part: nn.Module, method: str) -> bool:
    return method == '__call__' and part.name in parts.values()

  @jax.jit
  def run(variables, image):
    restored, state = module.apply(
      variables,
      image,
      capture_intermediates=wanted,
      mutable=['intermediates'],
    )
    means = {
      name: part['__call__'][0].mean((1, 2))
      for name, part in state['intermediates'].items()
      if '__call__' in part
    }
    return restored.image, restored.pyramid[0], means

  image = store.channels_last(store.golden('gfpgan_clean/in/image'))
  image, smallest, means = run(weights, 2 * image.astype(np.float32) / 255 - 1)
  for theirs, ours in parts.items():
    yield store.Answer(f'gfpgan_clean/out/{theirs}_mean', means[ours])
  yield store.Answer(
    'gfpgan_clean/out/rgb_pyramid_8', store.channels_first(smallest)
  )
  pooled = image.reshape(1, 64, 8, 64, 8, 3).mean((2, 4))
  yield store.Answer('gfpgan_clean/out/pooled64', store.channels_first(pooled))
  centre = image[:, 224:288, 224:288]
  yield store.Answer('gfpgan_clean/out/centre64', store.channels_first(centre))


CASES: dict[str, store.Case] = {'gfpgan_clean': gfpgan_clean}
