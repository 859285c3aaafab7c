"""What a file of ours says of itself in words, in tags of mp4 and in XMP.

One sentence has everything, so that each carrier alone tells it: the tag
`comment`, which programs that copy streams into another file keep, and the
description in XMP, which has the source type of IPTC as a property of its own.
Words can be removed and forged by anybody. They hold nothing personal.
"""

import dataclasses
import datetime
import os
import re
from typing import Self
from xml.sax import saxutils

import sadtalker_jax
from sadtalker_jax import errors
from sadtalker_jax.media import tags as tags_lib

SOFTWARE = 'sadtalker_jax'
GENERATED = 'trainedAlgorithmicMedia'
COMPOSITE = 'compositeWithTrainedAlgorithmicMedia'  # parts are a recording
SOURCE_TYPES = 'http://cv.iptc.org/newscodes/digitalsourcetype/'
_TIME = '%Y-%m-%dT%H:%M:%SZ'
_EPOCH = 'SOURCE_DATE_EPOCH'
_LATEST = 1 << 34  # seconds; the year 2514
_SENTENCE = re.compile(
  r'(?:\((?P<kind>\w{1,64})\), )?'
  r'made with (?P<software>[\w-]{1,64}) (?P<version>[\w.+-]{1,64}), '
  r'model (?P<model>\d{1,4}), job (?P<job>[0-9a-f]{6}), '
  r'(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)'
)
_SOURCE_TYPE = re.compile(re.escape(SOURCE_TYPES) + r'(\w{1,64})')
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool={tool}
    xmp:CreateDate={time}
    Iptc4xmpExt:AISystemUsed={software}
    Iptc4xmpExt:AISystemVersionUsed={version}
    Iptc4xmpExt:DigitalSourceType={source_type}>
   <dc:description>
    <rdf:Alt><rdf:li xml:lang="x-default">{sentence}</rdf:li></rdf:Alt>
   </dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


@dataclasses.dataclass(frozen=True)
class Statement:
  """What a file says of its making.

  Attributes:
    source_type: Word of IPTC for how it came to be; of ours `GENERATED`, or
      `COMPOSITE` where a recording was changed.
    software: Name of the program; None, as all that follows, where another
      program made the file.
    version: Its version.
    model: Number of the networks.
    job: Number of the clip, six hexadecimal digits.
    time: When it was made, UTC, such as '2026-11-29T08:15:00Z'.
  """

  source_type: str | None
  software: str | None = None
  version: str | None = None
  model: int | None = None
  job: str | None = None
  time: str | None = None

  @classmethod
  def of_ours(cls, model: int, job: str, source_type: str = GENERATED) -> Self:
    """What a clip that is made now says.

    Args:
      model: Number of the networks.
      job: Number of the clip, six hexadecimal digits.
      source_type: `GENERATED` or `COMPOSITE`.

    Raises:
      InputError: SOURCE_DATE_EPOCH, which stands for the time of day where it
        is set, is no time.
    """
    version = sadtalker_jax.__version__
    return cls(source_type, SOFTWARE, version, model, job, _now())

  @classmethod
  def of_file(cls, path: str | os.PathLike[str]) -> Self | None:
    """What a picture or a video says; None where it says nothing.

    Raises:
      InputError: the file cannot be read.
    """
    found = tags_lib.read(path)
    texts = '\n'.join([found.xmp, *found.texts.values()])
    kind, rest = _SOURCE_TYPE.search(texts), _SENTENCE.search(texts)
    if kind is None and rest is None:
      return None
    # The sentence keeps the source type where only the comment is left.
    said = rest['kind'] if rest else None
    source_type = kind[1] if kind else said or GENERATED
    if rest is None:
      return cls(source_type)
    software, version, model, job, time = rest.groups()[1:]
    return cls(source_type, software, version, int(model), job, time)

  @property
  def generated(self) -> bool:
    """Whether it says that a program made what is seen."""
    kind = (self.source_type or '').lower()
    return self.software is not None or 'algorithmicmedia' in kind

  @property
  def sentence(self) -> str:
    """Everything in one sentence."""
    return (
      f'AI-generated video ({self.source_type}), made with {self.software} '
      f'{self.version}, model {self.model}, job {self.job}, {self.time}'
    )

  @property
  def tags(self) -> dict[str, str]:
    """Tags of an mp4 file, all of them such that players and copies know."""
    return {
      'comment': self.sentence,
      'description': f'{SOURCE_TYPES}{self.source_type}',
      'creation_time': str(self.time),
    }

  @property
  def xmp(self) -> bytes:
    """An XMP packet."""
    values = {
      'tool': f'{self.software} {self.version}',
      'time': self.time,
      'software': self.software,
      'version': f'{self.version}, model {self.model}',
      'source_type': f'{SOURCE_TYPES}{self.source_type}',
    }
    quoted = {name: saxutils.quoteattr(str(v)) for name, v in values.items()}
    sentence = saxutils.escape(self.sentence)
    return _XMP.format(**quoted, sentence=sentence).encode()


def _now() -> str:
  given = os.environ.get(_EPOCH)
  if given is None:
    return datetime.datetime.now(datetime.UTC).strftime(_TIME)
  if not re.fullmatch(r'\d{1,11}', given) or int(given) > _LATEST:
    raise errors.InputError(
      f'{_EPOCH}: expected seconds since 1970, found {errors.shown(given)}'
    )
  moment = datetime.datetime.fromtimestamp(int(given), datetime.UTC)
  return moment.strftime(_TIME)
