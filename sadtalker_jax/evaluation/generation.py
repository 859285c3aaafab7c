"""A test made into jobs of `infer.py --manifest`: first frame and own sound.

    FOLDER/real/<name>.mp4       the clips, cut and cropped as the protocol says
    FOLDER/manifest.jsonl        jobs: first frame and sound of each of them
    FOLDER/generated/<name>.mp4  what the renderer makes of them

The published test (method 9) works on crops: the first frame is the
portrait, its own sound drives it. Real clips are H.264 again, at a quality that
hides it (crf 10); both folders are then evaluated with the crop rule 'whole'.
Files that are there are kept, so a run that was stopped goes on.
"""

from collections.abc import Callable, Mapping, Sequence
import itertools
import json
import pathlib
from typing import Any

from sadtalker_jax import conventions, errors
from sadtalker_jax.evaluation import pairing, videos
from sadtalker_jax.evaluation import protocol as protocol_lib
from sadtalker_jax.faces import crop, landmarks
from sadtalker_jax.media import encoding, files, video

REAL, GENERATED, MANIFEST = 'real', 'generated', 'manifest.jsonl'
_QUALITY = 10.0


def prepare(
  sources: Mapping[str, pathlib.Path],
  protocol: protocol_lib.Protocol,
  folder: pathlib.Path,
  *,
  options: Mapping[str, Any] | None = None,
  landmarker: landmarks.Landmarker | None = None,
  report: Callable[[str, str], None] | None = None,
) -> list[pairing.LeftOut]:
  """Writes the real clips of a test and the manifest.

  Args:
    sources: Real videos by name.
    protocol: Rules of the test.
    folder: Folder that everything is written to.
    options: Options of every job; see `inference.batch.manifest`.
    landmarker: Landmark networks; by default the packaged ones.
    report: Function called with a clip's name and what became of it.

  Returns:
    Videos that are no clips of the test, with the reasons.

  Raises:
    InputError: The folder cannot be made.
  """
  finder = landmarker or landmarks.FaceMesh()
  left_out: list[pairing.LeftOut] = []
  names: list[str] = []
  for name, path in sources.items():
    target = folder / REAL / f'{name}.mp4'
    _make(target.parent)
    try:
      if not target.exists():
        _write(path, target, protocol, finder)
      names.append(name)
      note = str(target)
    except videos.Unusable as error:
      left_out.append(pairing.LeftOut(name, *error.fault))
      note = f'left out: {error}'
    if report is not None:
      report(name, note)
  for name in names:
    _make((folder / GENERATED / name).parent)
  with files.replacing(folder / MANIFEST, overwrite=True) as part:
    part.write_text(_manifest(names, protocol, options or {}), encoding='utf-8')
  return left_out


def from_folder(
  real: pathlib.Path,
  protocol: protocol_lib.Protocol,
  folder: pathlib.Path,
  *,
  options: Mapping[str, Any] | None = None,
  report: Callable[[str, str], None] | None = None,
) -> tuple[int, list[pairing.LeftOut]]:
  """Writes the test of all videos below a folder; see `prepare`.

  Args:
    real: Folder of real videos.
    protocol: Rules of the test.
    folder: Folder that everything is written to.
    options: Options of every job; see `inference.batch.manifest`.
    report: Function called with a clip's name and what became of it.

  Returns:
    The number of jobs, and videos that are no clips of the test.

  Raises:
    InputError: There is no video, or a folder cannot be made.
  """
  found = pairing.videos(real)
  left_out = [
    pairing.LeftOut(name, 'ambiguous', 'several videos', pairing.REAL)
    for name, paths in found.items()
    if len(paths) > 1
  ]
  single = {name: paths[0] for name, paths in found.items() if len(paths) == 1}
  left_out += prepare(single, protocol, folder, options=options, report=report)
  return len(found) - len(left_out), left_out


def _make(folder: pathlib.Path) -> None:
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise errors.InputError(
      f'{folder}: expected a folder that can be made: {error}'
    ) from error


def _write(
  path: pathlib.Path,
  target: pathlib.Path,
  protocol: protocol_lib.Protocol,
  finder: landmarks.Landmarker,
) -> None:
  """One real clip, cropped, with its sound."""
  seen = videos.watch(path, protocol, finder, pairing.REAL)
  box = videos.frame_box(seen, protocol, pairing.REAL)
  size = protocol.size
  with (
    video.VideoReader(path) as reader,
    video.VideoWriter(
      target,
      fps=conventions.FRAME_RATE,
      audio=(seen.wave, conventions.SAMPLE_RATE),
      encoding=encoding.Encoding(crf=_QUALITY),
    ) as writer,
  ):
    frames = videos.frames_of(reader, protocol)
    for frame in itertools.islice(frames, len(seen.points)):
      writer.write(crop.resize_to(frame, box, size))


def _manifest(
  names: Sequence[str],
  protocol: protocol_lib.Protocol,
  options: Mapping[str, Any],
) -> str:
  """Jobs, one a line; the whole crop is the portrait."""
  defaults = {'preprocess': 'resize', 'fps': conventions.FRAME_RATE}
  lines = []
  for name in names:
    real = f'{REAL}/{name}.mp4'
    job = {
      'image': real,
      'audio': real,
      'output': f'{GENERATED}/{name}.mp4',
      **defaults,
      'size': protocol.size,
      **options,
    }
    lines.append(json.dumps(job) + '\n')
  return ''.join(lines)
