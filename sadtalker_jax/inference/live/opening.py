"""How a stream is opened: what it can serve, and what it is made of."""

import dataclasses

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
from sadtalker_jax.inference.live import causal_motion, core
from sadtalker_jax.media import limits, video

MOTION = 'phonetic'

_REFUSED = (
  'enhancer', 'face3dvis', 'ref_pose', 'ref_eyeblink', 'input_yaw',
  'input_pitch', 'input_roll', 'sign', 'drive', 'idle', 'keyframes',
  'background_enhancer', 'speakers', 'crop', 'codec', 'crf', 'audio_bitrate',
)  # fmt: skip


def check(bundle: bundle_lib.Bundle, options: options_lib.Options) -> str:
  """Name of the renderer that draws a stream.

  Raises:
    InputError: the options ask for what a stream cannot do.
  """
  for spec in options_lib.chosen(options, _REFUSED):
    raise errors.InputError(f'{spec.name}: expected none for a stream')
  if options.behind is not None and options.behind.is_transparent:
    raise errors.InputError(
      f'background: expected a colour for a stream, found {options.background}'
    )
  if options.motion not in (options_lib.AUTO, MOTION):
    raise errors.InputError(
      f'motion: expected {options_lib.AUTO} or {MOTION} for a stream, '
      f'found {errors.shown(options.motion)}'
    )
  chosen = options_lib.changed(options, {'motion': MOTION})
  return registry.choose(bundle, chosen).renderer


def core_of(
  bundle: bundle_lib.Bundle,
  renderer: rendering.Renderer,
  image: inputs.Picture,
  options: options_lib.Options,
  *,
  sample_rate: int,
  look_ahead: float,
) -> core.LiveCore:
  """What draws the stream of a portrait; see `Animator.stream`."""
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
  motion = causal_motion.CausalMotion(source, float(fps), sample_rate, options)
  return core.LiveCore(clip, motion, sample_rate, look_ahead)
