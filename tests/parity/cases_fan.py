"""Parity cases: FAN's heat maps, and the points made of them."""

from collections.abc import Iterator

import jax
import numpy as np

from sadtalker_jax.conversion.tables import backbones
from sadtalker_jax.faces import fan as fan_points
from sadtalker_jax.models import zoo
from tests.parity import store

_PICTURE = np.array([[200, 152]])  # width and height


def fan() -> Iterator[store.Answer]:
  """Heat maps of all stacks."""
  weights = store.variables('fan', backbones.FAN, 'fan_wflw')
  apply = jax.jit(zoo.build('fan').apply, static_argnames='train')
  picture = store.channels_last(store.golden('fan_wflw/in/image'))
  maps = apply(weights, picture.astype(np.float32) / 255, train=False)
  for i, stack in enumerate(maps):
    yield store.Answer(f'fan_wflw/out/stack{i}_mean', stack.mean((1, 2)))
  yield store.Answer('fan_wflw/out/heatmaps', store.channels_first(maps[-1]))


def landmark_peaks() -> Iterator[store.Answer]:
  """Points of given heat maps, the quirk of the border included."""
  for name in ('inner', 'border'):
    maps = store.channels_last(store.golden(f'landmark_peaks/in/{name}'))
    points = fan_points.peaks(maps.astype(np.float32) / 255, _PICTURE)[0]
    yield store.Answer(f'landmark_peaks/out/{name}', points, tolerance=1e-6)
    if name == 'inner':
      yield store.Answer(
        'landmark_peaks/out/inner_as_68',
        fan_points.to_68(np.asarray(points)),
        tolerance=1e-6,
      )


CASES: dict[str, store.Case] = {
  'fan_wflw': fan,
  'landmark_peaks': landmark_peaks,
}
