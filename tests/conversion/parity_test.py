"""Every network against the published PyTorch one, through the converter.

Each case converts stand-in weights with the table that `cli.convert` uses, runs
our module on the original's inputs and holds the answers against the original's
(see `tests.parity.store` for other weights: PARITY_DIR, PARITY_SEED). A table
of all errors ends the run: `pytest tests/conversion/parity_test.py -rP`.
"""

import pytest

from tests.parity import (
  cases_experts,
  cases_expnet,
  cases_faces,
  cases_fan,
  cases_generator,
  cases_keypoints,
  cases_posevae,
  cases_restoration,
  cases_speech,
  store,
)

CASES: dict[str, store.Case] = {
  **cases_experts.CASES,
  **cases_expnet.CASES,
  **cases_faces.CASES,
  **cases_fan.CASES,
  **cases_generator.CASES,
  **cases_keypoints.CASES,
  **cases_posevae.CASES,
  **cases_restoration.CASES,
  **cases_speech.CASES,
}


# Whole networks of pictures of 512 pixels.
_SLOW = ('restoreformer', 'realesrgan_x2', 'realesrgan_x4', 'parsenet')


@pytest.mark.parametrize(
  'group',
  [
    pytest.param(name, marks=[pytest.mark.slow] * (name in _SLOW))
    for name in CASES
  ],
)
def test_answers_like_the_original(group):
  errors = [store.check(answer) for answer in CASES[group]()]
  assert errors, group
  for error in errors:
    print(
      f'{error.key:45s} max {error.largest:8.1e}  '
      f'{error.relative:8.1e} of its deviation'
    )
