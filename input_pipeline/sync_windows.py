"""Examples of faces and sound for Wav2Lip: expert and generator (method 7).

Faces are [5, 96, 96, 3] uint8 **BGR**, as for the released networks; their
`face_input` makes the networks' inputs of them. A face is cut out of five
successive frames by boxes of one size that follow eyes and nose: a box that
followed the chin would hide how far the mouth opens.
"""

from collections.abc import Mapping
import dataclasses

import numpy as np
from PIL import Image

from input_pipeline import sources, transforms
from sadtalker_jax import errors

NUM_FRAMES = 5
FACE_SIZE = 96
# The box of the 68 landmarks reaches from the brows to the chin. The detector
# of the original (S3FD) draws a box from the middle of the forehead; so much,
# in heights of the landmarks' box, is added above and below.
_ABOVE = 0.3
_BELOW = 0.05
_STILL = slice(27, 48)  # landmarks of nose and eyes, which no mouth moves
_FACES = transforms.Entry(
  (NUM_FRAMES, FACE_SIZE, FACE_SIZE, 3), np.uint8, 0, 255
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyncWindows:
  """Expert: five faces, and the sound of them or of other frames.

  faces  [5, 96, 96, 3]
  mel    [80, 16]  begins with the first face if in sync
  label  []        1 in sync, 0 not
  """

  def entries(self) -> dict[str, transforms.Entry]:
    """Shapes and types of an example."""
    return {
      'faces': _FACES,
      'mel': transforms.Entry((80, 16), low=-4.0, high=4.0),
      'label': transforms.Entry((), low=0.0),
    }

  def check(self, clips: sources.Clips) -> None:
    """Any folder will do."""

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """Clips with more than one window."""
    return index['num_frames'] > NUM_FRAMES

  def example(
    self, clips: sources.Clips, position: int, rng: np.random.Generator
  ) -> transforms.Example:
    """A random window, with its sound or, half of the time, another's."""
    clip = clips.clip(position)
    start, other = _two_starts(clip['num_frames'], 0, rng)
    label = rng.random() < 0.5
    heard = sync_starts(np.array([start if label else other]))
    return {
      'faces': cut_faces(clips, position, clip['landmarks'], start),
      'mel': transforms.mel_windows(clip['mel'], heard)[0],
      'label': np.float32(label),
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorWindows:
  """Generator: faces to draw, others of the same person, and the sound.

  target     [5, 96, 96, 3]  its lower half is hidden from the generator
  reference  [5, 96, 96, 3]  from elsewhere in the clip
  mels       [5, 80, 16]     of each face
  mel        [80, 16]        of all five, for the expert
  """

  def entries(self) -> dict[str, transforms.Entry]:
    """Shapes and types of an example."""
    return {
      'target': _FACES,
      'reference': _FACES,
      'mels': transforms.Entry((NUM_FRAMES, 80, 16), low=-4.0, high=4.0),
      'mel': transforms.Entry((80, 16), low=-4.0, high=4.0),
    }

  def check(self, clips: sources.Clips) -> None:
    """Any folder will do."""

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """Clips with more than one window after frame 0."""
    return index['num_frames'] > NUM_FRAMES + 1

  def example(
    self, clips: sources.Clips, position: int, rng: np.random.Generator
  ) -> transforms.Example:
    """Two random windows; the first frame is left out, as in the original."""
    clip = clips.clip(position)
    start, other = _two_starts(clip['num_frames'], 1, rng)
    frames = np.arange(start, start + NUM_FRAMES)
    return {
      'target': cut_faces(clips, position, clip['landmarks'], start),
      'reference': cut_faces(clips, position, clip['landmarks'], other),
      'mels': transforms.mel_windows(clip['mel'], generator_starts(frames)),
      'mel': transforms.mel_windows(
        clip['mel'], sync_starts(np.array([start]))
      )[0],
    }


def sync_starts(frames: np.ndarray) -> np.ndarray:
  """Mel windows that begin with frames [N]: floor(3.2 f), method 7.2."""
  return 16 * frames // 5


def generator_starts(frames: np.ndarray) -> np.ndarray:
  """Mel windows of frames [N] in Wav2Lip's training: 3.2 (f - 1), method 2.3.

  Rounded towards zero. It is also the teacher's alignment.
  """
  return transforms.frame_starts(frames + 1)


def face_boxes(landmarks: np.ndarray) -> np.ndarray:
  """Boxes of a face as the detector of Wav2Lip draws them.

  Args:
    landmarks: Landmarks [N, 68, 2] of successive frames, pixels, y down.

  Returns:
    [N, 4] left, top, right, bottom, pixels.
  """
  low, high = landmarks.min(1).mean(0), landmarks.max(1).mean(0)
  height = high[1] - low[1]
  box = np.concatenate([low, high]) + [0, -_ABOVE * height, 0, _BELOW * height]
  middle = landmarks[:, _STILL].mean(1)  # [N, 2]
  return box + np.tile(middle - middle.mean(0), 2)


def cut_faces(
  clips: sources.Clips, position: int, landmarks: np.ndarray, start: int
) -> np.ndarray:
  """Five faces of a clip, [5, 96, 96, 3] uint8 BGR.

  Args:
    clips: Clips with the frames.
    position: Row of the clip in the index.
    landmarks: Landmarks [T, 68, 2] of the clip.
    start: First frame.
  """
  numbers = np.arange(start, start + NUM_FRAMES)
  # Pillow's boxes may not leave the picture.
  boxes = face_boxes(landmarks[numbers]).clip(0, clips.size)
  if (boxes[:, 2:] - boxes[:, :2] < 1).any():
    raise errors.InputError(
      f'expected a face in frames {start} to {numbers[-1]} of clip '
      f'{clips.index["id"][position]}, found boxes {boxes.round().tolist()}'
    )
  faces = [
    frame.resize(
      (FACE_SIZE, FACE_SIZE),
      Image.Resampling.BILINEAR,
      box=tuple(box.tolist()),
    )
    for frame, box in zip(clips.frames(position, numbers), boxes, strict=True)
  ]
  return np.stack([np.asarray(face)[..., ::-1] for face in faces])


def _two_starts(
  num_frames: int, first: int, rng: np.random.Generator
) -> tuple[int, int]:
  """Starts of two different windows, the lowest being `first`."""
  starts = num_frames - NUM_FRAMES + 1 - first
  one = int(rng.integers(starts))
  other = (one + 1 + int(rng.integers(starts - 1))) % starts
  return first + one, first + other
