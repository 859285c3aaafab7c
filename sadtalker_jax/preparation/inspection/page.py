"""A page that shows what a folder of records holds.

Writes `inspection.html` and pictures under `sheets/` into the folder: numbers,
what was left out, histograms of pose, expression and sound, and for some clips
a strip of frames with their landmarks. Clips are picked evenly from all.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import html
import pathlib
import shutil
from typing import Any

from array_record.python import array_record_module
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.faces import crop
from sadtalker_jax.media import image
from sadtalker_jax.preparation.inspection import svg
from sadtalker_jax.records import folders, schema

PAGE, SHEETS = 'inspection.html', 'sheets'
_STRIPS = 80  # clips that are shown
_READ = 500  # clips whose numbers are in the histograms
_SHOTS, _SIDE = 8, 128  # frames of a strip, and their side
_DOT = (60, 255, 60)
_STYLE = """
body { font: 14px/1.4 sans-serif; margin: 2em; max-width: 1100px }
table { border-collapse: collapse; margin: 1em 0 }
td, th { padding: 2px 12px 2px 0; text-align: left }
svg { margin: 4px; background: #f4f4f4 }
rect { fill: #4878a8 } text { font-size: 11px } .title { font-size: 12px }
figure { margin: 0 0 10px } figcaption { font-size: 12px; color: #333 }
"""


@dataclasses.dataclass(frozen=True, eq=False)
class _Picked:
  """A clip and a few of its frames."""

  split: str
  clip: dict[str, Any]
  frames: list[tuple[int, np.ndarray]]  # number, picture; none if not shown


def inspect(folder: pathlib.Path) -> tuple[pathlib.Path, list[str]]:
  """Writes the page.

  Args:
    folder: Folder of records.

  Returns:
    Path of the page, and the summary as lines of text.

  Raises:
    InputError: There are no records, or they are damaged.
  """
  manifest = folders.read_manifest(folder)
  sheets = folder / SHEETS
  shutil.rmtree(sheets, ignore_errors=True)
  sheets.mkdir()
  strips, clips = [], []
  for number, picked in enumerate(_pick(folder, manifest)):
    clips.append(picked.clip)
    if picked.frames:
      name = f'{number:05d}.jpg'
      (sheets / name).write_bytes(image.to_jpeg(_strip(picked), 88))
      strips.append(_figure(f'{SHEETS}/{name}', picked))
  summary = describe(manifest)
  page = folder / PAGE
  page.write_text(_page(folder, manifest, clips, strips), encoding='utf-8')
  return page, summary


def describe(manifest: Mapping[str, Any]) -> list[str]:
  """A manifest as lines of text."""
  lines = [
    f'{name}: {part["clips"]} clips, {part["frames"]} frames, '
    f'{part["hours"]:.3f} hours, {len(part["speakers"])} speakers'
    for name, part in manifest['splits'].items()
  ]
  rejects = manifest['rejects'].items()
  left_out = ', '.join(f'{reason} {count}' for reason, count in rejects)
  lines.append(f'left out: {left_out or "nothing"}')
  total = sum(manifest.get('seconds', {}).values())
  if total > 0:
    shares = ', '.join(
      f'{step} {100 * value / total:.0f} %'
      for step, value in manifest['seconds'].items()
      if value > 0
    )
    speed = manifest['decoded_hours'] / (total / 3600)
    lines.append(f'{speed:.2f} hours of video an hour of one core: {shares}')
  return lines


def _pick(
  folder: pathlib.Path, manifest: Mapping[str, Any]
) -> Iterator[_Picked]:
  """Clips taken evenly from all splits; some of them with frames."""
  total = sum(part['clips'] for part in manifest['splits'].values())
  read = set(np.linspace(0, total - 1, min(total, _READ)).astype(int).tolist())
  shown = set(
    np.linspace(0, total - 1, min(total, _STRIPS)).astype(int).tolist()
  )
  number = 0
  for split in manifest['splits']:
    paths = {
      name: folders.shard_paths(folder, name, split)
      for name in folders.DATASETS
    }
    for of_clips, of_frames in zip(*paths.values(), strict=True):
      clips = array_record_module.ArrayRecordReader(str(of_clips))
      frames = array_record_module.ArrayRecordReader(str(of_frames))
      for place in range(clips.num_records()):
        if number in read | shown:
          clip = schema.decode_clip(clips.read([place])[0])
          yield _Picked(
            split, clip, _frames(clip, frames) if number in shown else []
          )
        number += 1


def _frames(
  clip: Mapping[str, Any], reader: Any
) -> list[tuple[int, np.ndarray]]:
  numbers = np.linspace(0, clip['num_frames'] - 1, _SHOTS).astype(int).tolist()
  data = reader.read([clip['frame_offset'] + i for i in numbers])
  return [
    (i, image.from_jpeg(schema.decode_frame(record)['image']))
    for i, record in zip(numbers, data, strict=True)
  ]


def _strip(picked: _Picked) -> np.ndarray:
  """Frames side by side, their landmarks dotted: uint8 [S, N S, 3]."""
  tiles = []
  for number, frame in picked.frames:
    tile = crop.resize_plain(frame, (_SIDE, _SIDE))
    points = picked.clip['landmarks'][number] * (_SIDE / len(frame))
    x, y = points.astype(int).clip(0, _SIDE - 1).T
    tile[y, x] = _DOT
    tiles.append(tile)
  return np.concatenate(tiles, 1)


def _figure(name: str, picked: _Picked) -> str:
  clip = picked.clip
  angles = np.degrees(clip['coefficients'][:, conventions.ANGLES])
  level = np.abs(clip['audio'].astype(np.float64)).mean() / 32768
  told = (
    f'{clip["id"]} ({picked.split}): {clip["num_frames"] / clip["fps"]:.1f} s, '
    f'yaw {angles[:, 1].min():.0f} to {angles[:, 1].max():.0f}°, pitch '
    f'{angles[:, 0].min():.0f} to {angles[:, 0].max():.0f}°, sound '
    f'{level:.3f}, offset {clip["offset"]:.0f} ({clip["confidence"]:.2f}), '
    f'{clip["method"]}'
  )
  return (
    f'<figure><img src="{name}" loading="lazy" alt="">'
    f'<figcaption>{html.escape(told)}</figcaption></figure>'
  )


def _page(
  folder: pathlib.Path,
  manifest: Mapping[str, Any],
  clips: Sequence[Mapping[str, Any]],
  strips: Sequence[str],
) -> str:
  told = ''.join(f'<li>{html.escape(line)}</li>' for line in describe(manifest))
  choices = ', '.join(
    f'{name} {value}' for name, value in manifest.get('choices', {}).items()
  )
  return (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    f'<title>{html.escape(folder.name)}</title><style>{_STYLE}</style>'
    f'<h1>Records of {html.escape(str(folder))}</h1><ul>{told}</ul>'
    f'<p>Options: {html.escape(choices)}</p>'
    f'<h2>Numbers of {len(clips)} clips</h2>{_histograms(clips)}'
    f'<h2>{len(strips)} clips</h2>{"".join(strips)}</html>\n'
  )


def _turning(clips: Sequence[Mapping[str, Any]]) -> np.ndarray:
  """Change of the three angles from frame to frame, degrees [N, 3]."""
  angles = [clip['coefficients'][:, conventions.ANGLES] for clip in clips]
  changes = np.concatenate([np.diff(a, axis=0) for a in angles])
  return np.degrees(np.abs(changes))


def _histograms(clips: Sequence[Mapping[str, Any]]) -> str:
  """Pose, expression, lengths and sound of clips."""
  rows = np.concatenate([clip['coefficients'] for clip in clips])
  pitch, yaw, roll = np.degrees(rows[:, conventions.ANGLES]).T
  x, y, z = rows[:, conventions.TRANSLATION].T
  expression = rows[:, conventions.EXPRESSION]
  used = expression[:, np.abs(expression).max(0) > 0]
  charts = (
    (yaw, 'yaw, degrees'),
    (pitch, 'pitch, degrees'),
    (roll, 'roll, degrees'),
    (_turning(clips), 'change of angles, degrees a frame'),
    (x, 'translation x, dm'),
    (y, 'translation y, dm'),
    (z, 'translation z, dm'),
    (used, 'expression, all weights'),
    (np.linalg.norm(expression, axis=1), 'expression, length'),
    (np.linalg.norm(rows[:, conventions.IDENTITY], axis=1), 'identity, length'),
    (np.concatenate([clip['blink'] for clip in clips]), 'blink'),
    ([clip['num_frames'] / clip['fps'] for clip in clips], 'seconds a clip'),
    (np.concatenate([clip['mel'].ravel() for clip in clips]), 'log-mel'),
    ([clip['offset'] for clip in clips], 'offset, frames'),
    ([clip['confidence'] for clip in clips], 'confidence of the offset'),
    ([clip['box'][2] - clip['box'][0] for clip in clips], 'box, pixels'),
  )
  return ''.join(svg.histogram(np.asarray(v), title) for v, title in charts)
