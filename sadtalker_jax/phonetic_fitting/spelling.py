"""From text to the symbols that Kokoro reads: its IPA, with a few of its own.

`espeak-ng` spells all languages, as a program beside this one; without it
English words are looked up in CMU's dictionary, whose sounds are written in
ARPAbet and know no stress, and other languages are left out.
"""

import functools
import importlib
import pathlib
import re
import shutil
import subprocess

PROGRAM = 'espeak-ng'
# Voices of the program by language.
_VOICES = {
  'en': 'en-us',
  'en-gb': 'en-gb',
  'es': 'es',
  'fr': 'fr-fr',
  'it': 'it',
  'pt': 'pt-br',
  'de': 'de',
}
# What Kokoro writes otherwise than the program, in English; in this order.
_ENGLISH = (
  ('a͡ɪ', 'I'), ('aɪ', 'I'), ('a͡ʊ', 'W'), ('aʊ', 'W'), ('d͡ʒ', 'ʤ'),
  ('dʒ', 'ʤ'), ('e͡ɪ', 'A'), ('eɪ', 'A'), ('t͡ʃ', 'ʧ'), ('tʃ', 'ʧ'),
  ('ɔ͡ɪ', 'Y'), ('ɔɪ', 'Y'), ('oʊ', 'O'), ('əʊ', 'Q'), ('ɚ', 'əɹ'),
  ('ɬ', 'l'), ('ʔ', 't'), ('r', 'ɹ'), ('x', 'k'), ('ç', 'k'), ('ɐ', 'ə'),
)  # fmt: skip
_ARPABET = {
  'AA': 'ɑ', 'AE': 'æ', 'AH': 'ʌ', 'AO': 'ɔ', 'AW': 'W', 'AX': 'ə', 'AY': 'I',
  'B': 'b', 'CH': 'ʧ', 'D': 'd', 'DH': 'ð', 'EH': 'ɛ', 'ER': 'ɜɹ', 'EY': 'A',
  'F': 'f', 'G': 'ɡ', 'HH': 'h', 'IH': 'ɪ', 'IY': 'i', 'JH': 'ʤ', 'K': 'k',
  'L': 'l', 'M': 'm', 'N': 'n', 'NG': 'ŋ', 'OW': 'O', 'OY': 'Y', 'P': 'p',
  'R': 'ɹ', 'S': 's', 'SH': 'ʃ', 'T': 't', 'TH': 'θ', 'UH': 'ʊ', 'UW': 'u',
  'V': 'v', 'W': 'w', 'Y': 'j', 'Z': 'z', 'ZH': 'ʒ',
}  # fmt: skip
_VOWELS = ('AA', 'AE', 'AO', 'AW', 'AY', 'EH', 'ER', 'EY', 'IY', 'OW', 'OY',
           'UH', 'UW', 'IH', 'AH')  # fmt: skip
_MARKS = re.compile(r'[,.;:!?]')


def installed() -> bool:
  """Whether the program is there."""
  return shutil.which(PROGRAM) is not None


def languages() -> tuple[str, ...]:
  """Languages that can be spelt here."""
  return tuple(_VOICES) if installed() else ('en',)


def spell(text: str, language: str) -> str:
  """Symbols of a text; '' where a word is not known."""
  if installed():
    return _by_program(text, language)
  return _by_dictionary(text)


@functools.cache
def dictionary() -> dict[str, list[str]]:
  """English words with their ARPAbet, of the package pocketsphinx.

  Raises:
    ModuleNotFoundError: pocketsphinx is not installed.
  """
  sphinx = importlib.import_module('pocketsphinx')
  path = pathlib.Path(sphinx.get_model_path('en-us/cmudict-en-us.dict'))
  rows = (line.split() for line in path.read_text().splitlines())
  return {word: phones for word, *phones in rows if '(' not in word}


def _by_program(text: str, language: str) -> str:
  pieces = re.findall(r'[^,.;:!?]+|[,.;:!?]', text)
  spoken = [p.strip() + '.' for p in pieces if not _MARKS.match(p)]
  done = subprocess.run(
    [PROGRAM, '-v', _VOICES[language], '--ipa', '-q'],
    input='\n'.join(spoken),
    capture_output=True,
    text=True,
    check=False,
  )
  lines = iter(line.strip() for line in done.stdout.strip().split('\n'))
  found = ''
  for piece in pieces:
    if _MARKS.match(piece):
      found = found.rstrip() + piece + ' '
    else:  # (en) and the like stand where the language changes
      found += re.sub(r'\(\w+\)', '', next(lines, '')) + ' '
  if language.startswith('en'):
    for before, after in _ENGLISH:
      found = found.replace(before, after)
  return found.strip()


def _by_dictionary(text: str) -> str:
  """English by the dictionary, stress on the first vowel of long words."""
  known = dictionary()
  found: list[str] = []
  for word in re.findall(r"[a-z']+|[,.;:!?]", text.lower()):
    if _MARKS.match(word):
      found[-1:] = [(found[-1] if found else '') + word]
      continue
    if word not in known:
      return ''
    phones = known[word]
    symbols = [_ARPABET[phone] for phone in phones]
    vowels = [i for i, phone in enumerate(phones) if phone in _VOWELS]
    if len(phones) > 2 and vowels:
      symbols[vowels[0]] = 'ˈ' + symbols[vowels[0]]
    found.append(''.join(symbols))
  return ' '.join(found)
