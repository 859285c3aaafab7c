"""Sound files of all kinds: values, alignment, rates, channels."""

import pathlib
import shutil
import tracemalloc

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import audio

CLIP = (
  pathlib.Path(audio.__file__).parents[1]
  / 'inference'
  / 'data'
  / 'librivox_0870.flac'
)


@pytest.mark.parametrize(
  ('codec', 'sample_format', 'step'),
  [
    ('pcm_u8', 'u8', 2**-7),
    ('pcm_s16le', 's16', 2**-15),
    ('pcm_s24le', 's32', 2**-23),
    ('pcm_s32le', 's32', 2**-31),
    ('pcm_f32le', 'flt', 0),
    ('pcm_f64le', 'dbl', 0),
  ],
)
def test_wav_of_any_depth_gives_its_samples(
  tmp_path, sound_file, speech_like, codec, sample_format, step
):
  wave = speech_like(0.5, 16000)
  path = sound_file(
    tmp_path / 'a.wav', wave, 16000, codec, sample_format=sample_format
  )
  got = audio.load(path)
  assert got.dtype == np.float32 and got.shape == wave.shape
  # Half a step of rounding, and a full scale of 2^n - 1 instead of 2^n.
  np.testing.assert_allclose(got, wave, atol=1.6 * step + 1e-7)


@pytest.mark.parametrize(
  ('name', 'codec', 'rate'),
  [
    ('a.mp3', 'libmp3lame', 44100),
    ('a.mp3', 'libmp3lame', 16000),
    ('a.flac', 'flac', 48000),
    ('a.ogg', 'libopus', 48000),
    ('a.ogg', 'flac', 44100),
    ('a.m4a', 'aac', 44100),
    ('a.m4a', 'aac', 16000),
    ('a.m4a', 'alac', 48000),
    ('a.webm', 'libopus', 48000),
  ],
)
def test_compressed_sound_is_not_shifted(
  tmp_path, sound_file, speech_like, delay, name, codec, rate
):
  wave = speech_like(1.5, rate)
  sound_file(tmp_path / name, wave, rate, codec)
  sound_file(tmp_path / 'source.wav', wave, rate, 'pcm_s16le')
  got = audio.load(tmp_path / name)
  want = audio.load(tmp_path / 'source.wav')
  assert abs(delay(got, want, 16000)) < 1e-3
  assert np.corrcoef(got[: len(want)], want)[0, 1] > 0.98  # codecs lose a bit
  # Padding of the last AAC block: up to 1,023 samples of the file.
  assert 0 <= len(got) - len(want) <= 1024 * 16000 / rate


@pytest.mark.parametrize('rate', [8000, 11025, 22050, 44100, 48000, 96000])
def test_any_rate_keeps_tones_in_phase(tmp_path, sound_file, rate):
  time = np.arange(rate) / rate
  path = sound_file(
    tmp_path / 'a.wav',
    0.5 * np.sin(2 * np.pi * 1000 * time),
    rate,
    'pcm_f32le',
  )
  got = audio.load(path)
  assert len(got) == 16000
  want = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
  # Away from the ends, where the filter looks beyond the sound. The table of
  # filter phases limits the accuracy to -90 dB.
  np.testing.assert_allclose(got[500:-500], want[500:-500], atol=3e-5)


def test_tones_above_the_new_limit_do_not_alias(tmp_path, sound_file):
  time = np.arange(48000) / 48000
  for hertz in (8500, 10000, 15000, 20000):
    tone = 0.5 * np.sin(2 * np.pi * hertz * time)
    path = sound_file(tmp_path / f'{hertz}.wav', tone, 48000, 'pcm_f32le')
    # -80 dB of the tone, away from the ends where it starts and stops.
    assert np.abs(audio.load(path)[500:-500]).max() < 5e-5


def test_channels_are_mixed_by_their_mean(tmp_path, sound_file, speech_like):
  left, right = speech_like(0.3, 16000, 1), speech_like(0.3, 16000, 2)
  path = sound_file(
    tmp_path / 'a.wav', np.stack([left, right]), 16000, 'pcm_f32le'
  )
  np.testing.assert_allclose(audio.load(path), (left + right) / 2, atol=1e-7)
  six = np.stack([speech_like(0.3, 16000, i) for i in range(6)])
  path = sound_file(tmp_path / 'b.wav', six, 16000, 'pcm_f32le')
  np.testing.assert_allclose(audio.load(path), six.mean(0), atol=1e-7)


