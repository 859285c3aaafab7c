"""Speech becomes examples in which sound and lips are together."""

import numpy as np
import pytest

import input_pipeline
from input_pipeline import selection, spoken_windows, utterances
from sadtalker_jax import errors
from sadtalker_jax.ops import lip_classes
from sadtalker_jax.records import speech


def _bursts() -> speech.Utterance:
  """Noise in every AA of 0.2 s, nothing in every P of 0.1 s, for 4.2 s."""
  rng = np.random.default_rng(0)
  length = np.tile([0.2, 0.1], 14)
  end = np.cumsum(length).astype(np.float32)
  begin = (end - length).astype(np.float32)
  names = [lip_classes.INDEX[name] for name in ('AA', 'P')] * 14
  wave = rng.normal(0, 5000, round(16000 * end[-1]))
  for place in range(1, 28, 2):
    wave[round(16000 * begin[place]) : round(16000 * end[place])] *= 0.003
  return speech.Utterance(
    wave.astype(np.int16), begin, end, np.array(names, np.uint8), 'noise', 'en'
  )


@pytest.fixture(scope='module')
def said(tmp_path_factory):
  folder = tmp_path_factory.mktemp('said')
  speech.write(folder, 'bursts', [_bursts()] * 3)
  return folder


@pytest.mark.parametrize('changes', [False, True])
def test_sound_and_classes_are_of_the_same_instant(said, changes):
  recipe = spoken_windows.SpokenWindows(changes=changes)
  clips = utterances.Utterances(said, 'train')
  for seed in range(6):
    found = recipe.example(clips, 0, np.random.default_rng(seed))
    loud = found['spectra'].mean(1).reshape(-1, 2).mean(1)
    known = found['weight'] > 0
    is_open = (found['classes'] == lip_classes.INDEX['AA']) & known
    is_shut = (found['classes'] == lip_classes.INDEX['P']) & known
    contrast = loud[is_open].mean() - loud[is_shut].mean()
    for shift in (-4, 4):  # 0.08 s
      moved = np.roll(loud, shift)
      assert contrast > moved[is_open].mean() - moved[is_shut].mean() + 0.1
    assert found['lips'][is_open, 0].mean() > found['lips'][is_shut, 0].mean()


def test_short_speech_is_filled_with_silence_of_no_weight(said):
  recipe = spoken_windows.SpokenWindows(num_rows=400, changes=False)
  clips = utterances.Utterances(said, 'train')
  found = recipe.example(clips, 1, np.random.default_rng(0))
  assert found['weight'].sum() == 210 and found['weight'][:210].all()
  assert (found['spectra'][420:] == -7).all()


def test_speech_is_chosen_like_clips(said, tmp_path):
  counts = [
    len(
      utterances.Utterances(
        said, 'train', selection=selection.Selection(held_out=part)
      ).positions
    )
    for part in ('with', 'without', 'only')
  ]
  assert counts == [3, 2, 1]
  with pytest.raises(errors.InputError, match='split train of speech'):
    input_pipeline.create(
      'lipnet', said, batch_size=1, seed=0, split='validation'
    )
  with pytest.raises(errors.InputError, match='no speech here'):
    utterances.Utterances(tmp_path, 'train')
  file = tmp_path / 'speech' / 'odd.npz'
  file.parent.mkdir()
  np.savez(file, sound=np.zeros(3))
  with pytest.raises(errors.InputError, match='odd.npz: expected speech'):
    utterances.Utterances(tmp_path, 'train')
