"""American English of flite, a program of Carnegie Mellon University."""

from collections.abc import Iterator
import pathlib
import random
import re
import shutil
import subprocess
import tempfile

import scipy.io.wavfile

from sadtalker_jax.ops import lip_classes
from sadtalker_jax.phonetic_fitting import synthesiser, texts
from sadtalker_jax.records import speech

_VOICES = ('slt', 'rms', 'awb', 'slt', 'rms', 'awb', 'kal16')
_PITCHED = ('slt', 'rms', 'awb')  # those whose pitch can be set
_PITCH = (75, 240)  # hertz
_PHONE = re.compile(r'([a-z]+):([\d.]+)')


class Flite:
  """The four voices that Debian's package has."""

  name = 'flite'

  def __init__(self, said: texts.Texts):
    self._said = said

  def lacks(self) -> str:
    """What must be installed, in words; '' if all is there."""
    if shutil.which('flite'):
      return ''
    return 'expected the program flite (apt-get install flite), found none'

  def utterances(self, rng: random.Random) -> Iterator[speech.Utterance]:
    """Speech without end."""
    with tempfile.TemporaryDirectory() as scratch:
      while True:
        found = self._speak(rng, pathlib.Path(scratch) / 'a.wav')
        if found is not None:
          yield found

  def _speak(
    self, rng: random.Random, path: pathlib.Path
  ) -> speech.Utterance | None:
    voice = rng.choice(_VOICES)
    stretch = rng.uniform(*synthesiser.SPEEDS)
    flags = ['--setf', f'duration_stretch={stretch:.2f}']
    if voice in _PITCHED:
      flags += ['--setf', f'int_f0_target_mean={rng.uniform(*_PITCH):.0f}']
    done = subprocess.run(
      ['flite', '-voice', voice, *flags, '-psdur']
      + ['-t', self._said.draw(rng), '-o', str(path)],
      capture_output=True,
      text=True,
      check=False,
    )
    try:
      rate, wave = scipy.io.wavfile.read(path)
    except (OSError, ValueError):  # a text that the program cannot read
      return None
    path.unlink()
    matches = (_PHONE.fullmatch(word) for word in done.stdout.split())
    ends = [(m[1], float(m[2])) for m in matches if m]
    begins = [0.0, *(end for _, end in ends[:-1])]
    phones = [
      (begin, end, phone)
      for begin, (phone, end) in zip(begins, ends, strict=False)
    ]
    return synthesiser.utterance(
      wave, rate, lip_classes.segments(phones), f'flite {voice}', 'en'
    )
