"""From files to weights of the `baseline` lips, and to a report of the fit."""

from collections.abc import Sequence
import pathlib

from sadtalker_jax.baseline_fitting import lip_fitting, recordings, scores
from sadtalker_jax.baseline_fitting import phones as phones_lib
from sadtalker_jax.inference.motion.baseline import lips as lips_lib


def run(
  output: pathlib.Path,
  clips: Sequence[pathlib.Path],
  *,
  unaligned: Sequence[pathlib.Path] = (),
  phones: Sequence[pathlib.Path] = (),
  speech: Sequence[pathlib.Path] = (),
  landmarks: pathlib.Path | None = None,
) -> str:
  """Fits weights and writes them; see `cli.fit_baseline` for the inputs.

  Args:
    output: File of the weights, .npz.
    clips: Videos, or folders of them, whose sound fits the picture.
    unaligned: The same, of videos whose sound may be shifted.
    phones: Files of phone times, each beside a recording.
    speech: Recordings whose phones are to be found.
    landmarks: Folder of landmarks that were tracked before.

  Returns:
    A table of the correlation of measured and produced opening for every clip,
    with the weights fitted without its talker.

  Raises:
    InputError: A file is not what it must be.
  """
  read = [recordings.read(p, landmarks) for p in recordings.videos(clips)]
  shifted = []
  if unaligned:
    found = recordings.videos(unaligned)
    shifted = [recordings.read(p, landmarks) for p in found]
  spoken = [phones_lib.read_times(p) for p in phones]
  spoken += [clip for path in speech for clip in phones_lib.find(path)]
  weights, held_out = lip_fitting.fit_all(read, shifted, spoken)
  lips_lib.save(output, weights)
  tables = [
    scores.report(group, held_out) for group in (read, shifted) if group
  ]
  return '\n'.join(tables)
