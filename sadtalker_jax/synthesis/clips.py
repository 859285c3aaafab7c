"""Clips with known coefficients, drawn instead of filmed; for `cli.prepare`.

So that every stage can be tried without any data. One clip in four is the
packaged portrait, moved by the puppet; the others are random heads of the face
model, coloured and lit at random (`heads`), three clips of each. All of them
say a piece of the packaged recording, a little faster or slower, higher or
lower, with the motion that the `baseline` makes of it: lips, blinks and head.

Coefficients and landmarks are what was drawn, not what was measured; those of
the puppet are off by what the fit of the portrait is off (2 % of the eye
distance). The teacher's expression is the clip's own with eyes and brows held
still. A clip depends on its number, the seed and the options alone.
"""

from collections.abc import Callable, Iterator
import dataclasses
import pathlib
from typing import Any, NamedTuple

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d import alignment, camera, coeffs
from sadtalker_jax.face3d.bases import makehuman, morphable
from sadtalker_jax.faces import crop
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as inference_options
from sadtalker_jax.inference import pipeline, tracks
from sadtalker_jax.inference.motion.baseline import baseline_motion
from sadtalker_jax.media import audio, image, resampling
from sadtalker_jax.preparation import options as options_lib
from sadtalker_jax.preparation import parts
from sadtalker_jax.preparation.clip import region, signatures, sound
from sadtalker_jax.preparation.input import face_tracks
from sadtalker_jax.preparation.run import finish, output
from sadtalker_jax.synthesis import heads

_SECONDS = (3.0, 6.0)  # of a clip
_SPEED = (0.9, 1.12)  # of the speech, pitch with it
_EVERY = 4  # the last clip of so many is the portrait; the others are one head
_MARGIN = 0.25  # around the portrait's face: heads move
_TURN = (8.0, 20.0, 6.0)  # pitch, yaw, roll that heads look aside, degrees

Rng = np.random.Generator
Progress = Callable[
  [Iterator[parts.PartSummary], int], Iterator[parts.PartSummary]
]


class DrawnClip(NamedTuple):
  """One clip, before it is written."""

  speaker: str
  frames: np.ndarray  # uint8 [T, S, S, 3]
  coefficients: np.ndarray  # float32 [T, 257]
  trans: alignment.TransParams  # of the frames
  landmarks: np.ndarray  # float32 [T, 68, 2]
  wave: np.ndarray  # float32 [640 T]


@dataclasses.dataclass(frozen=True)
class DrawingTask:
  """One clip that is to be drawn."""

  number: int
  seed: int

  def key(self, digest: str) -> str:
    """What its part is named by."""
    return f'synthetic-{self.seed}-{self.number:06d}-{digest}'


def make(
  count: int,
  seed: int,
  folder: pathlib.Path,
  options: options_lib.PreparationOptions,
  *,
  keep_parts: bool = False,
  progress: Progress = lambda drawn, _: drawn,
) -> dict[str, Any]:
  """Records of drawn clips, made if they are not there.

  Args:
    count: number of clips.
    seed: of all that is random.
    folder: of the records.
    options: of the preparation; the size and the splits count.
    keep_parts: so that clips can be added later.
    progress: is shown the clips to be drawn, and how many they are.

  Returns:
    The manifest.

  Raises:
    InputError: the numbers are none, or the folder is no good.
  """
  if count < 1 or seed < 0:
    raise errors.InputError(
      f'synthesise: expected at least 1 clip and a seed from 0, found {count} '
      f'and {seed}'
    )
  # One portrait, one recording: likeness is no mistake here.
  options = dataclasses.replace(options, deduplicate=False)
  tasks = [DrawingTask(number, seed) for number in range(count)]
  with output.OutputFolder(folder, options, f'synthetic {seed}') as out:
    keys = [task.key(out.digest) for task in tasks]
    manifest = finish.finished(keys, out)
    if manifest is None:
      todo = [t for t in tasks if not out.part(t.key(out.digest)).exists()]
      for _ in progress(_draw_all(todo, out), len(todo)):
        pass
      manifest = finish.finish(keys, out, keep_parts=keep_parts)
  return manifest


