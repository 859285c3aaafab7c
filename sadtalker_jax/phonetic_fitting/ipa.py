"""Classes of what is written in Kokoro's IPA."""

from collections.abc import Sequence

from sadtalker_jax.ops import lip_classes

_SYMBOLS = {
  'P': 'pbm',
  'F': 'fvɱʋ',
  'W': 'wʍɥβɸ',
  'UW': 'uʉyɯ',
  'UH': 'ʊʏ',
  'OW': 'oøɵɤ',
  'AO': 'ɔœɒ',
  'SH': 'ʃʒʧʤɕʑʂʐꭧʨʥ',
  'R': 'ɹɻɚɝ',
  'TH': 'θð',
  'T': 'tdnʈɖɳɾrɲTɽ',
  'L': 'lɫʎɭʟ',
  'S': 'szʦʣ',
  'K': 'kgɡŋxɣqχcɟçʁʀɴɰħʕɢ',
  'HH': 'hɦʔ',
  'Y': 'jʝ',
  'IY': 'i',
  'IH': 'ɪᵻɨ',
  'AX': 'əᵊɘ',
  'EH': 'eɛɜ',
  'AE': 'æ',
  'AH': 'ʌɐ',
  'AA': 'aɑ',
}
CLASSES = {symbol: name for name, all_ in _SYMBOLS.items() for symbol in all_}
# Kokoro's own letters.
GLIDES = {
  'A': lip_classes.GLIDES['EY'],
  'I': lip_classes.GLIDES['AY'],
  'W': lip_classes.GLIDES['AW'],
  'O': lip_classes.GLIDES['OW'],
  'Q': lip_classes.Glide('AX', 'UH', 0.5),
  'Y': lip_classes.GLIDES['OY'],
}
_STRESS = 'ˈˌ'  # sounds with what follows
_LENGTH = 'ː̃ʰʲ̩ˑ'  # sound with what is before


def segments(
  symbols: str, begin: Sequence[float], end: Sequence[float]
) -> list[lip_classes.Segment]:
  """Segments of symbols that sound one after the other.

  Marks of stress go to the next sound, those of length to the last one, and
  the gap between words to both its neighbours. What is no sound is silence.

  Args:
    symbols: N symbols.
    begin: [N] seconds.
    end: [N] seconds.
  """
  found: list[lip_classes.Segment] = []
  waiting: float | None = None  # where the next sound begins instead

  def lengthen(until: float) -> None:
    if found:
      found[-1] = found[-1]._replace(end=until)

  for symbol, first, last in zip(symbols, begin, end, strict=True):
    if symbol in _LENGTH:
      lengthen(last)
      continue
    if symbol in _STRESS:
      waiting = first if waiting is None else waiting
      continue
    if symbol == ' ':
      waiting = (first + last) / 2
      lengthen(waiting)
      continue
    start, waiting = first if waiting is None else waiting, None
    found += _sound(symbol, start, last)
  return [segment for segment in found if segment.end > segment.begin]


def _sound(symbol: str, begin: float, end: float) -> list[lip_classes.Segment]:
  """One or two segments of a symbol."""
  glide = GLIDES.get(symbol)
  if glide is None:
    name = CLASSES.get(symbol, 'SIL')
    return [lip_classes.Segment(begin, end, name)]
  middle = begin + glide.share * (end - begin)
  return [
    lip_classes.Segment(begin, middle, glide.first),
    lip_classes.Segment(middle, end, glide.second),
  ]
