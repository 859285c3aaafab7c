"""Parity cases: ExpNet and MappingNet."""

from collections.abc import Iterator

import jax

from sadtalker_jax.conversion.tables import sadtalker
from sadtalker_jax.models import zoo
from tests.parity import store


def expnet() -> Iterator[store.Answer]:
  """Sound to expression."""
  weights = store.variables(
    'expnet', sadtalker.EXPNET, 'sadtalker', 'audio2exp.'
  )
  module = zoo.build('expnet')
  mel = store.golden('expnet/in/mel').reshape(-1, 80, 16, 1)
  yield store.Answer(
    'expnet/out/embedding',
    module.apply(weights, mel, train=False, method='embed'),
  )
  reference = store.golden('expnet/in/ref')
  expression = module.apply(
    weights,
    mel,
    reference.reshape(-1, 64),
    store.golden('expnet/in/blink').reshape(-1, 1),
    train=False,
  )
  yield store.Answer(
    'expnet/out/expression', expression.reshape(reference.shape)
  )


def mapping() -> Iterator[store.Answer]:
  """Coefficients to keypoint motion."""
  weights = store.variables('mapping', sadtalker.MAPPING, 'mapping')
  window = store.golden('mapping/in/semantics').transpose(0, 2, 1)
  motion = jax.jit(zoo.build('mapping').apply)(weights, window)
  yield store.Answer('mapping/out/yaw', motion.yaw)
  yield store.Answer('mapping/out/pitch', motion.pitch)
  yield store.Answer('mapping/out/roll', motion.roll)
  yield store.Answer('mapping/out/t', motion.translation)
  yield store.Answer(
    'mapping/out/exp', motion.expression.reshape(len(window), -1)
  )


CASES: dict[str, store.Case] = {'expnet': expnet, 'mapping': mapping}