class ClipArtist:
  """Draws clips; holds what they share."""

  def __init__(self, size: int):
    """Loads face model, portrait and recording.

    Args:
      size: side of the frames.
    """
    self._size = size
    self._model = makehuman.load()
    self._animator = pipeline.Animator(bundle_lib.load())
    self._speech = audio.load(bundle_lib.SAMPLE_SPEECH)
    self._portrait = _portrait_square(size)

  def draw(self, task: DrawingTask) -> DrawnClip:
    """The clip of a task."""
    rng = np.random.default_rng([task.seed, task.number])
    wave = _say(self._speech, rng)
    if task.number % _EVERY == _EVERY - 1:
      return self._puppet(wave, rng)
    return self._head(wave, task, rng)

  def _puppet(self, wave: np.ndarray, rng: Rng) -> DrawnClip:
    size = self._size
    clip = self._animator.animate(
      self._portrait,
      (wave, conventions.SAMPLE_RATE),
      inference_options.Options(
        preprocess='resize',
        size=size,
        seed=int(rng.integers(1 << 30)),
        pose_style=int(rng.integers(conventions.NUM_STYLES)),
        motion='baseline',
        renderer='puppet',
      ),
    )
    measured = clip.portrait.measured()
    frames = np.concatenate(list(clip.batches()))
    # The square portrait is the frame, so one factor is all there is.
    own, factor = measured.trans, size / len(self._portrait)
    trans = alignment.TransParams(
      size, size, own.scale / factor, own.tx * factor, own.ty * factor
    )
    identity = measured.coefficients[conventions.IDENTITY]
    rows = coeffs.from_row(identity, clip.track)
    vectors = np.asarray(coeffs.join(rows), np.float32)
    points = _landmarks(self._model, vectors, trans)
    return DrawnClip('portrait', frames, vectors, trans, points, wave)

  def _head(self, wave: np.ndarray, task: DrawingTask, rng: Rng) -> DrawnClip:
    group = task.number // _EVERY
    head = heads.Head(self._model, np.random.default_rng([task.seed, group, 1]))
    rest = np.zeros(conventions.ROW_SIZE, np.float32)
    rest[conventions.ROW_ANGLES] = np.radians(rng.uniform(-1, 1, 3) * _TURN)
    track = baseline_motion.baseline_track(
      wave,
      source=rest,
      num_frames=len(wave) // conventions.SAMPLES_PER_FRAME,
      fps=conventions.FRAME_RATE,
      options=tracks.MotionOptions(
        seed=int(rng.integers(1 << 30)),
        pose_style=int(rng.integers(conventions.NUM_STYLES)),
      ),
    )
    frames, vectors, trans, points = head.draw(track, self._size, rng)
    return DrawnClip(f'head{group:04d}', frames, vectors, trans, points, wave)


def _draw_all(
  tasks: list[DrawingTask], out: output.OutputFolder
) -> Iterator[parts.PartSummary]:
  """Draws clips and writes their parts."""
  studio = ClipArtist(out.options.size) if tasks else None
  for task in tasks:
    assert studio is not None
    target = out.part(task.key(out.digest))
    yield _write(studio.draw(task), task, target)


