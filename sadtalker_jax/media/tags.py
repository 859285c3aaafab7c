"""What files say about themselves in words: tags of containers, and XMP."""

from collections.abc import Mapping
import contextlib
import os
from typing import NamedTuple

from PIL import Image

from sadtalker_jax import errors
from sadtalker_jax.media import boxes, containers, files

_MOST_XMP = 1 << 20  # bytes


class Tags(NamedTuple):
  """Texts of a file.

  Attributes:
    texts: Tags of a container by name, such as `comment`.
    xmp: An XMP packet; empty where there is none.
  """

  texts: Mapping[str, str]
  xmp: str


def read(path: str | os.PathLike[str]) -> Tags:
  """The texts of a file; both are empty where none can be read.

  Raises:
    InputError: the file is missing, empty or may not be read.
  """
  source = files.check_source(path, 'a picture or a video')
  texts: dict[str, str] = {}
  with (
    contextlib.suppress(errors.InputError),  # no media, or damaged
    containers.open_media(source, 'a video file') as container,
  ):
    texts = dict(container.metadata)
  xmp = boxes.read(source, boxes.XMP) or _of_picture(source)
  return Tags(texts, xmp.decode('utf-8', 'replace'))


def _of_picture(path: str | os.PathLike[str]) -> bytes:
  """The XMP packet of a picture."""
  # Whatever is wrong with it: there are words, or there are none.
  with contextlib.suppress(Exception), Image.open(path) as picture:
    for name in ('xmp', 'XML:com.adobe.xmp'):
      found = picture.info.get(name)
      if isinstance(found, str):
        found = found.encode()
      if isinstance(found, bytes):
        return found[:_MOST_XMP]
  return b''