def test_two_channels_are_made_of_any_number(tmp_path, sound_file):
  def stereo(name: str, wave: np.ndarray) -> np.ndarray:
    path = sound_file(tmp_path / name, wave, 16000, 'pcm_f32le')
    parts = audio.blocks(path, rate=16000, channels=2)
    return np.concatenate(list(parts), axis=1)

  one = np.linspace(-0.5, 0.5, 2000, dtype=np.float32)
  np.testing.assert_array_equal(stereo('1.wav', one), np.stack([one, one]))
  two = np.stack([one, -one])
  np.testing.assert_array_equal(stereo('2.wav', two), two)
  six = np.zeros((6, 2000), np.float32)  # FL FR FC LFE BL BR
  six[0] = one
  got = stereo('6.wav', six)
  scale = 1 + 2 * 0.5**0.5
  np.testing.assert_allclose(got[0], one / scale, atol=1e-6)
  np.testing.assert_array_equal(got[1], 0)
  six[:] = one  # everything at once must not overflow
  assert np.abs(stereo('6.wav', six)).max() <= 0.5 + 1e-6


@pytest.mark.parametrize('block', [1, 777, 1024, 10**6])
def test_blocks_hold_the_same_sound_as_load(
  tmp_path, sound_file, speech_like, block
):
  length = 0.02 if block == 1 else 1.1
  path = sound_file(
    tmp_path / 'a.wav', speech_like(length, 44100), 44100, 'pcm_s16le'
  )
  parts = list(audio.blocks(path, rate=16000, channels=1, block=block))
  assert all(part.shape == (1, block) for part in parts[:-1])
  assert 0 < parts[-1].shape[1] <= block
  np.testing.assert_array_equal(
    np.concatenate(parts, axis=1)[0], audio.load(path)
  )


def test_blocks_need_memory_for_a_block_only(tmp_path, sound_file):
  noise = np.random.default_rng(0).uniform(-1, 1, (1, 16000 * 60))
  path = sound_file(tmp_path / 'a.wav', noise, 16000, 'pcm_s16le')
  tracemalloc.start()
  total = 0
  for part in audio.blocks(path, rate=48000, channels=2, block=1024):
    total += part.shape[1]
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert total == 48000 * 60
  assert peak < 2e6, peak  # all of it would be 23 MB


@pytest.mark.parametrize(
  ('rate', 'length'), [(16000, 1), (44100, 4), (48000, 3)]
)
def test_a_single_sample_is_sound(tmp_path, sound_file, rate, length):
  path = sound_file(
    tmp_path / 'a.wav', np.full(length, 0.25), rate, 'pcm_f32le'
  )
  assert audio.load(path).shape == (1,)


@pytest.mark.parametrize('rate', [16000, 44100, 48000])
def test_a_tenth_of_a_second_keeps_its_length(
  tmp_path, sound_file, speech_like, rate
):
  path = sound_file(
    tmp_path / 'a.wav', speech_like(0.1, rate), rate, 'pcm_s16le'
  )
  assert len(audio.load(path)) == 1600


