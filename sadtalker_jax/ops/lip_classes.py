"""Classes of phones that look alike, and the classes that speech goes through.

A segment is (begin, end, class): seconds, seconds, a name in `CLASSES`.
"""

from collections.abc import Iterable
from typing import NamedTuple

CLASSES = (
  'SIL', 'P', 'F', 'W', 'UW', 'UH', 'OW', 'AO', 'SH', 'R', 'TH', 'T', 'L', 'S',
  'K', 'HH', 'Y', 'IY', 'IH', 'AX', 'EH', 'AE', 'AH', 'AA',
)  # fmt: skip
INDEX = {name: place for place, name in enumerate(CLASSES)}
VOWELS = CLASSES[INDEX['IY'] :] + ('UW', 'UH', 'OW', 'AO')
# Consonants that the tongue or throat makes, behind lips that are parted.
TONGUE = ('SH', 'R', 'TH', 'T', 'L', 'S', 'K', 'HH', 'Y')
ROUND = ('W', 'UW', 'UH', 'OW', 'SH', 'R')  # lips are pushed forward

# ARPAbet, as in CMU's dictionary and in the voices of flite and festival.
_ARPABET = {
  'P': 'P B M EM',
  'F': 'F V',
  'W': 'W',
  'UW': 'UW',
  'UH': 'UH',
  'AO': 'AO',
  'SH': 'CH JH SH ZH',
  'R': 'R ER AXR',
  'TH': 'TH DH',
  'T': 'T D N EN DX NX',
  'L': 'L EL',
  'S': 'S Z',
  'K': 'K G NG',
  'HH': 'HH HV Q',
  'Y': 'Y',
  'IY': 'IY',
  'IH': 'IH IX',
  'AX': 'AX',
  'EH': 'EH',
  'AE': 'AE',
  'AH': 'AH',
  'AA': 'AA',
}
ARPABET = {p: name for name, ps in _ARPABET.items() for p in ps.split()}


class Glide(NamedTuple):
  """A diphthong: its first class lasts a share of it, then its second."""

  first: str
  second: str
  share: float


GLIDES = {
  'EY': Glide('EH', 'IY', 0.45),
  'AY': Glide('AA', 'IH', 0.6),
  'AW': Glide('AA', 'UH', 0.55),
  'OW': Glide('OW', 'UH', 0.6),
  'OY': Glide('OW', 'IH', 0.55),
}


class Segment(NamedTuple):
  """A class and when it sounds."""

  begin: float  # seconds
  end: float
  name: str


def segments(
  phones: Iterable[tuple[float, float, str]],
) -> list[Segment]:
  """Segments of ARPAbet phones (begin, end, name); unknown names are silence.

  Args:
    phones: Phones in order; digits of stress do not matter.
  """
  found = []
  for begin, end, phone in phones:
    name = phone.upper().rstrip('012')
    if end <= begin:
      continue
    if name in GLIDES:
      first, second, share = GLIDES[name]
      middle = begin + share * (end - begin)
      found.append(Segment(begin, middle, first))
      found.append(Segment(middle, end, second))
    else:
      found.append(Segment(begin, end, ARPABET.get(name, 'SIL')))
  return found
