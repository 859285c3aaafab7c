"""Several people in one picture: each face a clip of its own, put together.

Every face of the picture moves: those that have a recording say it, the others
listen, with blinks, glances and small nods. All recordings begin together; the
clip is as long as the longest. Faces have the numbers of `face_index`, the
largest first.
"""

from collections.abc import Callable, Mapping
import dataclasses
import pathlib

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.faces import crop
from sadtalker_jax.inference import animation as animation_lib
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import inputs, portrait, tracks
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.group import group_drawer, nodding
from sadtalker_jax.inference.motion import seeds
from sadtalker_jax.media import mixing

MOST = 8  # people; each is drawn in every frame
# Options of one face, or of one recording.
_OF_ONE = (
  'face_index', 'box', 'audio_track', 'drive', 'idle', 'ref_pose',
  'ref_eyeblink', 'face3dvis', 'keyframes', 'background', 'background_image',
)  # fmt: skip

Animate = Callable[
  [np.ndarray, inputs.Sound | None, options_lib.Options],
  animation_lib.Animation,
]


def check(options: options_lib.Options) -> None:
  """Refuses options that are about one face alone.

  Raises:
    InputError: there is one.
  """
  for spec in options_lib.chosen(options, _OF_ONE):
    raise errors.InputError(f'{spec.name}: expected without speakers')


def animation(
  animate: Animate,
  picture: np.ndarray,
  options: options_lib.Options,
  bundle: bundle_lib.Bundle,
) -> animation_lib.Animation:
  """The clip of a picture whose people speak.

  Args:
    animate: What makes the clip of one face.
    picture: [H, W, 3] uint8 RGB.
    options: Choices; `speakers` says who says what.
    bundle: Bundle with the face detector.

  Raises:
    InputError: a face is not there, or a recording cannot be read.
  """
  check(options)
  speakers = dict(options.speakers or ())
  voices = _voices(speakers)
  count = _count(picture, speakers, bundle)
  longest = max(len(voice) for voice in voices.values())
  seed = seeds.chosen(options.seed, np.concatenate(list(voices.values())))
  members = []
  for face in range(count):
    wave = np.zeros(longest, np.float32)
    if face in voices:
      wave[: len(voices[face])] = voices[face]
    one = dataclasses.replace(
      options,
      speakers=None,
      preprocess=_mode(options),
      face_index=face,
      seed=(seed + 7919 * face) % 2**32,
    )
    clip = animate(picture, (wave, conventions.SAMPLE_RATE), one)
    if face not in voices:
      rows = nodding.nodded(clip.track, float(clip.fps), (seed, face))
      clip = dataclasses.replace(
        clip, motion=clip.motion._replace(coefficients=rows)
      )
    members.append(clip)
  sounds = [mixing.loaded(path) for path in speakers.values()]
  sound = mixing.mixed(sounds), mixing.RATE
  return _together(picture, members, sound)


def _mode(options: options_lib.Options) -> options_lib.Preprocess:
  """The mode of every face: all are pasted back into the picture."""
  return options.preprocess if options.is_pasted else 'full'


def _count(
  picture: np.ndarray,
  speakers: Mapping[int, pathlib.Path],
  bundle: bundle_lib.Bundle,
) -> int:
  """Faces of the picture that move."""
  found = bundle.detector.detect(picture)
  height, width = picture.shape[:2]
  crop.pick(found, 0, (width, height))  # raises where there is none
  count = min(len(found), MOST)
  for face in speakers:
    if face >= count:
      raise errors.InputError(
        f'speakers: expected faces 0 to {count - 1}, found {face}; '
        '--list_faces shows them'
      )
  return count


def _voices(speakers: Mapping[int, pathlib.Path]) -> dict[int, np.ndarray]:
  """The recordings of faces at 16 kHz."""
  return {face: inputs.sound(path).wave[:] for face, path in speakers.items()}


def _together(
  picture: np.ndarray,
  members: list[animation_lib.Animation],
  sound: inputs.Sound,
) -> animation_lib.Animation:
  """One clip of the clips of all faces."""
  length = min(member.num_frames for member in members)
  motion = tracks.Track(
    *(
      np.stack([part[:length] for part in parts], axis=1)
      for parts in zip(*(member.motion for member in members), strict=True)
    )
  )
  first = members[0]
  return animation_lib.Animation(
    GroupPortrait(picture, tuple(member.portrait for member in members)),
    motion,
    first.fps,
    sound,
    group_drawer.GroupDrawer(tuple(member.drawer for member in members)),
    first.batch_size,
  )


@dataclasses.dataclass(frozen=True, eq=False)
class GroupPortrait:
  """The people of a picture; a `portrait.Portrait` of the whole picture."""

  picture: np.ndarray
  members: tuple[portrait.Portrait, ...]

  @property
  def window(self) -> portrait.Window:
    """The whole picture."""
    width, height = self.frame_size
    box = 0.0, 0.0, float(width), float(height)
    return portrait.Window(box, self.frame_size, (True,) * 4, False)

  @property
  def row(self) -> np.ndarray:
    """Coefficients of the first face."""
    return self.members[0].row

  @property
  def frame_size(self) -> tuple[int, int]:
    """Width and height of the frames."""
    height, width = self.picture.shape[:2]
    return width, height

  def measured(self) -> portrait.MeasuredFace:
    """The first face as it was measured."""
    return self.members[0].measured()
