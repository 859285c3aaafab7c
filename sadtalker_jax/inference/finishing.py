"""What becomes of drawn frames: their format, size, marks and codec.

`Finish.of` reads and checks all that is chosen, before any work; `applied` puts
it on a clip.
"""

from collections.abc import Mapping
import dataclasses
import os
from typing import NamedTuple, TypeVar

from sadtalker_jax.inference import animation, framing, marks
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.enhance import enhancers
from sadtalker_jax.media import encoder
from sadtalker_jax.media import encoding as encoding_lib

_Clip = TypeVar('_Clip', bound=animation.Animation)


class Finish(NamedTuple):
  """What is done to frames after they are drawn."""

  bundle: bundle_lib.Bundle
  tools: marks.Tools
  enhancer: enhancers.Enhancer | None
  encoding: encoding_lib.Encoding
  ratio: tuple[int, int] | None  # width and height of the format

  @classmethod
  def of(
    cls,
    options: options_lib.Options,
    bundle: bundle_lib.Bundle,
    made: enhancers.Enhancers,
  ) -> 'Finish':
    """What options ask for.

    Raises:
      InputError: a file of theirs cannot be read, the bundle lacks a network,
        or this FFmpeg a codec.
    """
    encoder.check(options.encoding)
    return cls(
      bundle,
      marks.tools(options),
      made.get(options),
      options.encoding,
      options.ratio,
    )

  def applied(
    self, clip: _Clip, given: Mapping[str, str | os.PathLike[str]]
  ) -> _Clip:
    """A clip with all of that.

    Args:
      clip: Clip as it is drawn.
      given: Files that it is made of, by what they are.

    Raises:
      InputError: frames are too small for a mark, or have no room for a label.
    """
    box = None
    if self.ratio is not None:
      box = framing.cut(clip.portrait, clip.size, self.ratio, self.bundle)
    clip = dataclasses.replace(
      clip, crop=box, enhancer=self.enhancer, encoding=self.encoding
    )
    planned = marks.planned(
      clip.portrait,
      clip.track,
      clip.size,
      self.bundle,
      self.tools,
      given,
      shown=clip.shown,
      source_type=clip.source_type,
      host=clip.host,
    )
    return dataclasses.replace(clip, marks=planned)
