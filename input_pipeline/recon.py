"""Examples of aligned faces for the reconstruction network (method 6.6).

The aligned frame is the one of `face3d.camera`: 224 x 224 pixels, landmarks
(u, v) with v up and pixel centres at half-integers, a picture's row 0 on top.
A frame is warped into it in one go, alignment and augmentation together.
"""

from collections.abc import Mapping
import dataclasses

import numpy as np
from PIL import Image

from input_pipeline import skin, sources, transforms

SIZE = 224
# Partners of the 68 landmarks when a face is mirrored.
MIRROR = np.array(
  [
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
  ]
)
MIRROR.setflags(write=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReconImages:
  """Recon: an aligned frame, its landmarks and where its skin is.

  image      [224, 224, 3]  uint8 RGB
  landmarks  [68, 2]        (u, v), pixels of the aligned frame, v up
  skin       [224, 224]     uint8, 0 to 255 for certainly skin
  """

  augment: bool = True  # off for validation
  shift: float = 10.0  # pixels of the aligned frame
  scale: float = 0.1  # largest change of the size
  angle: float = 10.0  # degrees

  def entries(self) -> dict[str, transforms.Entry]:
    """Shapes and types of an example."""
    return {
      'image': transforms.Entry((SIZE, SIZE, 3), np.uint8, 0, 255),
      'landmarks': transforms.Entry((68, 2), low=40.0, high=184.0),
      'skin': transforms.Entry((SIZE, SIZE), np.uint8, 0, 255),
    }

  def check(self, clips: sources.Clips) -> None:
    """Any folder will do."""

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """All clips."""
    return index['num_frames'] >= 1

  def example(
    self, clips: sources.Clips, position: int, rng: np.random.Generator
  ) -> transforms.Example:
    """A random frame of the clip."""
    clip = clips.clip(position)
    number = int(rng.integers(clip['num_frames']))
    matrix = alignment_matrix(clip['crop'][number], clips.size)
    mirror = False
    if self.augment:
      matrix = self._random_change(rng) @ matrix
      mirror = rng.random() < 0.5
    if mirror:
      matrix = np.array([[-1, 0, SIZE], [0, 1, 0], [0, 0, 1.0]]) @ matrix
    image = warp(clips.frames(position, [number])[0], matrix)
    points = clip['landmarks'][number] @ matrix[:2, :2].T + matrix[:2, 2]
    if mirror:
      points = points[MIRROR]
    mask = skin.mask(image, points)
    points = np.stack([points[:, 0], SIZE - points[:, 1]], axis=1)
    return {
      'image': image,
      'landmarks': points.astype(np.float32),
      'skin': mask,
    }

  def _random_change(self, rng: np.random.Generator) -> np.ndarray:
    """Random shift, size and rotation about the centre, [3, 3]."""
    angle = np.radians(rng.uniform(-self.angle, self.angle))
    scale = 1 + rng.uniform(-self.scale, self.scale)
    dx, dy = rng.uniform(-self.shift, self.shift, 2)
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    centre = SIZE / 2
    return np.array(
      [
        [c, -s, centre - c * centre + s * centre + dx],
        [s, c, centre - s * centre - c * centre + dy],
        [0, 0, 1],
      ]
    )


def alignment_matrix(crop: np.ndarray, size: int) -> np.ndarray:
  """From pixels of a frame to pixels of the aligned frame, both y down.

  The published program cuts at whole pixels (method 6.3); here the origin of
  the face model falls exactly into the centre, where the camera has it.

  Args:
    crop: Numbers [3] s, tx, ty of the frame, y up.
    size: Side of the frame, pixels.

  Returns:
    [3, 3] float64.
  """
  scale, tx, ty = np.asarray(crop, np.float64)
  centre = SIZE / 2
  return np.array(
    [
      [scale, 0, centre - scale * tx],
      [0, scale, centre - scale * (size - ty)],
      [0, 0, 1],
    ]
  )


def warp(image: Image.Image, matrix: np.ndarray) -> np.ndarray:
  """A picture in the aligned frame, bilinear, black outside.

  Bicubic, which is used at inference, takes three times as long; sizes
  differ by so little that it would hardly be sharper.

  Args:
    image: Picture, RGB.
    matrix: Matrix [3, 3] from pixels of the picture to those of the aligned
      frame.

  Returns:
    [224, 224, 3] uint8.
  """
  # Pillow asks where the pixels of the result come from, and takes pixel
  # centres at half-integers on both sides.
  back = np.linalg.inv(matrix)
  warped = image.transform(
    (SIZE, SIZE),
    Image.Transform.AFFINE,
    back[:2].ravel().tolist(),
    Image.Resampling.BILINEAR,
  )
  return np.asarray(warped)
