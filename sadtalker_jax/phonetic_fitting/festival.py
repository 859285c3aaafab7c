"""Speech of festival, a program of the University of Edinburgh; English."""

from collections.abc import Iterator
import pathlib
import random
import shutil
import subprocess
import tempfile

import scipy.io.wavfile

from sadtalker_jax.ops import lip_classes
from sadtalker_jax.phonetic_fitting import synthesiser, texts
from sadtalker_jax.records import speech

# Voices, the best one twice, with the Debian package of each.
_VOICES = ('cmu_us_slt_arctic_hts', 'ked_diphone', 'kal_diphone',
           'cmu_us_slt_arctic_hts')  # fmt: skip
_PACKAGES = 'festival festvox-us-slt-hts festvox-kallpc16k festvox-kdlpc16k'
_FOLDER = pathlib.Path('/usr/share/festival/voices')
_AT_ONCE = 30  # utterances of a call, which takes a second to begin


class Festival:
  """Three American voices."""

  name = 'festival'

  def __init__(self, said: texts.Texts):
    self._said = said

  def lacks(self) -> str:
    """What must be installed, in words; '' if all is there."""
    missing = [v for v in set(_VOICES) if not list(_FOLDER.glob(f'*/{v}'))]
    if shutil.which('festival') and not missing:
      return ''
    return (
      f'expected festival with its voices (apt-get install {_PACKAGES}), '
      f'found {"no program" if not missing else "no " + min(missing)}'
    )

  def utterances(self, rng: random.Random) -> Iterator[speech.Utterance]:
    """Speech without end."""
    while True:
      with tempfile.TemporaryDirectory() as scratch:
        yield from self._speak(rng, pathlib.Path(scratch))

  def _speak(
    self, rng: random.Random, folder: pathlib.Path
  ) -> Iterator[speech.Utterance]:
    """What one call of the program says."""
    voice = rng.choice(_VOICES)
    stretch = rng.uniform(*synthesiser.SPEEDS)
    lines = [
      f'(voice_{voice})',
      f"(Parameter.set 'Duration_Stretch {stretch:.2f})",
    ]
    for number in range(_AT_ONCE):
      text = self._said.draw(rng).replace('"', '').replace('\\', '')
      lines += [
        f'(set! u (utt.synth (Utterance Text "{text}")))',
        f'(utt.save.wave u "{folder}/{number}.wav")',
        f'(utt.save.segs u "{folder}/{number}.lab")',
      ]
    script = folder / 'all.scm'
    script.write_text('\n'.join(lines))
    subprocess.run(
      ['festival', '-b', str(script)], capture_output=True, check=False
    )
    for number in range(_AT_ONCE):
      try:
        rate, wave = scipy.io.wavfile.read(folder / f'{number}.wav')
        labels = (folder / f'{number}.lab').read_text()
      except (OSError, ValueError):  # a text that the program cannot read
        continue
      found = synthesiser.utterance(
        wave,
        rate,
        lip_classes.segments(_phones(labels)),
        f'festival {voice}',
        'en',
      )
      if found is not None:
        yield found


def _phones(labels: str) -> list[tuple[float, float, str]]:
  """Phones of a file of labels: lines of an end, a number and a name."""
  found, begin = [], 0.0
  for line in labels.splitlines():
    words = line.split()
    if len(words) == 3:
      end = float(words[0])
      found.append((begin, end, words[2]))
      begin = end
  return found
