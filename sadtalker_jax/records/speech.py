"""Spoken utterances with their phones, as `models.phonetic.lipnet` learns them.

A folder of records may have a folder `speech` with files NAME.npz, one of each
synthesiser and seed. With N utterances of S segments and L samples in all:

    sound      [L] int16, 16 kHz, one utterance after the other
    lengths    [N] samples of each
    begin, end [S] float32, seconds in the utterance
    classes    [S] uint8, places in `ops.lip_classes.CLASSES`
    counts     [N] segments of each
    voices     [N] names of the voices
    languages  [N] such as en, es

Files are written whole or not at all.
"""

from collections.abc import Sequence
import io
import os
import pathlib
from typing import NamedTuple

import numpy as np

from sadtalker_jax import conventions, errors

_KEYS = (
  'sound', 'lengths', 'begin', 'end', 'classes', 'counts', 'voices',
  'languages',
)  # fmt: skip


class Utterance(NamedTuple):
  """What is said, and when which class of phones."""

  wave: np.ndarray  # [L] int16 at 16 kHz
  begin: np.ndarray  # [S] float32, seconds
  end: np.ndarray  # [S] float32
  classes: np.ndarray  # [S] uint8
  voice: str
  language: str

  @property
  def seconds(self) -> float:
    """Its length."""
    return len(self.wave) / conventions.SAMPLE_RATE


def path(folder: pathlib.Path, name: str) -> pathlib.Path:
  """File of a name in a folder of records."""
  return folder / 'speech' / f'{name}.npz'


def files(folder: pathlib.Path) -> list[pathlib.Path]:
  """The files of a folder of records, in order.

  Raises:
    InputError: There is none.
  """
  found = sorted((folder / 'speech').glob('*.npz'))
  if not found:
    raise errors.InputError(f'no speech here: {folder / "speech"} has no .npz')
  return found


def write(
  folder: pathlib.Path, name: str, utterances: Sequence[Utterance]
) -> None:
  """Writes utterances, one at least, as the file of a name."""
  data = io.BytesIO()
  np.savez(
    data,
    allow_pickle=False,
    sound=np.concatenate([u.wave for u in utterances]),
    lengths=np.array([len(u.wave) for u in utterances]),
    begin=np.concatenate([u.begin for u in utterances]),
    end=np.concatenate([u.end for u in utterances]),
    classes=np.concatenate([u.classes for u in utterances]),
    counts=np.array([len(u.classes) for u in utterances]),
    voices=np.array([u.voice for u in utterances]),
    languages=np.array([u.language for u in utterances]),
  )
  target = path(folder, name)
  target.parent.mkdir(parents=True, exist_ok=True)
  part = target.with_suffix(f'.part-{os.getpid()}')
  try:
    part.write_bytes(data.getvalue())
    os.replace(part, target)
  finally:
    part.unlink(missing_ok=True)


def read(file: pathlib.Path) -> list[Utterance]:
  """The utterances of a file.

  Raises:
    InputError: It is none of these files.
  """
  try:
    with np.load(file, allow_pickle=False) as stored:
      columns = {key: stored[key] for key in _KEYS}
  except (OSError, ValueError, KeyError) as error:
    raise errors.InputError(
      f'{file}: expected speech with its phones, found another file: {error}'
    ) from error
  sounds = np.split(columns['sound'], np.cumsum(columns['lengths'])[:-1])
  parts = np.cumsum(columns['counts'])[:-1]
  begin, end, classes = (
    np.split(columns[key], parts) for key in ('begin', 'end', 'classes')
  )
  names = columns['voices'].tolist(), columns['languages'].tolist()
  return [
    Utterance(*values)
    for values in zip(sounds, begin, end, classes, *names, strict=True)
  ]
