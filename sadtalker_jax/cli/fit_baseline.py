"""Fits the weights of the `baseline` lips to measurements of real speakers.

    python -m sadtalker_jax.cli.fit_baseline --clips FOLDER \
        [--unaligned FOLDER_OR_FILE ...] [--phones FILE ...] \
        [--speech FILE ...] [--landmarks FOLDER] --output baseline.npz

`--clips`: videos of one talking face whose sound fits the picture.
`--unaligned`: more of them, whose sound may be shifted; the shift is estimated.
`--phones`: phone times in the JSON of pocketsphinx, each beside a wav of the
same stem. `--speech`: English recordings whose phones pocketsphinx finds
(`pip install pocketsphinx`, needed for nothing else). Lips of phones come from
a table. `--landmarks`: a folder with `<stem>.npz` (points [T, 478, 3], fps), so
that videos need no tracking again.

The weights that ship: GRID clips; WDA_AlexandriaOcasioCortez_000 and
video-retalking 1 and 2 unaligned; phones of LibriVox 0880 and 0890; speech
RD_Radio31_000, RD_Radio34_002, WDA_BenCardin1_000 and eng. Their numbers, not
their pixels or sound, are in the file. Takes some minutes.

Prints the correlation of measured and produced opening for every clip, with
the weights fitted without its talker.
"""

import argparse
from collections.abc import Sequence
import pathlib
import re

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.baseline_fitting import lip_fitting
from sadtalker_jax.baseline_fitting import phones as phones_lib
from sadtalker_jax.faces import landmarks as landmarks_lib
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.inference.motion.baseline import speech
from sadtalker_jax.media import audio, video

VIDEO_SUFFIXES = ('.mp4', '.mpg', '.mov', '.avi', '.mkv', '.webm')


def talker(name: str) -> str:
  """Talker of a file name: grid_s31_* is one, any other file its own."""
  match = re.match(r'grid_(s\d+)_', name)
  return match[1] if match else name


def read_clip(
  path: pathlib.Path, landmarks: pathlib.Path | None
) -> lip_fitting.TalkerClip:
  """Sound and lips of a video.

  Raises:
    InputError: no sound, no face, or landmarks of another kind.
  """
  wave = audio.load(path)
  if landmarks is None:
    reader = video.VideoReader(path)
    points, fps = landmarks_lib.FaceMesh().track(reader).points, reader.fps
  else:
    stored = landmarks / f'{path.stem}.npz'
    if not stored.is_file():
      raise errors.InputError(f'{stored}: expected landmarks, found no file')
    with np.load(stored) as arrays:
      points, fps = arrays['points'], arrays['fps']
  measures = lip_fitting.mouth_measures(points.astype(np.float64))
  low, high = np.percentile(measures[:, 0], [5, 95])
  if high - low < 0.01:
    raise errors.InputError(f'{path}: expected moving lips, found none')
  clip = lip_fitting.TalkerClip(
    path.stem, talker(path.stem), wave, measures, float(fps), measures[:, 0]
  )
  sound = speech.listen(wave)
  quiet = speech.at_times(sound.activity, clip.seconds()) == 0
  shut = measures[quiet if quiet.sum() >= 8 else slice(None)]
  rest = [low, np.median(shut[:, 1]), np.percentile(shut[:, 2], 25)]
  clip.lips = (measures - rest) / (high - low)
  clip.amplitude = high - low
  return clip


def energy(clip: lip_fitting.TalkerClip) -> np.ndarray:
  """Log energy [T] of the sound of each frame: the trivial baseline."""
  edges = (np.arange(len(clip.lips) + 1) * 16000 / clip.fps).astype(np.int64)
  power = np.concatenate([[0], np.cumsum(clip.wave.astype(np.float64) ** 2)])
  edges = np.minimum(edges, len(clip.wave))
  return np.log(np.diff(power[edges]) / np.maximum(np.diff(edges), 1) + 1e-8)


