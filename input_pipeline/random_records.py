"""Folders of made-up records: for tests, and for timing a loader without data.

The clips are no videos of anything, but their numbers are those of clip and
frame, so that a batch can be checked: mel frame j is j in all bands; frame t
has the expression t, the teacher's expression 1000 + t, the landmarks of a
still face; a picture has the number of its clip (times `CLIP_STEP`) in red and
of its frame (times `FRAME_STEP`) in green, and a blue margin on the right, so
that a mirrored one is seen. Beside them are utterances of noise (`speech`).
"""

from collections.abc import Mapping, Sequence
import io
import pathlib
from typing import Any

from array_record.python import array_record_module
import numpy as np
from PIL import Image

from sadtalker_jax import conventions
from sadtalker_jax.records import folders, schema, speech

CLIP_STEP = 12
FRAME_STEP = 3
TEACHER = 1000.0
CROP = (0.8, 128.0, 120.0)  # s, tx, ty of all frames of 256 pixels
_SHARDS = 2


def write(
  folder: pathlib.Path,
  clips: Mapping[str, Mapping[str, int]],
  *,
  frames: tuple[int, int] = (36, 50),
  size: int = 256,
  teacher: bool = True,
  detail: float = 0.0,
  index: bool = True,
) -> None:
  """Writes a folder of records.

  Args:
    folder: Folder to write into.
    clips: For each split the number of clips of each speaker.
    frames: Least and largest length of clips.
    size: Side of the frames, pixels.
    teacher: Whether clips have the teacher's expression.
    detail: Standard deviation of noise on pictures, grey levels; 9 makes JPEGs
      of the size that real ones of faces have.
    index: Whether to write the index beside the shards.
  """
  rng = np.random.default_rng(0)
  # A few patterns do; drawing one for each frame would take most of the time.
  grain = rng.normal(0, detail, (4, size, size, 3)).astype(np.int16)
  splits = {}
  sizes: dict[str, dict[str, int]] = {'clips': {}, 'frames': {}}
  lengths: dict[str, dict[str, list[int]]] = {'clips': {}, 'frames': {}}
  number = 0
  for split, speakers in clips.items():
    names = [name for name, count in speakers.items() for _ in range(count)]
    rows = []
    for name in folders.DATASETS:
      sizes[name][split], lengths[name][split] = 0, []
    for shard, part in enumerate(np.array_split(np.array(names), _SHARDS)):
      found: dict[str, list[bytes]] = {'clips': [], 'frames': []}
      for speaker in part.tolist():
        length = int(rng.integers(frames[0], frames[1] + 1))
        clip = make_clip(number, speaker, length, len(found['frames']), size)
        if not teacher:
          clip['teacher'] = np.zeros((0, 64), np.float32)
        rows.append(folders.index_row(clip, shard))
        found['clips'].append(schema.encode_clip(clip))
        found['frames'] += _frames(clip, number, grain if detail else None)
        number += 1
      for name, data in found.items():
        path = folders.shard_path(folder, name, split, shard, _SHARDS)
        _write_shard(path, data)
        sizes[name][split] += sum(map(len, data))
        lengths[name][split].append(len(data))
    if index:
      folders.write_index(folder, split, rows)
    splits[split] = _described(speakers, len(rows), lengths['frames'][split])
  for name in folders.DATASETS:
    folders.write_tfds(folder, name, lengths[name], sizes[name])
  everyone = sorted({name for speakers in clips.values() for name in speakers})
  manifest = {'options': 'random', 'size': size, 'speakers': everyone}
  folders.write_manifest(folder, {**manifest, 'splits': splits, 'rejects': {}})
  speech.write(folder, 'random', [make_utterance(rng) for _ in range(4)])


def make_utterance(rng: np.random.Generator) -> speech.Utterance:
  """Two to four seconds of noise, which say a phone every tenth of one."""
  count = int(rng.integers(20, 40))
  length = count * conventions.SAMPLE_RATE // 10
  times = np.arange(count + 1, dtype=np.float32) / 10
  return speech.Utterance(
    rng.normal(0, 3000, length).astype(np.int16),
    times[:-1],
    times[1:],
    rng.integers(0, 24, count).astype(np.uint8),
    f'voice {rng.integers(2)}',
    'en',
  )


def _frames(
  clip: Mapping[str, Any], number: int, grain: np.ndarray | None
) -> list[bytes]:
  """The encoded frames of a clip, with grain [N, S, S, 3] if there is any."""
  found = []
  for t in range(clip['num_frames']):
    picture = make_picture(number, t, clip['size'])
    if grain is not None:
      picture = np.clip(picture + grain[t % len(grain)], 0, 255)
    jpeg = _jpeg(picture.astype(np.uint8))
    found.append(schema.encode_frame(clip['id'], t, jpeg))
  return found


