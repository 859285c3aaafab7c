"""The bundle and the recording that ship."""

import numpy as np
import pytest

from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.media import audio


@pytest.fixture(scope='module')
def bundle() -> bundle_lib.Bundle:
  return bundle_lib.load()


@pytest.fixture(scope='module')
def wave() -> np.ndarray:
  return audio.load(bundle_lib.SAMPLE_SPEECH)
