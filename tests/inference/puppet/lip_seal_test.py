"""A jaw that shuts lips which the photo shows apart."""

import numpy as np

from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference.puppet import fitted_head, lip_seal


def _head(jaw_open: float) -> fitted_head.FittedHead:
  """A person whose own lips are apart; the photo opens the jaw farther."""
  model = bundle_lib.load().model
  jaw = model.expression_names.index('jawOpen')
  expression = np.asarray(model.expression, np.float64)
  beta = np.zeros(len(expression))
  beta[jaw] = jaw_open
  vertices = np.asarray(model.mean, np.float64) + 0.2 * expression[jaw]
  return fitted_head.FittedHead(
    vertices, expression, beta, np.eye(3), np.zeros(3)
  )


def test_shut_jaw_seals_the_lips_and_the_photo_stays():
  model, head = bundle_lib.load().model, _head(0.4)
  sealed = lip_seal.sealed(model, head)
  np.testing.assert_allclose(sealed.expressed(), head.expressed(), atol=1e-12)
  before = lip_seal.shut_gaps(model, head)
  after = lip_seal.shut_gaps(model, sealed)
  assert before.max() > 0.03  # decimetre
  # Nothing is seen between lips that lie over each other by a hair.
  assert after.max() < 0.0
  assert after.min() > min(before.min(), -lip_seal.LAP) - 0.005


def test_photo_with_shut_lips_keeps_its_jaw():
  head = _head(0.05)
  assert lip_seal.sealed(bundle_lib.load().model, head) is head