def _described(
  speakers: Mapping[str, int], clips: int, frames: Sequence[int]
) -> dict[str, Any]:
  """The entry of a split in the manifest; `frames` are those of each shard."""
  return {
    'clips': clips,
    'frames': sum(frames),
    'hours': sum(frames) / conventions.FRAME_RATE / 3600,
    'speakers': sorted(speakers),
    'statistics': {k: [1.0] * n for k, n in folders.STATISTICS.items()},
  }


def make_clip(
  number: int, speaker: str, frames: int, frame_offset: int, size: int
) -> dict[str, Any]:
  """A clip whose numbers are those of its frames."""
  time = np.arange(frames, dtype=np.float32)
  mel = np.arange(schema.mel_length(frames), dtype=np.float32)
  coefficients = np.zeros((frames, 257), np.float32)
  coefficients[:, :80] = number
  coefficients[:, 80:144] = time[:, None]
  coefficients[:, 224:227] = np.radians(time[:, None])  # one degree a frame
  coefficients[:, 254:257] = time[:, None] / 100
  crop = np.array(CROP) * [256 / size, size / 256, size / 256]
  points = face_landmarks() * size / 256
  return {
    'id': f'{speaker}#video#{number}#0',
    'speaker': speaker,
    'video': f'{speaker}/{number}.mp4',
    'fps': float(conventions.FRAME_RATE),
    'size': size,
    'num_frames': frames,
    'frame_offset': frame_offset,
    'audio': np.zeros(conventions.SAMPLES_PER_FRAME * frames, np.int16),
    'mel': np.repeat(mel[:, None], 80, axis=1),
    'landmarks': np.repeat(points[None], frames, axis=0).astype(np.float32),
    'coefficients': coefficients,
    'crop': np.repeat(crop[None], frames, axis=0).astype(np.float32),
    'blink': np.zeros(frames, np.float32),
    'teacher': np.repeat(TEACHER + time[:, None], 64, axis=1),
    'box': np.array([0, 0, size, size], np.float32),
    'source_fps': float(conventions.FRAME_RATE),
    'offset': 0.0,
    'confidence': 6.0,
    'morphable': 'none',
    'method': 'fit',
  }


def make_picture(number: int, frame: int, size: int) -> np.ndarray:
  """A picture [size, size, 3] uint8 with the numbers of clip and frame."""
  picture = np.empty((size, size, 3), np.uint8)
  picture[..., 0] = number * CLIP_STEP % 256
  picture[..., 1] = frame * FRAME_STEP % 256
  picture[..., 2] = 0
  picture[:, -size // 8 :, 2] = 255
  return picture


def face_landmarks() -> np.ndarray:
  """68 points [68, 2] of a symmetric face in a picture of 256 pixels."""
  angles = np.linspace(np.pi, 0, 17)
  jaw = np.stack([128 + 64 * np.cos(angles), 110 + 80 * np.sin(angles)], 1)
  brow = np.stack([np.linspace(76, 112, 5), [84, 79, 77, 79, 83]], 1)
  bridge = np.stack([np.full(4, 128), np.linspace(98, 130, 4)], 1)
  nostrils = np.stack([np.linspace(114, 142, 5), [138, 141, 143, 141, 138]], 1)
  eye = np.stack(
    [[82, 90, 100, 108, 99, 90], [100, 95, 95, 101, 104, 104]], axis=1
  )
  turn = np.linspace(np.pi, -np.pi, 13)[:12]
  outer = np.stack([128 + 28 * np.cos(turn), 162 - 11 * np.sin(turn)], 1)
  turn = np.linspace(np.pi, -np.pi, 9)[:8]
  inner = np.stack([128 + 22 * np.cos(turn), 162 - 5 * np.sin(turn)], 1)
  mirrored = eye[[3, 2, 1, 0, 5, 4]] * [-1, 1] + [256, 0]
  brows = np.concatenate([brow, brow[::-1] * [-1, 1] + [256, 0]])
  return np.concatenate(
    [jaw, brows, bridge, nostrils, eye, mirrored, outer, inner]
  )


def _jpeg(picture: np.ndarray) -> bytes:
  data = io.BytesIO()
  Image.fromarray(picture).save(data, 'JPEG', quality=95)
  return data.getvalue()


def _write_shard(path: pathlib.Path, data: list[bytes]) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  writer = array_record_module.ArrayRecordWriter(
    str(path), 'group_size:1,uncompressed'
  )
  for record in data:
    writer.write(record)
  writer.close()
