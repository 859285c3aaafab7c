"""Sound files that are damaged, odd or none: warnings and errors."""

import pathlib

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import audio


def test_too_loud_samples_are_clipped_with_a_warning(
  tmp_path, sound_file, caplog
):
  wave = np.array([0.5, 3.0, -7.5, 0.25] * 100, np.float32)
  path = sound_file(tmp_path / 'a.wav', wave, 16000, 'pcm_f32le')
  got = audio.load(path)
  assert got.min() == -1 and got.max() == 1 and got[0] == 0.5
  assert 'samples up to 7.5 were clipped' in caplog.text


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_an_error(tmp_path, sound_file, bad):
  wave = np.zeros(40000, np.float32)
  wave[30000] = bad
  path = sound_file(tmp_path / 'a.wav', wave, 16000, 'pcm_f32le')
  with pytest.raises(errors.InputError, match='expected finite samples') as e:
    audio.load(path)
  assert str(path) in str(e.value) and '\n' not in str(e.value)


@pytest.mark.parametrize('channels', [1, 2])
@pytest.mark.parametrize('pattern', [0x7FA00001, 0x7F7FFFFF])
def test_damaged_floats_end_without_other_warnings(
  tmp_path, sound_file, channels, pattern
):
  # A signalling NaN; numbers so large that a sum of two is infinite.
  wave = np.full((channels, 900), pattern, np.uint32).view(np.float32)
  path = sound_file(tmp_path / 'a.wav', wave, 16000, 'pcm_f32le')
  try:
    assert audio.load(path).max() == 1
  except errors.InputError as error:
    assert 'NaN or infinity' in str(error)


@pytest.mark.parametrize(
  ('name', 'codec'),
  [('a.wav', 'pcm_s16le'), ('a.flac', 'flac'), ('a.mp3', 'libmp3lame')],
)
def test_file_cut_in_half_gives_its_first_half_and_a_warning(
  tmp_path, sound_file, speech_like, caplog, name, codec
):
  path = sound_file(tmp_path / name, speech_like(3, 44100), 44100, codec)
  whole = audio.load(path)
  assert not caplog.records
  data = path.read_bytes()
  path.write_bytes(data[: len(data) // 2])
  got = audio.load(path)
  assert 1.2 * 16000 < len(got) < 1.7 * 16000
  safe = len(got) - 3000  # the last block, and what the resampler saw of it
  np.testing.assert_allclose(got[:safe], whole[:safe], atol=1e-3)
  assert 'is it cut off' in caplog.text


def test_rubbish_in_the_middle_is_skipped_with_a_warning(
  tmp_path, sound_file, speech_like, caplog
):
  path = sound_file(tmp_path / 'a.m4a', speech_like(3, 44100), 44100, 'aac')
  data = bytearray(path.read_bytes())
  rubbish = np.random.default_rng(0).bytes(3000)
  data[9000:12000] = rubbish
  path.write_bytes(bytes(data))
  assert 2.5 < len(audio.load(path)) / 16000 < 3.1
  assert 'damaged packets' in caplog.text


def _empty(path: pathlib.Path) -> None:
  path.write_bytes(b'')


def _text(path: pathlib.Path) -> None:
  path.write_text('speech is silver, silence is golden\n' * 100)


def _header_only(path: pathlib.Path) -> None:
  path.write_bytes(
    b'RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0'
    b'data\0\0\0\0'
  )


def _cut_m4a(path: pathlib.Path) -> None:
  path.write_bytes(b'\0\0\0\x1cftypM4A \0\0\2\0M4A isomiso2' + b'\0' * 500)


@pytest.mark.parametrize(
  ('make', 'found'),
  [
    (lambda path: None, 'no such file'),
    (pathlib.Path.mkdir, 'a directory'),
    (_empty, 'an empty file'),
    (_text, 'a file that is none'),
    (_header_only, 'a track without a single sample'),
    (_cut_m4a, 'a file that is none or is cut off'),
  ],
)
@pytest.mark.parametrize(
  'call',
  [
    audio.load,
    audio.info,
    lambda path: audio.blocks(path, rate=16000, channels=1),
  ],
)
def test_bad_files_are_one_line_with_path_and_finding(
  tmp_path, make, found, call
):
  path = tmp_path / 'speech.wav'
  make(path)
  if make is _header_only and call is audio.info:
    return  # a description needs no samples
  with pytest.raises(errors.InputError) as error:
    call(path)
  message = str(error.value)
  assert str(path) in message and found in message and '\n' not in message
  assert 'expected' in message


def test_video_without_sound_is_an_error(tmp_path, video_file):
  path = video_file(tmp_path / 'a.mp4', [np.zeros((64, 64, 3), np.uint8)] * 5)
  with pytest.raises(errors.InputError, match='with sound, found only video'):
    audio.load(path)