def _write(
  drawn: DrawnClip, task: DrawingTask, target: pathlib.Path
) -> parts.PartSummary:
  """Writes a clip as the part of a video of its own."""
  count, size = drawn.frames.shape[:2]
  name = f'{drawn.speaker}#synthetic-{task.seed}#{task.number:06d}#00000'
  video = f'synthetic/{task.seed}/{task.number}'
  jpegs = [image.to_jpeg(frame) for frame in drawn.frames]
  own = sound.to_int16(drawn.wave)
  spectrogram = sound.mel(own)
  lids = [makehuman.EXPRESSION_SLOTS[f'eyeBlink{s}'] for s in ('Left', 'Right')]
  expression = drawn.coefficients[:, conventions.EXPRESSION]
  fields = {
    'id': name,
    'speaker': drawn.speaker,
    'video': video,
    'fps': conventions.FRAME_RATE,
    'size': size,
    'num_frames': count,
    'audio': own,
    'mel': spectrogram,
    'landmarks': drawn.landmarks.astype(np.float32),
    'coefficients': drawn.coefficients.astype(np.float32),
    'crop': np.tile(np.array(drawn.trans[2:], np.float32), (count, 1)),
    'blink': expression[:, lids].mean(1).clip(0, 1).astype(np.float32),
    'teacher': _lips_only(expression),
    'box': np.array([0, 0, size, size], np.float32),
    'source_fps': conventions.FRAME_RATE,
    'offset': 0.0,
    'confidence': 0.0,
    'morphable': 'makehuman',
    'method': 'fit',
  }
  looks = [drawn.frames[i] for i in signatures.places(count)]
  info = parts.ClipInfo(
    name,
    drawn.speaker,
    count,
    sum(len(jpeg) for jpeg in jpegs),
    tuple(int(w) for w in signatures.make(looks, spectrogram)),
    video,
    0,
  )
  with parts.PartWriter(target) as writer:
    writer.add(info, fields, jpegs)
    return writer.finish(video, [], count, {})


def _lips_only(expression: np.ndarray) -> np.ndarray:
  """Expressions [T, 64], eyes and brows as in frame 0."""
  still = [
    slot
    for name, slot in makehuman.EXPRESSION_SLOTS.items()
    if name.startswith(('eye', 'brow'))
  ]
  lips = expression.astype(np.float32)
  lips[:, still] = lips[0, still]
  return lips


def _portrait_square(size: int) -> np.ndarray:
  """The packaged portrait, cut to a square around its face."""
  bundle = bundle_lib.load()
  picture = image.load(bundle_lib.SAMPLE_PORTRAIT)
  found = bundle.landmarker.detect(picture, bundle.detector.detect(picture)[0])
  whole = (picture.shape[1], picture.shape[0])
  square = region.enlarge(
    face_tracks.box_of(found.points), whole, margin=_MARGIN, strict=False
  )
  assert square is not None  # the picture is ours
  return crop.resize_to(picture, square, size)


def _say(speech: np.ndarray, rng: Rng) -> np.ndarray:
  """A piece of a recording, its speed changed: [640 T]."""
  speed = rng.uniform(*_SPEED)
  length = rng.uniform(*_SECONDS)
  samples = min(int(length * speed * conventions.SAMPLE_RATE), len(speech))
  start = int(rng.integers(0, len(speech) - samples + 1))
  piece = speech[None, start : start + samples]
  # Played at another rate: faster and higher, or slower and lower.
  rate = round(conventions.SAMPLE_RATE * speed / 100) * 100
  changed = np.concatenate(
    list(resampling.resampled(iter([piece]), rate, conventions.SAMPLE_RATE, 1)),
    1,
  )[0]
  count = len(changed) // conventions.SAMPLES_PER_FRAME
  gain = rng.uniform(0.6, 1.0)
  return (gain * changed[: count * conventions.SAMPLES_PER_FRAME]).astype(
    np.float32
  )


def _landmarks(
  model: morphable.MorphableModel,
  vectors: np.ndarray,
  trans: alignment.TransParams,
) -> np.ndarray:
  """The model's 68 points [T, 68, 2] in the frames of coefficients [T, 257]."""
  own = coeffs.split(vectors)
  mean, identity, expression = (
    np.asarray(part)
    for part in morphable.restrict(
      model, model.landmark_ids, model.landmark_weights
    )
  )
  points = (
    mean
    + np.tensordot(own.identity, identity, 1)
    + np.tensordot(own.expression, expression, 1)
  )
  posed = camera.transform(points, own.angles, own.translation)
  return np.asarray(camera.project_to_picture(posed, trans))[..., :2]
