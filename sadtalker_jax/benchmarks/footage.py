"""How well re-voiced clips follow the new sound, and what stays of the old.

Every clip says another recording and, again, its own sound. With its own it is
compared with the original, and so is its first frame driven by that sound.
Frames are measured before encoding, and held in memory. r is Pearson's, without
a lag; lengths are in percent of the distance between the outer eye corners.
"""

from collections.abc import Iterator
import pathlib
import time

import numpy as np

import sadtalker_jax
from sadtalker_jax import conventions, errors
from sadtalker_jax.benchmarks import clip_files, footage_measures
from sadtalker_jax.face3d import measures
from sadtalker_jax.inference import animation
from sadtalker_jax.inference.footage import footage_portrait
from sadtalker_jax.inference.footage import revoiced as revoiced_lib
from sadtalker_jax.inference.motion.baseline import lips as lips_lib
from sadtalker_jax.media import audio, image
from sadtalker_jax.metrics import lips

LEAST = 8  # frames that show the face

_HEADS = (
  '| clip | sound | r of the gap with asked | with the old mouth | (asked with '
  'old) | jitter of lips, new / old | edge, new / old | pixels changed | above '
  'the eyes | CPU s a frame |',
  '| clip | PSNR of what changed, re-voiced / still | lips off, re-voiced '
  "/ still | r with the original's gap, re-voiced / still |",
)


def run(
  folder: str, voice: str, seconds: float, sheets: str | None
) -> Iterator[str]:
  """The lines of two tables in Markdown, and of what was left out.

  Args:
    folder: Folder of clips with sound.
    voice: Another recording.
    seconds: Length of each clip that is looked at.
    sheets: Folder for pictures of the mouths, original above; None for none.

  Raises:
    InputError: the folder has no videos, or the recording cannot be read.
  """
  paths = clip_files.of([folder])
  count = int(seconds * conventions.SAMPLE_RATE)
  other = audio.load(voice)[:count]
  animator = sadtalker_jax.Animator.from_pretrained()
  own_rows, left_out = [], []
  yield from _head(_HEADS[0])
  for path in paths:
    try:
      for name, wave in (('other', other), ('own', audio.load(path)[:count])):
        pair = revoiced(animator, path, wave)
        yield f'| {path.stem} | {name} | {follows(pair)} |'
        if sheets is not None:
          sheet = pathlib.Path(sheets) / f'{path.stem}_{name}.png'
          sheet.parent.mkdir(parents=True, exist_ok=True)
          image.save_png(sheet, footage_measures.sheet(pair), overwrite=True)
      own_rows.append(f'| {path.stem} | {_against_still(animator, pair, wave)}')
    except errors.InputError as error:
      left_out.append(f'- {path.name}: {error}')
  yield from ['', *_head(_HEADS[1]), *own_rows]
  if left_out:
    yield from ['', 'Left out:', '', *left_out]


def _head(titles: str) -> tuple[str, str]:
  return titles, '|---' * (titles.count('|') - 1) + '|'


def revoiced(
  animator: sadtalker_jax.Animator, path: pathlib.Path, wave: np.ndarray
) -> footage_measures.Pair:
  """A clip that says a recording, for as long as that is.

  Args:
    animator: Animator with the networks that ship.
    path: Clip.
    wave: [L] at 16 kHz.

  Raises:
    InputError: the clip cannot be re-voiced, or shows its face in too few
      frames.
  """
  sound = wave, conventions.SAMPLE_RATE
  clip = animator.revoice(path, sound, mark='off', end='stop')
  assert isinstance(clip, revoiced_lib.Revoiced)
  new, cost = _drawn(clip)
  person = clip.portrait
  assert isinstance(person, footage_portrait.FootagePortrait)
  places = []
  points = []
  for place, number in enumerate(person.order):
    which, inside = person.clip.shot_at(int(number))
    if which is not None and person.clip.shots[which].weight[inside] == 1:
      places.append(place)
      points.append(person.clip.shots[which].landmarks[inside])
  if len(places) < LEAST:
    raise errors.InputError(
      f'expected {LEAST} frames that show the face, found {len(places)}'
    )
  old = np.stack(list(person.frames()))[places]
  asked = clip.track[places, :64] @ lips_lib.load().response[:, 0]
  made = animator.bundle.landmarker.track(iter(new[places])).points
  return footage_measures.Pair(
    old,
    new[places],
    np.stack(points),
    made,
    asked,
    cost,
    np.array(places),
    float(clip.fps),
  )


def _drawn(clip: animation.Animation) -> tuple[np.ndarray, float]:
  """All frames, and seconds of the processor for one after the first batch."""
  batches = clip.batches()
  parts = [next(batches)]
  start = time.process_time()
  parts += batches
  spent = time.process_time() - start
  count = sum(map(len, parts[1:]))
  return np.concatenate(parts), spent / max(count, 1)


def follows(pair: footage_measures.Pair) -> str:
  """The cells of a row: how the mouth follows, and what stays."""
  gaps = measures.lip_gap(pair.new_points), measures.lip_gap(pair.old_points)
  r = lips.correlation
  moved = [
    footage_measures.jitter(points)
    for points in (pair.new_points, pair.old_points)
  ]
  edges = footage_measures.flicker(pair)
  eyes = pair.old_points[:, footage_measures.OUTER, 1].max(1)
  above = sum(
    int(mask[: int(eye)].sum())
    for mask, eye in zip(pair.changed, eyes, strict=True)
  )
  return (
    f'{r(gaps[0], pair.asked):.3f} | {r(gaps[0], gaps[1]):.3f} | '
    f'{r(pair.asked, gaps[1]):.3f} | {moved[0]:.2f} / {moved[1]:.2f} | '
    f'{edges[0]:.2f} / {edges[1]:.2f} | {100 * pair.changed.mean():.0f} % | '
    f'{above} | {pair.cost:.2f}'
  )


def _against_still(
  animator: sadtalker_jax.Animator,
  pair: footage_measures.Pair,
  wave: np.ndarray,
) -> str:
  """The cells of a row: with its own sound, beside a still that is driven."""
  clip = animator.animate(
    pair.old[0],
    (wave, conventions.SAMPLE_RATE),
    mark='off',
    preprocess='full',
    fps=pair.fps,
  )
  still = np.concatenate(list(clip.batches()))
  still = still[np.minimum(pair.places, len(still) - 1)]
  found = animator.bundle.landmarker.track(iter(still)).points
  gap = measures.lip_gap(pair.old_points)
  cells = []
  for made, points in ((pair.new, pair.new_points), (still, found)):
    squared = [
      np.mean((frame[there].astype(float) - old[there]) ** 2)
      for frame, old, there in zip(made, pair.old, pair.changed, strict=True)
    ]
    cells.append(
      (
        10 * np.log10(255**2 / np.mean(squared)),
        footage_measures.lips_off(points, pair.old_points),
        lips.correlation(measures.lip_gap(points), gap),
      )
    )
  (one, two, three), (first, second, third) = cells
  return (
    f'{one:.1f} / {first:.1f} dB | {two:.1f} / {second:.1f} % | '
    f'{three:.3f} / {third:.3f} |'
  )
