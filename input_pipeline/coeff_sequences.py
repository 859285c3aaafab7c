"""Examples of sound and coefficients: ExpNet and PoseVAE.

Letters: N frames of a window. Coefficients as `face3d.coeffs`, angles in
radian, translation in decimetre.
"""

from collections.abc import Mapping
import dataclasses
from typing import Literal

import numpy as np

from input_pipeline import (
  blinks,
  head_changes,
  sound_changes,
  sources,
  transforms,
)
from sadtalker_jax import conventions, errors
from sadtalker_jax.records import folders


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExpressionWindows:
  """ExpNet: a few successive frames (method 3.4, method 3.5).

  mel          [N, 80, 16]  window of each frame
  reference    [64]         expression beta_0
  blink        [N]          signal that the eyes follow, 0 open to 1 closed
  target       [N, 64]      expression to learn
  coefficients [257]        of frame 0 of the clip: whose face is rendered
  """

  num_frames: int = 5
  # Lip-only expression of the teacher, that of the real frames, or the former
  # where there is one.
  target: Literal['teacher', 'real', 'teacher_or_real'] = 'teacher'
  # beta_0: frame 0 of the clip, or half of the time any of its frames.
  reference: Literal['first', 'mixed'] = 'mixed'
  # Drawn, or that of the frames: a real expression has the lids of its frame,
  # and with a drawn signal the eyes' loss would ask for others.
  blinks: Literal['random', 'real'] = 'random'
  changes: bool = False  # whether level and colour of the sound vary

  def __post_init__(self) -> None:
    """Checks the words."""
    targets = ('teacher', 'real', 'teacher_or_real')
    if self.target not in targets:
      raise errors.InputError(
        f'expected target in {targets}, found {self.target!r}'
      )
    if self.blinks not in ('random', 'real'):
      raise errors.InputError(
        f'expected blinks random or real, found {self.blinks!r}'
      )
    if self.reference not in ('first', 'mixed'):
      raise errors.InputError(
        f'expected reference first or mixed, found {self.reference!r}'
      )

  def entries(self) -> dict[str, transforms.Entry]:
    """Shapes and types of an example."""
    n = self.num_frames
    return {
      'mel': transforms.Entry((n, 80, 16), low=-4.0, high=4.0),
      'reference': transforms.Entry((64,)),
      'blink': transforms.Entry((n,), low=0.0),
      'target': transforms.Entry((n, 64)),
      'coefficients': transforms.Entry((257,), low=-0.3, high=0.3),
    }

  def check(self, clips: sources.Clips) -> None:
    """There must be a teacher if one is asked for."""
    if self.target == 'teacher' and not clips.index['teacher'].any():
      raise errors.InputError(
        f'expected clips with a teacher in {clips.folder}, found none: '
        "prepare them with one, or set target to 'real'"
      )

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """Clips that are long enough and have the target."""
    keep = index['num_frames'] >= self.num_frames
    return keep & index['teacher'] if self.target == 'teacher' else keep

  def example(
    self, clips: sources.Clips, position: int, rng: np.random.Generator
  ) -> transforms.Example:
    """A random window of the clip."""
    clip = clips.clip(position)
    total = clip['num_frames']
    start = int(rng.integers(total - self.num_frames + 1))
    frames = np.arange(start, start + self.num_frames)
    reference = 0
    if self.reference == 'mixed' and rng.random() < 0.5:
      reference = int(rng.integers(total))
    coefficients = clip['coefficients']
    real = coefficients[:, conventions.EXPRESSION]
    teacher = self.target != 'real' and len(clip['teacher']) > 0
    if self.target == 'teacher' and not teacher:
      raise errors.InputError(f'expected a teacher in {clip["id"]}, found none')
    if self.blinks == 'real':
      signal = np.asarray(clip['blink'][frames], np.float32)
    else:
      signal = blinks.random_signal(self.num_frames, rng)
    mel = transforms.mel_windows(clip['mel'], transforms.frame_starts(frames))
    if self.changes:
      mel = sound_changes.changed_mel(mel, rng)
    return {
      'mel': mel,
      'reference': real[reference],
      'blink': signal,
      'target': (clip['teacher'] if teacher else real)[frames],
      'coefficients': coefficients[0],
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoseClips:
  """PoseVAE: 33 successive frames without a jump (method 4.5, method 4.6).

  pose   [N, 6]           of the frames; the first is the condition rho_0
  mel    [N - 1, 80, 16]  windows of the frames after the first
  style  []               class of the speaker, or of the motion
  """

  num_frames: int = 33
  num_styles: int = conventions.NUM_STYLES
  # What a style is: the speaker, as published; or, where speakers are few, how
  # lively the motion is, see `head_changes`.
  styles: Literal['speakers', 'liveliness'] = 'speakers'
  # Whether motion is mirrored, slower and larger or not, and sound changed.
  changes: bool = False

  def __post_init__(self) -> None:
    """Checks the word."""
    if self.styles not in ('speakers', 'liveliness'):
      raise errors.InputError(
        f'expected styles speakers or liveliness, found {self.styles!r}'
      )

  def entries(self) -> dict[str, transforms.Entry]:
    """Shapes and types of an example."""
    n = self.num_frames
    return {
      'pose': transforms.Entry((n, 6), low=-0.3, high=0.3),
      'mel': transforms.Entry((n - 1, 80, 16), low=-4.0, high=4.0),
      'style': transforms.Entry((), np.int32, 0, self.num_styles - 1),
    }

  def check(self, clips: sources.Clips) -> None:
    """Speakers must not be more than styles."""
    if self.styles == 'speakers' and len(clips.speakers) > self.num_styles:
      raise errors.InputError(
        f'expected at most {self.num_styles} speakers, one for each style, '
        f'found {len(clips.speakers)}: select some (selection.num_speakers)'
      )

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """Clips with enough frames in a row that have no jump."""
    return index['steady'] >= self.num_frames

  def example(
    self, clips: sources.Clips, position: int, rng: np.random.Generator
  ) -> transforms.Example:
    """A random window of the clip that has no jump."""
    clip = clips.clip(position)
    pose = clip['coefficients'][:, list(conventions.POSE)]
    jumps = folders.pose_jumps(clip['coefficients'])
    inside = np.convolve(jumps, np.ones(self.num_frames - 1, int), 'valid')
    start = int(rng.choice(np.flatnonzero(inside == 0)))
    frames = np.arange(start, start + self.num_frames)
    style = 0
    if self.changes:
      # No more frames than there are without a jump.
      room = np.flatnonzero(jumps[start:]).min(initial=len(jumps) - start)
      times = head_changes.times(self.num_frames, int(room) + 1, rng)
      pose = head_changes.at_times(pose[start : start + room + 1], times)
      frames = start + np.rint(times).astype(int)
      pose, style = head_changes.changed(pose, self.num_styles, rng)
    else:
      pose = pose[frames]
      if self.styles == 'liveliness':
        pose = head_changes.limited(pose)
    mel = transforms.mel_windows(
      clip['mel'], transforms.frame_starts(frames[1:])
    )
    if self.changes:
      mel = sound_changes.changed_mel(mel, rng)
    if self.styles == 'speakers':
      style = clips.style(position)
    return {'pose': pose, 'mel': mel, 'style': np.int32(style)}
