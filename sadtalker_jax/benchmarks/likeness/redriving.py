"""A real clip, driven again from a frame of its own by its own sound.

The default motion and renderer are used, without a mark. Real frames are cut to
the window of the generated ones, so that pixels of both are alike.
"""

import pathlib
from typing import Any

import numpy as np

import sadtalker_jax
from sadtalker_jax import conventions
from sadtalker_jax.benchmarks.likeness import (
  cuts,
  lips_alike,
  measures,
  mouths,
  movement,
  surroundings,
)
from sadtalker_jax.faces import landmarks
from sadtalker_jax.inference import animation
from sadtalker_jax.ops import resize


class Redriver:
  """Drives clips again, and measures them and the real ones."""

  def __init__(self, size: int, keep: pathlib.Path | None = None):
    """Takes choices; nothing is loaded yet.

    Args:
      size: Side of the frames, pixels.
      keep: Folder that the videos are written to; None to write none.
    """
    self._size, self._keep = size, keep
    self._animator = sadtalker_jax.Animator.from_pretrained()

  def measured(self, real: cuts.RealClip, start: str) -> dict[str, Any]:
    """All measures of a clip that has been cut where it starts.

    Args:
      real: The clip, from the frame that is taken as the portrait.
      start: Name of the cut.

    Returns:
      Values by measure of `real` and `ours`, reasons by measure in `missing`,
      and correlations of the lips in `drawn` and `track`.

    Raises:
      InputError: the first frame cannot be animated.
    """
    clip = self._animator.animate(
      real.frames[0],
      (real.wave, conventions.SAMPLE_RATE),
      size=self._size,
      mark='off',
    )
    frames = list(clip.frames())
    if self._keep is not None:
      name = f'{real.name}.{start.replace(" ", "_")}.mp4'
      clip.write([np.stack(frames)], self._keep / name, overwrite=True)
    count = min(len(frames), len(real.frames))
    points = landmarks.FaceMesh().track(frames).points[:count]
    sides = {
      'real': (_cut(real.frames[:count], clip), _placed(real.points, clip)),
      'ours': (frames[:count], points.astype(np.float64)),
    }
    # One matte serves both: the first frames are the same photo.
    alpha = surroundings.matte(sides['real'][0][0], sides['real'][1][0])
    row: dict[str, Any] = {'frames': count, 'missing': {}}
    for side, (pictures, places) in sides.items():
      found = measures.Measures()
      movement.measure(places[:count], cuts.FPS, found)
      surroundings.measure(pictures, places[:count], alpha, found)
      mouths.measure(pictures, places[:count], found)
      if side == 'ours':
        movement.measure_track(clip.track, found)
      row[side] = found.values
      row['missing'][side] = found.missing
    track = lips_alike.of_track(clip, self._animator.bundle.model)
    for name, made in (('drawn', points), ('track', track)):
      row[name] = lips_alike.correlations(real.points[:count], made, real.wave)
    return row


def _cut(
  frames: list[np.ndarray], clip: animation.Animation
) -> list[np.ndarray]:
  """Real frames, cut to the window of a clip's frames."""
  window = clip.portrait.window
  return [
    np.rint(resize.window(frame, window.box, window.frame_size)).astype(
      np.uint8
    )
    for frame in frames
  ]


def _placed(points: np.ndarray, clip: animation.Animation) -> np.ndarray:
  """Points [T, N, 3] of the picture as those of a clip's frames."""
  fitted = lips_alike.fitted(clip)
  x0, _, x1, _ = fitted.window.box
  scale = fitted.window.frame_size[0] / (x1 - x0)
  flat = fitted.to_frame(points[..., :2])
  return np.concatenate([flat, scale * points[..., 2:]], -1)