def test_sound_track_that_starts_late_begins_with_silence(
  tmp_path, video_file, speech_like, delay
):
  wave = speech_like(1, 48000)
  frames = [np.zeros((64, 64, 3), np.uint8)] * 50
  path = video_file(
    tmp_path / 'a.mp4', frames, sound=(wave, 48000), sound_start_s=0.5
  )
  got = audio.load(path, rate=48000)
  assert abs(delay(got, wave, 48000) - 0.5) < 1e-3
  assert np.abs(got[: 48000 // 2 - 2048]).max() < 1e-3


def test_sound_before_the_first_picture_is_cut(
  tmp_path, video_file, speech_like, delay
):
  wave = speech_like(1.2, 48000)
  frames = [np.zeros((64, 64, 3), np.uint8)] * 20
  path = video_file(
    tmp_path / 'a.mkv',
    frames,
    times_ms=[300 + 40 * i for i in range(20)],
    sound=(wave, 48000),
  )
  got = audio.load(path, rate=48000)
  # Matroska counts in milliseconds.
  assert abs(delay(got, wave[round(0.3 * 48000) :], 48000)) < 1.1e-3


def test_gap_in_a_sound_track_is_filled_with_silence(
  tmp_path, sound_file, speech_like, delay
):
  wave = speech_like(2, 48000)
  half, hole = 1024 * 47, 48000 * 3 // 4
  path = sound_file(
    tmp_path / 'a.mkv', wave, 48000, 'pcm_s16le', gap=(half, hole)
  )
  got = audio.load(path, rate=48000)
  # Matroska counts in milliseconds.
  assert abs(len(got) - len(wave) - hole) < 1.1e-3 * 48000
  assert abs(delay(got[half + hole :], wave[half:], 48000)) < 1.1e-3


def test_info_describes_the_file(tmp_path, sound_file, speech_like):
  two = np.stack([speech_like(0.5, 22050)] * 2)
  path = sound_file(tmp_path / 'a.wav', two, 22050, 'pcm_s16le')
  assert audio.info(path) == audio.AudioInfo(22050, 2, 0.5, 'pcm_s16le')


def test_info_is_of_what_can_be_decoded(tmp_path, sound_file, speech_like):
  wave = speech_like(0.5, 16000)
  path = sound_file(tmp_path / 'a.wav', wave, 16000, 'pcm_s16le')
  good = path.read_bytes()
  path.write_bytes(good[:22] + b'\0\0' + good[24:] + good)  # no channels
  assert audio.info(path).channels == 1
  assert len(audio.load(path)) == len(wave)


def test_shipped_recording_is_speech_of_seven_seconds():
  wave = audio.load(CLIP)
  assert 7 < len(wave) / 16000 < 7.3
  assert 0.05 < np.abs(wave).max() <= 1


def test_names_that_look_like_addresses_are_files(
  tmp_path, sound_file, speech_like
):
  path = sound_file(
    tmp_path / 'a.wav', speech_like(0.1, 16000), 16000, 'pcm_s16le'
  )
  odd = tmp_path / 'http:ünï %d.wav'
  shutil.copy(path, odd)
  np.testing.assert_array_equal(audio.load(odd), audio.load(path))


def test_tags_in_another_encoding_do_not_matter(
  tmp_path, sound_file, speech_like
):
  path = sound_file(
    tmp_path / 'a.wav', speech_like(0.1, 16000), 16000, 'pcm_s16le'
  )
  title = 'INFOINAM\x06\0\0\0Fräul\0'.encode('latin-1')
  chunk = b'LIST' + len(title).to_bytes(4, 'little') + title
  data = path.read_bytes()
  at = data.find(b'data')
  size = (len(data) + len(chunk) - 8).to_bytes(4, 'little')
  path.write_bytes(b'RIFF' + size + data[8:at] + chunk + data[at:])
  assert len(audio.load(path)) == 1600


def test_picture_is_an_error():
  with pytest.raises(errors.InputError, match='found only video'):
    audio.load(CLIP.with_name('grace_hopper.jpg'))


@pytest.mark.parametrize('channels', [0, 3])
def test_blocks_refuse_other_numbers_of_channels(channels):
  with pytest.raises(ValueError, match='expected 1 or 2 channels'):
    audio.blocks(CLIP, rate=16000, channels=channels)


def test_real_recordings_load_at_their_declared_length(shared):
  paths = sorted((shared / 'samples' / 'audio').iterdir())
  paths += sorted((shared / 'samples' / 'grid').glob('*.mpg'))[:2]
  assert paths
  for path in paths:
    found = audio.info(path)
    wave = audio.load(path)
    assert wave.dtype == np.float32 and np.abs(wave).max() > 0.05, path
    assert found.duration_s is not None
    # m4a declares its encoder's delay, MPEG leaves out its last frame.
    assert abs(len(wave) / 16000 - found.duration_s) < 0.06, path
