"""Records of clips with known coefficients, drawn instead of filmed.

With them every stage can be tried without data. One clip in four is the
packaged portrait, moved by the puppet; the others are random heads of the face
model, coloured and lit at random (`heads`), three clips of each. All of them
say a piece of the packaged recording, or of other speech, a little faster or
slower, higher or lower, with the default motion (`phonetic`): lips, blinks and
head.

Coefficients and landmarks are those that were drawn, not measured ones; those
of the puppet have the error of the portrait's fit (2 % of the eye distance).
The teacher's expression is the clip's own with eyes and brows held still. A
clip depends on its number, the seed, the speech and the options alone.
"""

from collections.abc import Callable, Iterator
import dataclasses
import hashlib
import pathlib
from typing import Any

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.preparation import options as options_lib
from sadtalker_jax.preparation import parts
from sadtalker_jax.preparation.run import finish, output
from sadtalker_jax.synthesis import drawing, voices, writing

Progress = Callable[
  [Iterator[parts.PartSummary], int], Iterator[parts.PartSummary]
]


def make(
  count: int,
  seed: int,
  folder: pathlib.Path,
  options: options_lib.PreparationOptions,
  *,
  speech: pathlib.Path | None = None,
  keep_parts: bool = False,
  progress: Progress = lambda drawn, _: drawn,
) -> dict[str, Any]:
  """Records of drawn clips, which are made if they do not exist.

  Args:
    count: Number of clips.
    seed: Random seed for everything in the clips.
    folder: Folder of the records.
    options: Options of the preparation; size and splits matter.
    speech: Folder that `sadtalker lips --synthesise` has filled, whose speech
      is said; None for the packaged recording.
    keep_parts: Whether parts are kept, so that clips can be added later.
    progress: Function that passes on the clips as they are drawn; it is given
      their number, too.

  Returns:
    The manifest.

  Raises:
    InputError: A number is out of its range, there is no speech, or the folder
      cannot be filled.
  """
  if count < 1 or seed < 0:
    raise errors.InputError(
      f'synthesise: expected at least 1 clip and a seed from 0, found {count} '
      f'and {seed}'
    )
  # One portrait, one recording: likeness is no mistake here.
  options = dataclasses.replace(options, deduplicate=False)
  tasks = [drawing.DrawingTask(number, seed) for number in range(count)]
  recordings = voices.recordings(speech)
  said = hashlib.sha256()
  for each in recordings:
    said.update(each.tobytes())
  name = f'synthetic {seed} {said.hexdigest()[:16]}'
  with output.OutputFolder(folder, options, name) as out:
    keys = [task.key(out.digest) for task in tasks]
    manifest = finish.finished(keys, out)
    if manifest is None:
      todo = [t for t in tasks if not out.part(t.key(out.digest)).exists()]
      for _ in progress(_draw_all(todo, recordings, out), len(todo)):
        pass
      manifest = finish.finish(keys, out, keep_parts=keep_parts)
  return manifest


def _draw_all(
  tasks: list[drawing.DrawingTask],
  recordings: list[np.ndarray],
  out: output.OutputFolder,
) -> Iterator[parts.PartSummary]:
  """Draws clips and writes their parts."""
  size = out.options.size
  studio = drawing.ClipArtist(size, recordings) if tasks else None
  for task in tasks:
    assert studio is not None
    target = out.part(task.key(out.digest))
    yield writing.write(studio.draw(task), task, target)
