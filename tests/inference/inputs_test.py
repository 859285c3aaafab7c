"""The Python API checks what the command line checks."""

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.inference import bundle, inputs
from sadtalker_jax.media import encoder, recordings

WAVE = np.sin(np.arange(4000) / 9).astype(np.float32)


@pytest.mark.parametrize(
  'picture',
  [
    np.zeros((0, 0, 3), np.uint8),
    np.zeros((59, 100, 3), np.uint8),
    np.zeros((100, 20000, 3), np.uint8),
    np.zeros((100, 100), np.uint8),
    np.zeros((100, 100, 4), np.uint8),
    np.zeros((100, 100, 3), np.float32),
    None,
    [[[0, 0, 0]]],
  ],
)
def test_pictures_in_memory_have_the_limits_of_files(picture):
  with pytest.raises(errors.InputError, match='^image: expected') as caught:
    inputs.picture(picture)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize('rate', [8000, 16000, 44100])
def test_any_form_of_sound_serves_lips_and_video(rate):
  heard = inputs.sound((np.stack([WAVE, WAVE], axis=1), rate))
  assert heard.wave.dtype == np.float32
  assert len(heard.wave) == round(4000 * 16000 / rate)
  assert encoder.Soundtrack(heard.source).channels == 2


def test_sound_in_antiphase_moves_the_lips():
  heard = inputs.sound((np.stack([WAVE, -WAVE]), 16000))
  np.testing.assert_array_equal(heard.wave, WAVE)


def test_files_are_examined_once(tmp_path, caplog):
  path = tmp_path / 'a.flac'
  path.write_bytes(bundle.SAMPLE_SPEECH.read_bytes()[:40000])
  heard = inputs.sound(path)
  assert isinstance(heard.source, recordings.Recording)
  blocks = encoder.Soundtrack(heard.source).blocks()
  for _ in zip(range(1000), blocks, strict=False):
    pass
  warnings = [r for r in caplog.records if 'cut off' in r.getMessage()]
  assert len(warnings) == 1
