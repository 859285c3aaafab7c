"""When which phone is spoken: English, by the recogniser pocketsphinx.

It comes with the extra `lips`; nothing else needs it. Phones are ARPAbet names,
times are seconds, sound is mono float32 at 16 kHz.
"""

import importlib
import importlib.util
from typing import Any, NamedTuple

import numpy as np

from sadtalker_jax.typing import Array

PACKAGE = 'pocketsphinx'
_RATE = 100  # of the aligner, frames a second
_PEAK = 23000  # amplitude that the recogniser is used to


class NotAligned(Exception):
  """The recogniser found no text, or no way of the text through the sound."""


class Phone(NamedTuple):
  """A phone and when it is spoken."""

  begin: float
  end: float
  name: str


def installed() -> bool:
  """Whether the recogniser is there."""
  return importlib.util.find_spec(PACKAGE) is not None


def find(wave: Array, text: str = '') -> list[Phone]:
  """The phones of speech in order.

  Args:
    wave: [L] sound, some seconds.
    text: What is said, lower case without marks; '' if it is not known, which
      is less exact.

  Raises:
    ModuleNotFoundError: pocketsphinx is not installed.
    NotAligned: There is no speech, or another text is said.
  """
  sphinx = importlib.import_module(PACKAGE)
  sound = np.asarray(wave, np.float32)
  peak = float(np.abs(sound).max()) if len(sound) else 0.0
  if peak == 0:
    raise NotAligned('silence')
  loud = (sound / peak * _PEAK).astype('<i2').tobytes()
  text = text or _recognised(sphinx, loud)
  # Without the second search over words, and with beams that lose nothing:
  # with the recogniser's own, many short clips have no alignment at all.
  decoder = sphinx.Decoder(
    lm=None,
    loglevel='FATAL',
    bestpath=False,
    beam=0.0,
    wbeam=0.0,
    pbeam=0.0,
    maxhmmpf=-1,
  )
  try:
    decoder.set_align_text(text)
    _decode(decoder, loud)
    decoder.set_alignment()
    _decode(decoder, loud)
    alignment = decoder.get_alignment()
  except RuntimeError as error:
    raise NotAligned(f'{text!r}: {error}') from error
  if alignment is None:
    raise NotAligned(f'{text!r} is not what is said')
  return [
    Phone(p.start / _RATE, (p.start + p.duration) / _RATE, p.name)
    for word in alignment
    for p in word
  ]


def _recognised(sphinx: Any, loud: bytes) -> str:
  decoder = sphinx.Decoder(loglevel='FATAL')
  _decode(decoder, loud)
  found = decoder.hyp()
  if found is None or not found.hypstr:
    raise NotAligned('no words were recognised')
  return found.hypstr


def _decode(decoder: Any, sound: bytes) -> None:
  decoder.start_utt()
  decoder.process_raw(sound, full_utt=True)
  decoder.end_utt()
