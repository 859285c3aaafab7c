"""Texts, their spelling, and the classes of what is spelt."""

import pytest

from sadtalker_jax.ops import lip_classes
from sadtalker_jax.phonetic_fitting import ipa, spelling, texts

_FORTUNES = """Be brief, bold and \x1b[1mbrave\x1b[0m when people ask you.
12 eggs!
Short.
		-- Nobody, "Of Nothing At All That Has A Name"
%
Who knows what #hashes or <tags> could ever mean aloud?
%
What is it that a cat would want of a dog, do you think?
"""


def test_sentences_that_can_be_read_aloud_are_kept(tmp_path, monkeypatch):
  monkeypatch.setattr(spelling, 'dictionary', lambda: {'pie': ['P', 'AY']})
  (tmp_path / 'wisdom').write_text(_FORTUNES)
  (tmp_path / 'es').mkdir()
  (tmp_path / 'es' / 'uno').write_text('Dime con quien andas y te dire algo.')
  (tmp_path / 'es' / 'uno.dat').write_text('Nada de esto es una frase, nunca.')
  found = texts.load(tmp_path)
  assert found.sentences['en'] == [
    'Be brief, bold and brave when people ask you.',
    'What is it that a cat would want of a dog, do you think?',
  ]
  assert found.sentences['es'] == ['Dime con quien andas y te dire algo.']
  assert found.languages() == ['en', 'es'] and found.words == ['pie']


def test_english_is_spelt_by_the_dictionary_where_there_is_no_program(
  monkeypatch,
):
  pytest.importorskip('pocketsphinx')
  monkeypatch.setattr(spelling, 'installed', lambda: False)
  assert spelling.languages() == ('en',)
  found = spelling.spell('The boy, who sings.', 'en')
  assert found == 'ðʌ bY, hu sˈɪŋz.'
  assert spelling.spell('Xyzzyplugh is no word.', 'en') == ''


def test_marks_and_gaps_go_to_their_neighbours():
  symbols = 'p ˈiːI,'
  times = [0.1 * k for k in range(len(symbols) + 1)]
  found = ipa.segments(symbols, times[:-1], times[1:])
  assert [s.name for s in found] == ['P', 'IY', 'AA', 'IH', 'SIL']
  ends = [round(s.end, 2) for s in found]
  assert ends == [0.15, 0.5, 0.56, 0.6, 0.7]
  assert [round(s.begin, 2) for s in found] == [0, *ends[:-1]]


def test_every_class_is_written_somehow():
  written = {*ipa.CLASSES.values()} | {g.first for g in ipa.GLIDES.values()}
  assert written == {*lip_classes.CLASSES} - {'SIL'}
