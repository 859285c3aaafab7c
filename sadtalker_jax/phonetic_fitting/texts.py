"""What is said: sentences of installed packages, and words without sense.

Sentences are those of Debian's `fortunes` packages where they are installed,
words those of CMU's dictionary in the package pocketsphinx. None is kept.
"""

import dataclasses
import pathlib
import random
import re

from sadtalker_jax.phonetic_fitting import spelling

FORTUNES = pathlib.Path('/usr/share/games/fortunes')
PACKAGES = 'fortunes fortunes-es fortunes-it fortunes-de fortunes-br'
_ENGLISH = (
  'computers education food kids law literature love medicine miscellaneous '
  'people pets politics science songs-poems sports wisdom work'
).split()
# Folders or files of other languages.
_OTHERS = {'es': 'es', 'it': 'it', 'de': 'de', 'pt': 'brasil'}
_LETTERS = (25, 170)  # least and most of a sentence
# What no voice reads as it is written.
_ODD = re.compile(r'["<>{}\[\]|\\/@#$%^&*_=+~`0-9]')
_CONTROLS = re.compile(r'\x1b\[[0-9;]*m|\x08')
_WORD = re.compile(r'[a-z]{2,11}')


@dataclasses.dataclass(frozen=True)
class Texts:
  """Sentences by language, and English words."""

  sentences: dict[str, list[str]]
  words: list[str]

  def languages(self) -> list[str]:
    """Languages that something can be said in."""
    return sorted({'en', *(k for k, found in self.sentences.items() if found)})

  def draw(self, rng: random.Random, language: str = 'en') -> str:
    """Something to say; in English often words without sense."""
    known = self.sentences.get(language, [])
    if language == 'en' and (not known or rng.random() < 0.3):
      count = rng.randint(5, 15)
      return ' '.join(rng.choice(self.words) for _ in range(count)) + '.'
    return rng.choice(known)


def load(folder: pathlib.Path = FORTUNES) -> Texts:
  """Everything that is installed.

  Raises:
    ModuleNotFoundError: pocketsphinx is not installed.
  """
  sentences = {'en': [s for name in _ENGLISH for s in _of_file(folder / name)]}
  for language, name in _OTHERS.items():
    place = folder / name
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    sentences[language] = [
      s for f in files if f.suffix not in ('.dat', '.u8') for s in _of_file(f)
    ]
  words = sorted(w for w in spelling.dictionary() if _WORD.fullmatch(w))
  return Texts(sentences, words)


def _of_file(path: pathlib.Path) -> list[str]:
  """The sentences of a file of fortunes that can be read aloud."""
  if not path.is_file():
    return []
  text = _CONTROLS.sub('', path.read_text(errors='ignore'))
  found = []
  for fortune in text.split('\n%'):
    said = re.split(r'\s--\s', re.sub(r'\s+', ' ', fortune))[0]
    for match in re.finditer(r'[^.!?;]+[.!?;]', said):
      sentence = match[0].strip()
      right = _LETTERS[0] <= len(sentence) <= _LETTERS[1]
      if right and not _ODD.search(sentence):
        found.append(sentence)
  return found
