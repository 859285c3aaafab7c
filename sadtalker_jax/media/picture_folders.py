"""A film as a folder of pictures (PNG) with its sound beside them (WAV).

    talking.frames/000000.png  000001.png ...  sound.wav

Names end in `.frames`. Pictures are not compressed further, and keep their
opacity; the sound is as long as they are. The folder appears whole or not at
all, and never replaces another one.
"""

from collections.abc import Iterator, Mapping
import contextlib
import fractions
import os
import pathlib
import shutil
import wave

import numpy as np
from PIL import Image, PngImagePlugin

from sadtalker_jax import errors
from sadtalker_jax.media import encoder, files, hidden_files

SOUND = 'sound.wav'
XMP = 'XML:com.adobe.xmp'  # the text of a picture that is its XMP packet
_QUICK = 3  # level of compression


@contextlib.contextmanager
def replacing(path: files.Path) -> Iterator[pathlib.Path]:
  """A hidden folder that gets its name when the block ends without error.

  Args:
    path: Name of a folder that does not exist.

  Raises:
    InputError: as `files.check_target`; or it has appeared meanwhile.
  """
  target = files.check_target(path, overwrite=False)
  part = hidden_files.part_of(target)
  lock = None
  try:
    part.mkdir()
    lock = hidden_files.make(part / hidden_files.LOCK, target)
    yield part
    if os.path.lexists(target):
      raise errors.InputError(
        f'{errors.named(target)}: expected no such folder yet, found one'
      )
    (part / hidden_files.LOCK).unlink()
    part.rename(target)
  except BaseException:
    shutil.rmtree(part, ignore_errors=True)
    raise
  finally:
    if lock is not None:
      os.close(lock)


class FolderEncoder:
  """Writer of one folder, as `encoder.Encoder`: `add` frames, then `finish`."""

  def __init__(
    self,
    folder: pathlib.Path,
    *,
    fps: fractions.Fraction,
    soundtrack: encoder.Soundtrack | None,
    tags: Mapping[str, str],
  ):
    """Takes an empty folder.

    Args:
      folder: The folder.
      fps: Frames a second.
      soundtrack: Sound of the film; None for none.
      tags: Texts of each picture by name.
    """
    self._folder = folder
    self._fps = fps
    self._soundtrack = soundtrack
    self._num_frames = 0
    self._texts = PngImagePlugin.PngInfo()
    for name, text in tags.items():
      self._texts.add_itxt(name, text)

  def add(self, frame: np.ndarray) -> None:
    """Adds a frame, uint8 [H, W, 3 or 4]."""
    path = self._folder / f'{self._num_frames:06d}.png'
    Image.fromarray(frame).save(
      path, format='PNG', compress_level=_QUICK, pnginfo=self._texts
    )
    self._num_frames += 1

  def finish(self) -> None:
    """Writes the sound."""
    sound = self._soundtrack
    if sound is None:
      return
    missing = round(self._num_frames * sound.rate / self._fps)
    with wave.open(str(self._folder / SOUND), 'wb') as file:
      file.setparams((sound.channels, 2, sound.rate, 0, 'NONE', ''))
      for block in sound.blocks():
        piece = block[:, :missing].T  # [N, C]
        whole = np.rint(piece * 32767).clip(-32768, 32767).astype('<i2')
        file.writeframes(whole.tobytes())
        missing -= len(piece)
        if not missing:
          return

  def abandon(self) -> None:
    """Nothing is open."""
