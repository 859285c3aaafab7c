import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.ops import dominance, lip_classes
from sadtalker_jax.phonetic_fitting import scores, targets

NAMES = ('SIL', 'IY', 'P', 'AA', 'UW', 'S', 'EH', 'W')
FPS = 25.0


def _spoken(talker: str, gain: float, table: dominance.Dominance, seed: int):
  """Four seconds of phones in any order, said by the lips of a table."""
  rng = np.random.default_rng(seed)
  names = rng.choice(NAMES, 40)
  segments = [
    lip_classes.Segment(0.1 * k, 0.1 * (k + 1), name)
    for k, name in enumerate(names)
  ]
  lips = gain * dominance.tracks(segments, 100, FPS, table) + 0.1
  speech = np.ones(100, bool)
  return targets.Spoken(talker, talker, FPS, lips, speech, segments, True, 0)


@pytest.fixture(scope='module')
def clips() -> list[targets.Spoken]:
  """Talkers of other gains, whose s lifts the upper lip."""
  plain = dominance.load(targets._PRIOR)
  target = plain.target.copy()
  target[lip_classes.INDEX['S'], 3] = 0.5
  table = plain._replace(target=target)
  gains = {'one': 0.7, 'two': 1.0, 'three': 1.4}
  return [
    _spoken(name, gain, table, seed)
    for seed, (name, gain) in enumerate(gains.items())
  ]


def test_what_talkers_share_is_learned(clips):
  """And their gains and offsets are not."""
  found = targets.fit(clips)
  prior = dominance.load(targets._PRIOR)
  change = found.target - prior.target
  s = lip_classes.INDEX['S']
  assert change[s, 3] > 0.15
  others = np.delete(np.arange(24), s)
  assert np.abs(change[others, 3]).max() < 0.5 * change[s, 3]
  assert np.abs(change[:, :3]).max() < 0.1
  assert (found.before > 0.01).all() and (found.after > 0.01).all()


def test_talkers_are_held_out(clips):
  held = targets.held_out(clips)
  prior = dominance.load(targets._PRIOR)
  for clip in clips:
    assert held[clip.name][3] > targets.correlations(clip, prior)[3]
  table = targets.report(clips, held).splitlines()
  assert len(table) == 6 and table[-1].startswith('| mean | 3 |')
  with pytest.raises(errors.InputError, match='two talkers'):
    targets.held_out(clips[:1])


def test_clips_without_speech_are_left_out(monkeypatch):
  """And sound that comes early is found to."""
  said = _spoken('a', 1.0, dominance.load(targets._PRIOR), 0)
  late = np.roll(said.lips, 3, axis=0)
  clip = scores.Clip(
    'a', np.ones(64000, np.float32), FPS, late[:, 0], late[:, 1], late
  )
  phones = [(s.begin, s.end, s.name) for s in said.segments]

  def find(wave: np.ndarray, text: str):
    if not wave.any():
      raise targets.phone_times.NotAligned('silence')
    assert text == 'words'
    return phones

  monkeypatch.setattr(targets.phone_times, 'find', find)
  silent = scores.Clip(
    'b', np.zeros(64000, np.float32), FPS, late[:, 0], late[:, 1], late
  )
  found = targets.read([clip, silent], {'a': 'words'}, {'a': 'me', 'b': 'me'})
  assert [(each.name, each.talker, each.exact) for each in found] == [
    ('a', 'me', True)
  ]
  assert found[0].shift == 3
  with pytest.raises(errors.InputError, match='found none'):
    targets.read([silent], {}, {'b': 'me'})
