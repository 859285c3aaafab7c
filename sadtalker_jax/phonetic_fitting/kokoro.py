"""Speech of Kokoro-82M, which says how long each symbol of its text lasts."""

from collections.abc import Iterator
import importlib
import importlib.util
import pathlib
import random
import threading
from typing import Any

import numpy as np

from sadtalker_jax.ops import lip_classes
from sadtalker_jax.phonetic_fitting import (
  ipa,
  kokoro_files,
  spelling,
  synthesiser,
  texts,
)
from sadtalker_jax.records import speech

_RATE = 24_000
_EARLY = 0.055  # seconds by which the sound is earlier than durations say
_LETTERS = (12, 400)  # least and most symbols of a text
_NEEDS = ('onnx', 'onnxruntime', kokoro_files.PACKAGE)
# Language of a voice by the first letter of its name; what cannot be said in
# it is said in another.
_LANGUAGES = {'a': 'en', 'b': 'en-gb', 'e': 'es', 'f': 'fr', 'i': 'it',
              'p': 'pt'}  # fmt: skip
_ENGLISH_SHARE, _FOREIGN_SHARE, _BLEND_SHARE = 0.35, 0.3, 0.6


class Kokoro:
  """Its 54 voices, and blends of two of them."""

  name = 'kokoro'

  def __init__(self, said: texts.Texts, downloads: pathlib.Path):
    """Nothing is loaded before something is said.

    Args:
      said: What is said.
      downloads: Folder in which the voices are kept.
    """
    self._said = said
    self._downloads = downloads
    self._lock = threading.Lock()
    self._loaded: tuple[Any, dict[str, int], dict[str, np.ndarray]] | None
    self._loaded = None

  def lacks(self) -> str:
    """What must be installed, in words; '' if all is there."""
    missing = [n for n in _NEEDS if importlib.util.find_spec(n) is None]
    if not missing:
      return ''
    return (
      f"expected the package {missing[0]} (pip install 'sadtalker-jax[lips]'), "
      'found none'
    )

  def utterances(self, rng: random.Random) -> Iterator[speech.Utterance]:
    """Speech without end.

    Raises:
      InputError: The voices cannot be fetched.
    """
    session, numbers, voices = self._load()
    while True:
      voice, style, language = self._speaker(rng, voices)
      text = self._said.draw(rng, 'en' if language[:2] == 'en' else language)
      symbols = ''.join(
        c for c in spelling.spell(text, language) if c in numbers
      )[: _LETTERS[1]]
      if len(symbols) < _LETTERS[0]:
        continue
      wave, steps = session.run(
        None,
        {
          'tokens': np.array([[0, *(numbers[c] for c in symbols), 0]]),
          'style': style[min(len(symbols), len(style) - 1)][None],
          'speed': np.array([rng.uniform(*synthesiser.SPEEDS)], np.float32),
        },
      )
      found = synthesiser.utterance(
        wave.ravel(),
        _RATE,
        _segments(symbols, steps.ravel(), wave.size / _RATE),
        f'kokoro {voice}',
        language,
      )
      if found is not None:
        yield found

  def _load(self) -> tuple[Any, dict[str, int], dict[str, np.ndarray]]:
    """Network, symbols and voices, for all threads."""
    with self._lock:
      if self._loaded is None:
        voices = kokoro_files.voices(self._downloads)
        ort = importlib.import_module('onnxruntime')
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = ort.InferenceSession(
          kokoro_files.network(), options, providers=['CPUExecutionProvider']
        )
        self._loaded = session, kokoro_files.symbols(), voices
      return self._loaded

  def _speaker(
    self, rng: random.Random, voices: dict[str, np.ndarray]
  ) -> tuple[str, np.ndarray, str]:
    """Name and style of a voice, often a blend, and what it speaks."""
    names = sorted(voices)
    voice = rng.choice(names)
    if rng.random() < _ENGLISH_SHARE:
      voice = rng.choice([n for n in names if n[0] in 'ab'])
    style = voices[voice]
    known = self._languages()
    language = _LANGUAGES.get(voice[0], '')
    if language not in known or rng.random() < _FOREIGN_SHARE:
      language = rng.choice(known)
    if rng.random() < _BLEND_SHARE:
      other, share = rng.choice(names), rng.uniform(0.25, 0.75)
      style = share * style + (1 - share) * voices[other]
      voice = f'{voice}+{other}'
    return voice, style.astype(np.float32), language

  def _languages(self) -> list[str]:
    """Those with texts that can be spelt, English twice."""
    texts_of = {*self._said.languages(), 'en-gb'}
    found = [n for n in spelling.languages() if n in texts_of]
    return ['en', *found]


def _segments(
  symbols: str, steps: np.ndarray, seconds: float
) -> list[lip_classes.Segment]:
  """Segments of symbols with silence around them.

  Args:
    symbols: N symbols.
    steps: [N + 2] how long each of them and both silences last, in any unit.
    seconds: Length of the sound.
  """
  ends = np.cumsum(steps) * seconds / steps.sum() - _EARLY
  begins = np.concatenate([[0.0], ends[:-1]])
  return ipa.segments(f'_{symbols}_', begins.tolist(), ends.tolist())
