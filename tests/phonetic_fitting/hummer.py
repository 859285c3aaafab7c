"""A synthesiser of three seconds of humming, for tests."""

from collections.abc import Iterator
import random

import numpy as np

from sadtalker_jax.ops import lip_classes
from sadtalker_jax.phonetic_fitting import synthesiser
from sadtalker_jax.records import speech


class Hummer:
  """Says mama, at random pitches."""

  def __init__(self, name: str = 'hummer', lacks: str = ''):
    self.name = name
    self.spoken = 0
    self._lacks = lacks

  def lacks(self) -> str:
    return self._lacks

  def utterances(self, rng: random.Random) -> Iterator[speech.Utterance]:
    while True:
      self.spoken += 1
      time = np.arange(48000) / 16000
      hum = np.sin(2 * np.pi * rng.uniform(100, 200) * time) ** 9
      loud = np.repeat(np.tile([0.1, 1.0], 10), 2400)
      segments = [
        lip_classes.Segment(
          0.15 * k, 0.15 * (k + 1), 'P' if k % 2 == 0 else 'AA'
        )
        for k in range(20)
      ]
      found = synthesiser.utterance(hum * loud, 16000, segments, 'hum', 'en')
      assert found is not None
      yield found