def report(
  clips: Sequence[lip_fitting.TalkerClip],
  held_out: dict[str, lips_lib.LipWeights],
) -> str:
  """Table of correlations, each with the weights fitted without the talker."""
  lines = [f'{"clip":34s} r (lag)    energy    p95 real  made']
  of_talker: dict[str, list[float]] = {}
  for clip in clips:
    assert clip.gap is not None
    made = lip_fitting.produced(clip, held_out[clip.talker])
    r, lag = lip_fitting.correlation(clip.gap, made)
    trivial = lip_fitting.correlation(clip.gap, energy(clip))[0]
    tops = np.percentile(clip.gap, 95), np.percentile(made, 95)
    lines.append(
      f'{clip.name:34s} {r:.3f} ({lag:+d})  {trivial:.3f}     '
      f'{tops[0]:.3f}     {tops[1]:.3f}'
    )
    of_talker.setdefault(clip.talker, []).append(r)
  means = [np.mean(v) for v in of_talker.values()]
  every = np.mean([r for v in of_talker.values() for r in v])
  lines.append(f'mean of clips {every:.3f}, of talkers {np.mean(means):.3f}')
  return '\n'.join(lines)


def fitted(
  clips: Sequence[lip_fitting.TalkerClip],
  unaligned: Sequence[lip_fitting.TalkerClip],
  phones: Sequence[lip_fitting.TalkerClip],
) -> tuple[lips_lib.LipWeights, dict[str, lips_lib.LipWeights]]:
  """Weights from everything, and weights without each talker of videos."""
  reference = lip_fitting.reference_spectrum(clips)
  amplitude = float(np.median([c.amplitude for c in clips]))
  first = lip_fitting.fit([*clips, *phones], reference)
  unaligned = lip_fitting.aligned(unaligned, first)
  clips = [*clips, *unaligned]
  held_out = lip_fitting.without_each_talker(clips, phones, reference)
  pairs = lip_fitting.raw_gaps(clips, held_out)
  for name, weights in held_out.items():
    # The held-out talker's lips must not shape the curve either.
    curve = lip_fitting.contrast(v for k, v in pairs.items() if k != name)
    held_out[name] = lip_fitting.finished(weights, curve, amplitude)
  weights = lip_fitting.fit([*clips, *phones], reference)
  curve = lip_fitting.contrast(pairs.values())
  return lip_fitting.finished(weights, curve, amplitude), held_out


def _videos(paths: Sequence[pathlib.Path]) -> list[pathlib.Path]:
  found = []
  for path in paths:
    inside = sorted(path.iterdir()) if path.is_dir() else [path]
    found += [p for p in inside if p.suffix in VIDEO_SUFFIXES]
  if not found:
    places = ' '.join(str(path) for path in paths)
    raise errors.InputError(f'{places}: expected videos, found none')
  return found


def run(args: argparse.Namespace) -> None:
  """Reads, fits, writes, prints the report.

  Raises:
    InputError: a file is not what it must be.
  """
  clips = [read_clip(p, args.landmarks) for p in _videos(args.clips)]
  unaligned = []
  if args.unaligned:
    unaligned = [read_clip(p, args.landmarks) for p in _videos(args.unaligned)]
  phones = [phones_lib.read_times(p) for p in args.phones]
  phones += [clip for path in args.speech for clip in phones_lib.find(path)]
  weights, held_out = fitted(clips, unaligned, phones)
  lips_lib.save(args.output, weights)
  print(report(clips, held_out))
  if unaligned:
    print(report(unaligned, held_out))


def main(argv: Sequence[str] | None = None) -> None:
  """Parses the command line and runs; input errors end with code 2."""
  parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
  paths = {'type': pathlib.Path, 'nargs': '*', 'default': []}
  parser.add_argument('--clips', type=pathlib.Path, nargs='+', required=True)
  for flag in ('--unaligned', '--phones', '--speech'):
    parser.add_argument(flag, **paths)  # type: ignore[arg-type]
  parser.add_argument('--landmarks', type=pathlib.Path)
  parser.add_argument('--output', type=pathlib.Path, required=True)
  args = parser.parse_args(argv)
  try:
    run(args)
  except errors.InputError as error:
    parser.exit(2, f'{error}\n')


if __name__ == '__main__':
  main()
