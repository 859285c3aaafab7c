"""The `learned` motion: ExpNet and PoseVAE turn a recording into coefficients.

Conventions: a track is [T, 70] float32, rows of expression (64 numbers of the
bundle's basis), angles (radian) and translation (decimetre), see
`face3d.coeffs`. The networks work at 25 frames per second; at other rates a
track is made at 25 and interpolated cubically, at the middles of its frames.

With `release_chunks` the procedure is exactly the published one: chunks of
poses set end to end (`chunks`), reference videos looped by jumping back to
their start, and a reference pose added on top of the generated one (quirk Q10).
Otherwise chunks are cross-faded, a reference pose replaces the generated one,
and loops go to and fro, as in `tracks.looped`.

In both cases, as published:

- with a reference video for the eyes, its whole expression is the reference of
  ExpNet in each frame, instead of the portrait's, so that its mouth shows
  through (quirk Q11): numbers of the BFM basis are not of eyes or mouth alone.
  Blinks are off then.
- `expression_scale` multiplies all 64 generated numbers (method 3.3); those of
  the packaged head then end where its units do, at 0 and 1.
- `still` fixes the head and not the eyes (quirk Q12); `blink` is an option of
  its own. Blinks come at the published intervals, as in ExpNet's training,
  unless `blink_rate` asks for others.
- generated poses are smoothed, reference poses are not.
- free views replace angles inside the renderer, in degrees, where coefficients
  have become keypoints (method 5.4): they are returned beside the track.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

import jax
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import tracks
from sadtalker_jax.inference.motion import blinks, seeds
from sadtalker_jax.inference.motion.learned import (
  chunks,
  rates,
  sound_windows,
)
from sadtalker_jax.models import zoo
from sadtalker_jax.ops import filters, mel, waves
from sadtalker_jax.typing import Variables


class LearnedMotion(tracks.Motion):
  """The motion of ExpNet and PoseVAE."""

  networks: ClassVar[tuple[str, ...]] = ('expnet', 'posevae')

  def __init__(
    self,
    expnet: Variables,
    posevae: Variables,
    *,
    basis: str,
    fields: Mapping[str, Mapping[str, Any]] | None = None,
  ):
    """A motion whose weights are on the device.

    Args:
      expnet: Variables of ExpNet.
      posevae: Variables of PoseVAE.
      basis: Face model of the expressions of ExpNet, inputs and outputs.
      fields: Fields of the modules that differ from the zoo's, by the names
        'expnet' and 'posevae'.
    """
    self.basis = basis
    fields = fields or {}
    self._expnet: Any = zoo.build('expnet', **fields.get('expnet', {}))
    self._posevae: Any = zoo.build('posevae', **fields.get('posevae', {}))
    # On the device once, not again with every call.
    self._expnet_variables = jax.device_put(expnet)
    self._posevae_variables = jax.device_put(posevae)

  @classmethod
  def basis_in(cls, bundle: bundle_lib.Bundle) -> str:
    """The face model of the bundle's networks."""
    return bundle.basis

  @classmethod
  def from_bundle(cls, bundle: bundle_lib.Bundle) -> Self:
    """The motion with the networks of a bundle.

    Raises:
      InputError: the bundle lacks them.
    """
    return cls(
      *(bundle.variables(name) for name in cls.networks),
      basis=bundle.basis,
      fields={name: bundle.fields(name) for name in cls.networks},
    )

  def track(
    self,
    wave: waves.Wave,
    *,
    source: np.ndarray,
    num_frames: int,
    fps: mel.FrameRate = conventions.FRAME_RATE,
    options: tracks.MotionOptions | None = None,
  ) -> tracks.Track:
    """Coefficients of a portrait that says a recording.

    Args:
      wave: [L] sound at 16 kHz in [-1, 1]; may be shorter than the track, or
        empty.
      source: [70] or [73] coefficients of the portrait, of this basis; the crop
        of the latter is not used.
      num_frames: T, at least 1.
      fps: Frames per second; reference tracks in `options` have the same.
      options: Choices; None for the defaults.

    Returns:
      Coefficients [T, 70] float32, and the angles that free views prescribe.

    Raises:
      ValueError: `source`, `wave` or `num_frames` is not as described.
    """
    options = options or tracks.MotionOptions()
    source = np.asarray(source, np.float32)
    if source.shape not in (
      (conventions.ROW_SIZE,),
      (conventions.CROP_ROW_SIZE,),
    ):
      raise ValueError(f'expected a source [70] or [73], found {source.shape}')
    if num_frames < 1:
      raise ValueError(f'expected at least 1 frame, found {num_frames}')
    # 25ths of a second that cover the clip; as many as frames at 25 a second.
    length = -(
      -mel.num_samples(num_frames, fps)
      // mel.num_samples(1, conventions.FRAME_RATE)
    )
    windows = sound_windows.SoundWindows(wave, length)
    seed = seeds.chosen(options.seed, wave)
    clip = _Clip(
      windows, source, num_frames, float(fps), options.release_chunks, seed
    )
    track = np.empty((num_frames, conventions.ROW_SIZE), np.float32)
    track[:, conventions.ROW_EXPRESSION] = self._expression(clip, options)
    track[:, conventions.ROW_POSE] = self._pose(clip, options)
    return tracks.Track(track, tracks.free_views(options, num_frames))

  def express(
    self, windows: np.ndarray, reference: np.ndarray, blink: np.ndarray
  ) -> np.ndarray:
    """Expression [T, 64] of frames; arguments as of `chunks.expressions`."""
    networks = self._expnet, self._expnet_variables
    return np.asarray(chunks.express(*networks, windows, reference, blink))

  def pose_chunk(
    self, windows: np.ndarray, latent: np.ndarray, rest: np.ndarray, style: int
  ) -> np.ndarray:
    """Motion [32, 6] over the portrait's pose.

    Args:
      windows: [32, 80, 16] log-mel windows at 25 frames a second.
      latent: [64] normally distributed numbers, see `chunks.latent`.
      rest: [6] pose of the portrait.
      style: Manner of the motion, 0 to 45.
    """
    networks = self._posevae, self._posevae_variables
    motion = chunks.decode(*networks, windows, latent, rest, np.int32(style))
    return filters.savitzky_golay(np.asarray(motion), 13, 2)  # method 4.7, 4

  def _expression(
    self, clip: '_Clip', options: tracks.MotionOptions
  ) -> np.ndarray:
    """Expression [T, 64]."""
    length = len(clip.windows)
    blink = np.zeros(length, np.float32)
    if options.ref_eyeblink is not None:
      given = clip.looped(options.ref_eyeblink[:, conventions.ROW_EXPRESSION])
      reference = rates.resampled(
        given, length, clip.fps / conventions.FRAME_RATE
      )
    else:
      reference = np.tile(clip.source[conventions.ROW_EXPRESSION], (length, 1))
      if options.blink and options.blink_rate is not None:
        blink = blinks.natural_track(
          clip.seed, length, per_minute=options.blink_rate
        )
      elif options.blink:
        blink = blinks.published_track(clip.seed, length)
    expression = chunks.expressions(
      self._expnet, self._expnet_variables, clip.windows, reference, blink
    )
    expression *= np.float32(options.expression_scale)
    expression = rates.resampled(
      expression, clip.num_frames, conventions.FRAME_RATE / clip.fps
    )
    if self.basis == bundle_lib.PACKAGED_BASIS:
      rest = clip.source[conventions.ROW_EXPRESSION]
      expression = makehuman.within_units(expression, rest)
    return expression

  def _pose(self, clip: '_Clip', options: tracks.MotionOptions) -> np.ndarray:
    """Pose [T, 6]."""
    rest = clip.source[conventions.ROW_POSE]
    pose = np.tile(rest, (clip.num_frames, 1))
    if options.still:
      return pose
    if options.ref_pose is None or clip.release_chunks:
      count = chunks.num_chunks(
        len(clip.windows), release_chunks=clip.release_chunks
      )
      generated = chunks.poses(
        self._posevae,
        self._posevae_variables,
        clip.windows,
        rest,
        options.pose_style,
        chunks.latents(clip.seed, count),
        release_chunks=clip.release_chunks,
      )
      smooth = filters.savitzky_golay(generated, 13, 2)  # method 4.7, 4
      pose = rates.resampled(
        smooth, clip.num_frames, conventions.FRAME_RATE / clip.fps
      )
    if options.ref_pose is not None:
      given = options.ref_pose[:, conventions.ROW_POSE]
      pose += clip.looped(given - given[0])
    return pose


class _Clip(NamedTuple):
  """A recording and a portrait, for which a track is made."""

  windows: sound_windows.SoundWindows  # at 25 frames a second
  source: np.ndarray  # [70] or [73]
  num_frames: int  # T
  fps: float
  release_chunks: bool
  seed: int

  def looped(self, track: np.ndarray) -> np.ndarray:
    """A track [T', C] cut or continued to [T, C]."""
    if self.release_chunks:
      return track[np.arange(self.num_frames) % len(track)]
    return tracks.looped(track, self.num_frames)
