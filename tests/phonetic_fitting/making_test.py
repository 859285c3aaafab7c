"""Synthesisers that are there speak; those that are not are named."""

import random

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.ops import lip_classes, lip_spectra
from sadtalker_jax.phonetic_fitting import (
  festival,
  flite,
  kokoro,
  making,
  texts,
)
from tests.phonetic_fitting import hummer

SAID = texts.Texts(
  {
    'en': [
      'Pete popped a big paper bag by the back of a cab, but Bob kept a copy.'
    ]
  },
  ['map'],
)


def test_parts_that_are_there_are_not_made_again(tmp_path, monkeypatch):
  monkeypatch.setattr(making, '_PART', 6.0)
  lines = []
  one, other = hummer.Hummer(), hummer.Hummer('absent', lacks='no voice')
  spoken = making.make(tmp_path, [one, other], minutes=0.2, say=lines.append)
  assert one.spoken == 4 and spoken == {'hummer': pytest.approx(0.2)}
  assert lines[0] == 'absent is left out: no voice'
  again = making.make(tmp_path, [one], minutes=0.3, say=lines.append)
  assert one.spoken == 6 and again == {'hummer': pytest.approx(0.3)}
  with pytest.raises(errors.InputError, match='expected one of kokoro, flite'):
    making.make(tmp_path, [other], minutes=1, say=lines.append)


@pytest.mark.parametrize('kind', ['kokoro', 'flite', 'festival'])
def test_phones_of_real_voices_are_in_time(kind, tmp_path):
  maker = {
    'kokoro': lambda: kokoro.Kokoro(SAID, tmp_path),
    'flite': lambda: flite.Flite(SAID),
    'festival': lambda: festival.Festival(SAID),
  }[kind]()
  if maker.lacks():
    assert maker.lacks().startswith('expected')
    pytest.skip(maker.lacks())
  try:
    found = next(maker.utterances(random.Random(0)))
  except errors.InputError as error:  # no registry can be reached
    pytest.skip(str(error))
  level = lip_spectra.levels(lip_spectra.decibels(found.wave / 2**15))
  names = [lip_classes.CLASSES[k] for k in found.classes]
  assert names.count('P') >= 10

  def loudness(wanted: tuple[str, ...], later: float) -> float:
    places = np.concatenate([
      np.arange(round(100 * (b + later)), round(100 * (e + later)))
      for b, e, name in zip(found.begin, found.end, names, strict=True)
      if name in wanted
    ])  # fmt: skip
    return float(level[np.clip(places, 0, len(level) - 1)].mean())

  lags = (-0.08, -0.04, 0.0, 0.04, 0.08)
  contrast = [
    loudness(lip_classes.VOWELS, lag) - loudness(('P',), lag) for lag in lags
  ]
  assert int(np.argmax(contrast)) in (1, 2, 3), contrast
