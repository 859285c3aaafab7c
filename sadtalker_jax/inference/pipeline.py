"""The public way from a portrait and a recording to a talking video.

    animator = sadtalker_jax.Animator.from_pretrained('default')
    animator('portrait.jpg', 'speech.wav').save('talking.mp4')

`Animator` puts together what the other modules do: it takes a motion and a
renderer from `registry`, and hands out an `animation.Animation`.
"""

from collections.abc import Sequence
import dataclasses
import pathlib
import threading
from typing import Any, Self, get_args

import jax

from sadtalker_jax import conventions, errors, jax_settings
from sadtalker_jax.inference import (
  animation,
  finishing,
  geometry_video,
  inputs,
  registry,
  rendering,
  tracks,
)
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.direction import directing
from sadtalker_jax.inference.enhance import enhancers
from sadtalker_jax.inference.footage import footage
from sadtalker_jax.inference.group import group
from sadtalker_jax.inference.live import opening, session
from sadtalker_jax.inference.motion import driven, reference_videos
from sadtalker_jax.media import video
from sadtalker_jax.ops import mel


class Animator:
  """Makes portraits talk; holds what can be shared between clips."""

  def __init__(
    self,
    bundle: bundle_lib.Bundle | None = None,
    *,
    dtype: rendering.DtypeName = 'float32',
    devices: Sequence[jax.Device] | None = None,
  ):
    """Loads nothing yet; `from_pretrained` takes the name of a bundle.

    Args:
      bundle: Networks and weights, see `sadtalker_jax.load`; None for those
        that ship.
      dtype: Type of the neural renderer's convolutions.
      devices: Devices that share every batch of the neural renderer; None for
        all that are attached to this process.

    Raises:
      InputError: an unknown type, or jax finds no device.
    """
    if dtype not in get_args(rendering.DtypeName):
      raise errors.InputError(
        f'dtype: expected one of {" ".join(get_args(rendering.DtypeName))}, '
        f'found {dtype!r}'
      )
    jax_settings.check_platform()
    self._bundle = bundle or bundle_lib.load()
    self._devices = rendering.Devices(dtype, devices)
    self._motions: dict[str, tracks.Motion] = {}
    self._renderers: dict[str, rendering.Renderer] = {}
    self._geometries: dict[object, geometry_video.GeometryRenderer] = {}
    self._enhancers = enhancers.Enhancers(self._bundle)
    self._lock = threading.Lock()

  @classmethod
  def from_pretrained(
    cls,
    name: animation.Path = 'default',
    *,
    dtype: rendering.DtypeName = 'float32',
    devices: Sequence[jax.Device] | None = None,
  ) -> Self:
    """An animator with the networks and weights of a bundle.

    Args:
      name: 'default' for what ships with the package; the folder of a bundle;
        or 'owner/repo' of the Hugging Face Hub, with '@revision' if need be.
      dtype: As for `Animator`.
      devices: As for `Animator`.

    Raises:
      InputError: there is no such bundle, it is damaged, or of a newer format.
    """
    return cls(bundle_lib.load(name), dtype=dtype, devices=devices)

  @property
  def bundle(self) -> bundle_lib.Bundle:
    """The networks and weights."""
    return self._bundle

  def save_pretrained(self, folder: animation.Path) -> pathlib.Path:
    """Writes the bundle into a folder that `from_pretrained` reads.

    Args:
      folder: New or empty; it appears when everything is in it.

    Returns:
      The folder.

    Raises:
      InputError: something is there already, or it cannot be written.
    """
    return self._bundle.save(folder)

  def __call__(
    self,
    image: inputs.Picture,
    audio: animation.Sound | None = None,
    options: options_lib.Options | None = None,
    **choices: Any,
  ) -> animation.Animation:
    """The same as `animate`."""
    return self.animate(image, audio, options, **choices)

  def animate(
    self,
    image: inputs.Picture,
    audio: animation.Sound | None = None,
    options: options_lib.Options | None = None,
    **choices: Any,
  ) -> animation.Animation:
    """A portrait that says a recording, or moves without one.

    Args:
      image: Picture file (or video, whose first frame is taken), or RGB array
        [H, W, 3] uint8.
      audio: Sound file, or a pair of samples ([L], [C, L] or [L, C], C of 1 or
        2; floats in [-1, 1], int16, int32 or uint8) and their rate. None with
        one of the options `idle`, `drive` and `ref_pose`: a clip of `idle`
        seconds, or as long as the video.
      options: Choices, see `Options`.
      **choices: Single options by name, over those of `options`.

    Returns:
      The clip; its frames are rendered when they are asked for.

    Raises:
      InputError: an input is not what it must be, or the bundle lacks what the
        options ask for.
    """
    with jax_settings.standard():
      return self._animate(image, audio, options_lib.changed(options, choices))

  def stream(
    self,
    image: inputs.Picture,
    options: options_lib.Options | None = None,
    *,
    sample_rate: int = conventions.SAMPLE_RATE,
    look_ahead: float = 0.16,
    paced: bool = True,
    **choices: Any,
  ) -> session.LiveSession:
    """A portrait that speaks while its sound arrives.

    Lips are those of the phonetic motion, which hears what is known so far;
    head, eyes and brows go on without an end. Frames are marked like others.

    Args:
      image: Picture, as for `animate`.
      options: Choices; reference videos, free views, enhancers and signing are
        refused. Without a seed it is 0.
      sample_rate: Samples a second of the sound that will be pushed.
      look_ahead: Seconds of sound that a frame waits for beyond its own, 0 to
        0.52; less is quicker, and the lips are less exact.
      paced: Whether parts come at the frame rate, idle where no sound is there;
        False gives them as fast as they are drawn, without idle ones.
      **choices: Single options by name, over those of `options`.

    Returns:
      The session, an asynchronous context and iterator.

    Raises:
      InputError: an input is not what it must be.
    """
    with jax_settings.standard():
      chosen = options_lib.changed(options, choices)
      choice = opening.check(self._bundle, chosen)
      core = opening.core_of(
        self._bundle,
        self._renderer(choice.renderer),
        self._motion(choice.motion),
        image,
        chosen,
        sample_rate=sample_rate,
        look_ahead=look_ahead,
      )
      return session.LiveSession(core, paced=paced)

  def _animate(
    self,
    image: inputs.Picture,
    audio: animation.Sound | None,
    options: options_lib.Options,
  ) -> animation.Animation:
    finish = finishing.Finish.of(options, self._bundle, self._enhancers)
    if options.speakers is None:
      clip = self._drawn(image, audio, options)
    else:
      inputs.check_sound(audio is not None, options)
      picture = inputs.picture(image)
      clip = group.animation(self._drawn, picture, options, self._bundle)
    return finish.applied(clip, inputs.given_files(image, audio, options))

  def _drawn(
    self,
    image: inputs.Picture,
    audio: animation.Sound | None,
    options: options_lib.Options,
  ) -> animation.Animation:
    """The clip of one person, without what is done to drawn frames."""
    direction = directing.Direction.of(options)
    chosen = registry.choose(self._bundle, options)
    renderer = self._renderer(chosen.renderer)
    renderer.check(options)
    direction.check(renderer.basis)
    geometry = self._geometry(renderer.basis, options)
    picture = inputs.picture(image)
    heard = inputs.heard(audio, options)
    fps = video.as_rate(options.fps or conventions.FRAME_RATE)
    references = reference_videos.measured(
      options, lambda path: renderer.video_rows(path, fps, options)
    )
    portrait = renderer.portrait(picture, options)
    if heard is None:
      heard = inputs.beside_video(options, len(references.leading), fps)
    source = portrait.row[: conventions.ROW_SIZE]
    # A recording shorter than a frame still gives one.
    num_frames = max(1, mel.num_frames(len(heard.wave), fps))
    motion_options = references.motion_options(
      options, glances=not direction.has_gaze
    )
    if references.drive is not None:
      track = driven.track(
        references.drive, source, num_frames, motion_options, renderer.basis
      )
    else:
      track = self._motion(chosen.motion).track(
        heard.wave,
        source=source,
        num_frames=num_frames,
        fps=fps,
        options=motion_options,
      )
    track = direction.applied(track, source, float(fps), renderer.basis)
    return animation.Animation(
      portrait,
      renderer.adapted(track),
      fps,
      heard.source,
      renderer.drawer(options),
      options.batch_size,
      geometry=geometry,
      host=renderer.host(portrait, options),
    )

  def revoice(
    self,
    source: inputs.Path,
    audio: animation.Sound | None = None,
    options: options_lib.Options | None = None,
    **choices: Any,
  ) -> animation.Animation:
    """A video in which a person says another recording.

    Jaw and lips follow the recording; head, eyes, light and background stay as
    they are, as do frames without a face.

    Args:
      source: Video file.
      audio: As for `animate`; None with the option `speakers`, recordings of
        several people of the video.
      options: Choices, see `Options`; those about pictures do not apply.
      **choices: Single options by name, over those of `options`.

    Returns:
      The clip, at the rate and size of the video.

    Raises:
      InputError: an input is not what it must be, or an option does not apply.
    """
    with jax_settings.standard():
      return self._revoice(source, audio, options_lib.changed(options, choices))

  def _revoice(
    self,
    source: inputs.Path,
    audio: animation.Sound | None,
    options: options_lib.Options,
  ) -> animation.Animation:
    finish = finishing.Finish.of(options, self._bundle, self._enhancers)
    footage.check(audio is not None, options)
    chosen = registry.choose(
      self._bundle, dataclasses.replace(options, renderer='puppet')
    )
    motion = self._motion(chosen.motion)
    if audio is None:
      clip = footage.several(source, motion, self._bundle, options)
    else:
      heard = inputs.sound(audio, options.audio_track)
      clip = footage.animation(source, heard, motion, self._bundle, options)
    return finish.applied(clip, inputs.given_files(source, audio, options))

  def _motion(self, name: str) -> tracks.Motion:
    with self._lock:  # many jobs share it
      if name not in self._motions:
        kind = registry.MOTIONS[name]
        self._motions[name] = kind.from_bundle(self._bundle)
      return self._motions[name]

  def _renderer(self, name: str) -> rendering.Renderer:
    with self._lock:
      if name not in self._renderers:
        kind = registry.RENDERERS[name]
        self._renderers[name] = kind.from_bundle(self._bundle, self._devices)
      return self._renderers[name]

  def _geometry(
    self, basis: str, options: options_lib.Options
  ) -> geometry_video.GeometryRenderer | None:
    """Draws the 3-D face of tracks of a basis, if that is asked for."""
    if not options.face3dvis:
      return None
    key = (basis, options.bfm_folder, options.size)
    with self._lock:  # a model is large
      if key not in self._geometries:
        model = geometry_video.model_of(basis, self._bundle, options)
        self._geometries[key] = geometry_video.GeometryRenderer(
          model, options.size
        )
      return self._geometries[key]
