"""The public way from a portrait and a recording to a talking video.

import sadtalker_jax

animator = sadtalker_jax.Animator(sadtalker_jax.load())
animator.animate('portrait.jpg', 'speech.wav').save('talking.mp4')
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
import dataclasses
import fractions
import os
import pathlib
import threading
from typing import get_args

import jax
import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d.fitting import landmark_fit
from sadtalker_jax.faces import crop
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import geometry_video, portrait, rendering
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.enhance import face_enhancer
from sadtalker_jax.inference.motion.baseline import baseline_motion
from sadtalker_jax.inference.neural import neural_portrait, neural_studio
from sadtalker_jax.inference.puppet import puppet_renderer
from sadtalker_jax.media import audio as audio_lib
from sadtalker_jax.media import blend, resampling, video
from sadtalker_jax.media import image as image_lib
from sadtalker_jax.ops import mel

Path = str | os.PathLike[str]
# Sound: a file, or samples [L] in [-1, 1] with their rate.
Sound = Path | tuple[np.ndarray, int]

DtypeName = neural_studio.DtypeName

FEATHER = 0.06  # soft border of a pasted window, share of its shorter side


@dataclasses.dataclass(frozen=True, eq=False)
class Animation:
  """A clip that is ready to be rendered; frames are made as they are asked."""

  source: portrait.FittedPortrait | neural_portrait.SquarePortrait
  motion: rendering.Track
  fps: fractions.Fraction
  sound: Sound
  renderer: rendering.Renderer
  batch_size: int
  enhancer: face_enhancer.FaceEnhancer | None = None
  geometry: geometry_video.GeometryRenderer | None = None

  @property
  def track(self) -> np.ndarray:
    """Coefficients [T, 70]."""
    return self.motion.coefficients

  @property
  def num_frames(self) -> int:
    """T."""
    return len(self.track)

  @property
  def size(self) -> tuple[int, int]:
    """Width and height of the frames that come out."""
    width, height = self.source.frame_size
    if self.source.window.paste:
      height, width = self.source.picture.shape[:2]
    scale = self.enhancer.upscale if self.enhancer else 1
    return width * scale, height * scale

  def clip(self) -> rendering.RenderJob:
    """What the renderer draws, its source-only work done."""
    prepared = self.renderer.prepare(self.source)
    return rendering.RenderJob(self.renderer, prepared, self.motion)

  def finished(self, drawn: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """What the renderer drew, as it comes out: shaped, pasted, enhanced.

    Args:
      drawn: frames in order, batches [b, H, W, 3] uint8.
    """
    batches = iter(drawn)
    window = self.source.window
    if window.paste:
      x0, y0, x1, y1 = (round(v) for v in window.box)
      paster = blend.Paster(
        self.source.picture,
        (x0, y0, x1, y1),
        feather=FEATHER * min(x1 - x0, y1 - y0),
        color_match=True,
      )
      batches = (paster.paste(batch) for batch in batches)
    else:
      batches = (_shaped(batch, self.source.frame_size) for batch in batches)
    if self.enhancer is not None:
      batches = self.enhancer.stream(batches)
    return batches

  def batches(self) -> Iterator[np.ndarray]:
    """Frames in batches [b, H, W, 3] uint8 RGB, T in all."""
    parts = rendering.stream([self.clip()], self.batch_size)
    return self.finished(part.frames for part in parts)

  def frames(self) -> Iterator[np.ndarray]:
    """Frames [H, W, 3] uint8 RGB one by one."""
    for batch in self.batches():
      yield from batch

  def save(
    self,
    path: Path,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
  ) -> pathlib.Path:
    """Renders into an mp4 file with the sound; whole or not at all.

    Where `Options.face3dvis` asked for it, the geometry goes into a second one,
    `<name>_face3dvis.mp4`, afterwards.

    Args:
      path: the file, ending in .mp4.
      overwrite: whether an existing file may be replaced.
      progress: called with the number of frames of every finished batch.

    Returns:
      The path.

    Raises:
      InputError: the file cannot be written.
    """
    return self.write(
      self.batches(), path, overwrite=overwrite, progress=progress
    )

  def write(
    self,
    batches: Iterable[np.ndarray],
    path: Path,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
  ) -> pathlib.Path:
    """Writes finished frames as `save` does."""
    if self.geometry is None:
      return self._encode(batches, path, overwrite, progress)
    second = video.check_target(
      geometry_video.beside(path), overwrite=overwrite
    )
    first = self._encode(batches, path, overwrite, progress)
    prepared = self.geometry.prepare(self.source)
    clip = rendering.RenderJob(self.geometry, prepared, self.motion)
    parts = rendering.stream([clip], self.batch_size)
    self._encode((part.frames for part in parts), second, overwrite, None)
    return first

  def _encode(
    self,
    batches: Iterable[np.ndarray],
    path: Path,
    overwrite: bool,
    progress: Callable[[int], None] | None,
  ) -> pathlib.Path:
    """An mp4 file of frames and the sound."""
    writer = video.VideoWriter(
      path, fps=self.fps, audio=self.sound, overwrite=overwrite
    )
    with writer:
      for batch in batches:
        for frame in batch:
          writer.write(frame)
        if progress is not None:
          progress(len(batch))
    return pathlib.Path(path)


class Animator:
  """Makes portraits talk; holds what can be shared between clips."""

  def __init__(
    self,
    bundle: bundle_lib.Bundle | None = None,
    *,
    dtype: DtypeName = 'float32',
    devices: Sequence[jax.Device] | None = None,
  ):
    """Loads nothing yet.

    Args:
      bundle: of `sadtalker_jax.load`; None is the one that ships.
      dtype: type of the neural renderer's convolutions.
      devices: that share every batch of the neural renderer; None is all that
        are attached to this process.

    Raises:
      InputError: an unknown type.
    """
    if dtype not in get_args(DtypeName):
      raise errors.InputError(
        f'dtype: expected one of {" ".join(get_args(DtypeName))}, '
        f'found {dtype!r}'
      )
    self._bundle = bundle or bundle_lib.load()
    self._puppet = puppet_renderer.PuppetRenderer(self._bundle.model)
    self._studio = neural_studio.Studio(self._bundle, dtype, devices)
    self._geometries: dict[object, geometry_video.GeometryRenderer] = {}
    self._lock = threading.Lock()

  def animate(
    self,
    image: Path | np.ndarray,
    audio: Sound,
    options: options_lib.Options | None = None,
  ) -> Animation:
    """A portrait that says a recording.

    Args:
      image: picture file (or video, whose first frame is taken), or RGB array
        [H, W, 3] uint8.
      audio: sound file, or samples [L] in [-1, 1] and their rate.
      options: see `Options`.

    Returns:
      The clip; its frames are rendered when they are asked for.

    Raises:
      InputError: an input is not what it must be, or the bundle lacks what the
        options ask for.
    """
    options = options or options_lib.Options()
    neural = self._is_neural(options)
    if neural:
      self._studio.check(options)
    geometry = self._geometry(options, neural)
    enhancer = self._studio.enhancer if options.enhancer else None
    wave = _load_sound(audio)
    picture = _load_picture(image)
    fps = video.as_rate(options.fps)
    # A recording shorter than a frame still gives one.
    num_frames = max(1, mel.num_frames(len(wave), fps))
    choices = self._motion_options(options, fps, neural)
    src: portrait.FittedPortrait | neural_portrait.SquarePortrait
    renderer: rendering.Renderer
    if neural:
      src = self._studio.source(picture, options)
      renderer = self._studio.renderer(options)
      track = self._studio.motion.track(
        wave,
        source=src.row,
        num_frames=num_frames,
        fps=fps,
        options=choices,
        release_chunks=options.release_chunks,
      )
    else:
      src = portrait.prepare(picture, self._bundle, options)
      renderer = self._puppet
      track = rendering.track(
        baseline_motion.baseline_track(
          wave,
          source=src.row,
          num_frames=num_frames,
          fps=fps,
          options=choices,
        )
      )
    return Animation(
      src, track, fps, audio, renderer, options.batch_size, enhancer, geometry
    )

  def _geometry(
    self, options: options_lib.Options, neural: bool
  ) -> geometry_video.GeometryRenderer | None:
    """Draws the 3-D face, if that is asked for."""
    if not options.face3dvis:
      return None
    card = self._bundle.card
    basel = neural and card is not None and card.morphable != 'makehuman'
    # The model whose basis the coefficients have, and the size.
    key = (options.bfm_folder if basel else 'packaged', options.size)
    with self._lock:  # a model is large, and many jobs share it
      if key not in self._geometries:
        model = self._bundle.model
        if basel:
          model = geometry_video.basel(options.bfm_folder)
        self._geometries[key] = geometry_video.GeometryRenderer(
          model, options.size
        )
      return self._geometries[key]

  def _is_neural(self, options: options_lib.Options) -> bool:
    if options.renderer == 'auto':
      return self._bundle.has('generator')
    return options.renderer == 'neural'

  def _video_track(
    self,
    path: Path,
    fps: fractions.Fraction,
    options: options_lib.Options,
    neural: bool,
  ) -> np.ndarray:
    """Coefficients [T, 70] of the face in a video, at a frame rate.

    Raises:
      InputError: the file is no video, or shows no face.
    """
    if neural:
      return self._studio.video_rows(path, fps, options)
    with video.VideoReader(path) as reader:
      frames = reader.frames(fps=fps)
      points, _, found = self._bundle.landmarker.track(frames)
      size = reader.size
    if not found.any():
      raise errors.InputError(f'{path}: expected a face, found none')
    fit = landmark_fit.fit_video(
      points, found, size, float(fps), self._bundle.model
    )
    return fit.rows

  def _motion_options(
    self, options: options_lib.Options, fps: fractions.Fraction, neural: bool
  ) -> baseline_motion.MotionOptions:
    """What the motion generator wants to know."""

    def track(path: pathlib.Path | None) -> np.ndarray | None:
      if path is None:
        return None
      return self._video_track(path, fps, options, neural)

    ref_pose = track(options.ref_pose)
    same = options.ref_eyeblink == options.ref_pose
    ref_eyes = ref_pose if same else track(options.ref_eyeblink)
    return baseline_motion.MotionOptions(
      seed=options.seed,
      pose_style=options.pose_style,
      expression_scale=options.expression_scale,
      still=options.still,
      blink=options.blink,
      ref_pose=ref_pose,
      ref_eyeblink=ref_eyes,
      input_yaw=options.input_yaw,
      input_pitch=options.input_pitch,
      input_roll=options.input_roll,
    )


def _shaped(batch: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Frames [b, H, W, 3] at a width and height, the crop's shape."""
  if batch.shape[1:3] == size[::-1]:
    return batch
  return np.stack([crop.resize_plain(frame, size) for frame in batch])


def _load_sound(sound: Sound) -> np.ndarray:
  """Samples [L] at 16 kHz, mono."""
  if not isinstance(sound, tuple):
    return audio_lib.load(sound)
  wave = np.asarray(sound[0], np.float32)
  if wave.ndim not in (1, 2) or not wave.size or not np.isfinite(wave).all():
    raise errors.InputError(
      f'audio: expected finite samples [L] or [C, L], found {list(wave.shape)}'
    )
  mono = np.atleast_2d(wave).mean(0, keepdims=True)
  pieces = resampling.resampled(
    iter([mono]), sound[1], conventions.SAMPLE_RATE, 1
  )
  return np.concatenate(list(pieces), axis=1)[0]


def _load_picture(image: Path | np.ndarray) -> np.ndarray:
  """RGB [H, W, 3] uint8 of a picture file, a video's first frame, or itself."""
  if not isinstance(image, np.ndarray):
    return image_lib.load_first_frame(image)
  if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
    raise errors.InputError(
      f'image: expected uint8 [H, W, 3], found {image.dtype} '
      f'{list(image.shape)}'
    )
  return image
