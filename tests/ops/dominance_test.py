import numpy as np
import pytest

from sadtalker_jax.ops import dominance, lip_classes

SAID = [
  lip_classes.Segment(0.0, 0.3, 'SIL'),
  lip_classes.Segment(0.3, 0.45, 'AA'),
  lip_classes.Segment(0.45, 0.53, 'P'),
  lip_classes.Segment(0.53, 0.7, 'IY'),
  lip_classes.Segment(0.7, 0.9, 'UW'),
  lip_classes.Segment(0.9, 1.2, 'SIL'),
]


def test_lips_go_to_the_targets_of_what_is_said():
  lips = dominance.tracks(SAID, 120, 100)
  assert lips.shape == (120, 5) and lips.dtype == np.float32
  gap, width = lips.T[:2]
  assert gap[49] < 0.2 < 0.6 < gap[37]
  assert width[61] > 0.05 > -0.1 > width[80]
  assert gap.min() >= 0 and gap[0] < 0.1


def test_who_dominates_more_is_reached_more():
  plain = dominance.load()
  strength = plain.strength.copy()
  strength[lip_classes.INDEX['P'], 0] = -3.0
  weak = plain._replace(strength=strength)
  found = dominance.tracks(SAID, 120, 100, weak)[49, 0]
  assert found > 2 * dominance.tracks(SAID, 120, 100)[49, 0]


def test_classes_are_those_of_the_instant():
  found = dominance.classes_at(SAID, 150, 100)
  names = [lip_classes.CLASSES[k] for k in found[[0, 40, 49, 85, 149]]]
  assert names == ['SIL', 'AA', 'P', 'UW', 'SIL']


def test_numbers_are_read_as_they_were_written(tmp_path):
  dominance.save(tmp_path / 'table.csv', dominance.load())
  assert (tmp_path / 'table.csv').read_text() == dominance.DATA.read_text()


def test_the_upper_lip_rises_for_s_and_f_and_comes_down_for_p():
  upper = dominance.load().target[:, dominance.MEASURES.index('upper')]
  of = {name: upper[k] for name, k in lip_classes.INDEX.items()}
  assert min(of['S'], of['F']) > of['SIL'] > of['P']


@pytest.mark.parametrize('part', dominance.Dominance._fields)
def test_every_class_has_its_numbers(part):
  table = getattr(dominance.load(), part)
  assert table.shape == (24, 5) and np.isfinite(table).all()
  if part in ('before', 'after'):
    assert (table > 0.01).all()
