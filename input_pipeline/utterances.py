"""Spoken utterances of a folder of records, chosen like its clips."""

import pathlib
from typing import Any

import numpy as np

from input_pipeline import selection as selections
from sadtalker_jax import conventions, errors
from sadtalker_jax.records import speech


class Utterances:
  """The utterances of `records.speech`, with an index as `sources.Clips` has.

  There is one split, train; `held_out` of a selection keeps some for
  validation. Sound is memory: 2 MB a minute.
  """

  def __init__(
    self,
    folder: str | pathlib.Path,
    split: str,
    *,
    selection: selections.Selection | None = None,
    reader: str = 'array_record',
  ):
    """Reads all of them.

    Args:
      folder: Folder of the records.
      split: Split, train.
      selection: Selection of the utterances; None: all.
      reader: Of clips; there is one for speech.

    Raises:
      InputError: There is no speech, or the selection keeps none.
    """
    del reader
    self.folder = pathlib.Path(folder)
    self.split = split
    if split != 'train':
      raise errors.InputError(
        f'expected split train of speech in {self.folder}, found {split}'
      )
    self._all: list[speech.Utterance] = []
    names = []
    for file in speech.files(self.folder):
      found = speech.read(file)
      names += [f'{file.stem}#{place}' for place in range(len(found))]
      self._all += found
    self.index = self._indexed(names)
    self.speakers, keep = selections.select(
      self.index,
      sorted(set(self.index['speaker'].tolist())),
      selection or selections.Selection(),
    )
    self.positions = np.flatnonzero(keep)
    if not len(self.positions):
      raise errors.InputError(f'no speech in {self.folder} fits {selection}')

  def clip(self, position: int) -> speech.Utterance:
    """The utterance in a row of the index."""
    return self._all[position]

  def _indexed(self, names: list[str]) -> dict[str, Any]:
    """What choosing needs, as `folders.INDEX`; none has an offset."""
    count = len(names)
    seconds = np.array([each.seconds for each in self._all])
    nothing = np.zeros(count, np.float32)
    return {
      'id': np.array(names),
      'speaker': np.array([each.voice for each in self._all]),
      'num_frames': (seconds * conventions.FRAME_RATE).astype(np.int64),
      'offset': nothing,
      'confidence': nothing,
      'yaw': nothing,
    }
