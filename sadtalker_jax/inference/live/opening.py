"""How a stream is opened: what it can serve, and what it is made of."""

import dataclasses
import fractions

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.inference import (
  animation,
  inputs,
  marks,
  registry,
  rendering,
  tracks,
)
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.live import (
  baseline_voice,
  causal_motion,
  core,
  hearing,
  learned_face,
  speaking_face,
)
from sadtalker_jax.inference.motion.learned import learned_motion
from sadtalker_jax.inference.motion.phonetic import phonetic_motion
from sadtalker_jax.media import limits, video

_MOTIONS = ('learned', 'phonetic', 'baseline')
_DEFAULT = 'phonetic'  # where the renderer that ships draws

_REFUSED = (
  'enhancer', 'face3dvis', 'ref_pose', 'ref_eyeblink', 'input_yaw',
  'input_pitch', 'input_roll', 'sign', 'drive', 'idle', 'keyframes',
  'background_enhancer', 'speakers', 'crop', 'codec', 'crf', 'audio_bitrate',
)  # fmt: skip


def check(
  bundle: bundle_lib.Bundle, options: options_lib.Options
) -> registry.Choice:
  """Motion and renderer of a stream.

  Where both are left open, those that ship: others may need a GPU.

  Raises:
    InputError: the options ask for what a stream cannot do.
  """
  for spec in options_lib.chosen(options, _REFUSED):
    raise errors.InputError(f'{spec.name}: expected none for a stream')
  if options.behind is not None and options.behind.is_transparent:
    raise errors.InputError(
      f'background: expected a colour for a stream, found {options.background}'
    )
  chosen = options
  if (options.motion, options.renderer) == (options_lib.AUTO,) * 2:
    chosen = options_lib.changed(options, {'motion': _DEFAULT})
  choice = registry.choose(bundle, chosen)
  if choice.motion not in _MOTIONS:
    raise errors.InputError(
      f'motion: expected one of {" ".join(_MOTIONS)} for a stream, '
      f'found {errors.shown(choice.motion)}'
    )
  return choice


def core_of(
  bundle: bundle_lib.Bundle,
  renderer: rendering.Renderer,
  motion: tracks.Motion,
  image: inputs.Picture,
  options: options_lib.Options,
  *,
  sample_rate: int,
  look_ahead: float,
) -> core.LiveCore:
  """What draws the stream of a portrait; see `Animator.stream`.

  Args:
    bundle: Weights.
    renderer: Draws the frames.
    motion: Moves them; the kinds that `check` names.
    image: The picture.
    options: Options that `check` has seen.
    sample_rate: Samples a second.
    look_ahead: Seconds of sound that a frame waits for beyond its own.
  """
  limits.check_rate(sample_rate, 'sample_rate')
  renderer.check(options)
  tools = marks.tools(options)
  found = renderer.portrait(inputs.picture(image), options)
  fps = video.as_rate(options.fps or conventions.FRAME_RATE)
  source = np.asarray(found.row[: conventions.ROW_SIZE], np.float32)
  still = tracks.still(source[None])
  clip = animation.Animation(
    found,
    renderer.adapted(still),
    fps,
    (np.zeros(1, np.float32), sample_rate),
    renderer.drawer(options),
    1,
  )
  # The mark's number is of the portrait: the motion is not known yet.
  planned = marks.planned(
    found,
    clip.track,
    clip.size,
    bundle,
    tools,
    {},
    host=renderer.host(found, options),
  )
  clip = dataclasses.replace(clip, marks=planned)
  moving = motion_of(motion, source, fps, sample_rate, options)
  return core.LiveCore(clip, moving, sample_rate, look_ahead)


def motion_of(
  motion: tracks.Motion,
  source: np.ndarray,
  fps: fractions.Fraction,
  rate: int,
  options: options_lib.Options,
) -> causal_motion.CausalMotion:
  """A motion as streams have it.

  Args:
    motion: One of those that `check` names.
    source: [70] coefficients of the portrait.
    fps: Frames a second.
    rate: Samples a second of the sound.
    options: Options.
  """
  face: causal_motion.Face
  if isinstance(motion, learned_motion.LearnedMotion):
    face = learned_face.LearnedFace(motion, source, fps, options)
  else:
    voice = (
      hearing.Hearing()
      if isinstance(motion, phonetic_motion.PhoneticMotion)
      else baseline_voice.BaselineVoice()
    )
    face = speaking_face.SpeakingFace(voice, source, float(fps), options)
  return causal_motion.CausalMotion(face, source, float(fps), rate, options)
