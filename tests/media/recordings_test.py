"""No speech is lost in silence: tracks, joined files, channels, rates."""

import pathlib

import av
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import audio, image, recordings

RATE = 16000


def _tracks(path: pathlib.Path, waves, *, default: int | None = None):
  """A file with one track for each wave [L]."""
  with av.open(str(path), 'w') as container:
    streams = []
    for number in range(len(waves)):
      stream = container.add_stream('pcm_s16le', rate=RATE)
      stream.layout = 'mono'
      stream.disposition = (
        av.stream.Disposition.default if number == default else 0
      )
      streams.append(stream)
    for stream, wave in zip(streams, waves, strict=True):
      samples = np.round(wave * 32767).astype(np.int16)[None]
      frame = av.AudioFrame.from_ndarray(samples, format='s16', layout='mono')
      frame.sample_rate, frame.pts = RATE, 0
      container.mux(stream.encode(frame))
      container.mux(stream.encode(None))
  return path


@pytest.fixture
def voices(speech_like):
  return speech_like(1, RATE, 1), speech_like(1, RATE, 2)


def _is(found: np.ndarray, wave: np.ndarray) -> bool:
  return len(found) == len(wave) and np.abs(found - wave).max() < 1e-3


def test_silent_first_track_does_not_hide_the_voice(tmp_path, voices):
  path = _tracks(tmp_path / 'a.mkv', [0 * voices[0], voices[1]])
  assert _is(audio.load(path), voices[1])


def test_silent_default_track_does_not_hide_the_voice(tmp_path, voices):
  path = _tracks(tmp_path / 'a.mkv', [voices[0], 0 * voices[0]], default=1)
  assert _is(audio.load(path), voices[0])


def test_default_track_goes_before_others_and_is_named(
  tmp_path, voices, caplog
):
  path = _tracks(tmp_path / 'a.mkv', voices, default=1)
  assert _is(audio.load(path), voices[1])
  (record,) = caplog.records
  assert '2 sound tracks, track 1 (pcm_s16le) is taken' in record.getMessage()


def test_track_can_be_chosen(tmp_path, voices, caplog):
  path = _tracks(tmp_path / 'a.mkv', voices, default=1)
  for track in (0, 1):
    assert _is(audio.load(recordings.examine(path, track)), voices[track])
  assert not caplog.records
  with pytest.raises(errors.InputError, match='audio_track: expected one of 0'):
    recordings.examine(path, 2)


def test_all_tracks_silent_is_silence(tmp_path, voices):
  path = _tracks(tmp_path / 'a.mkv', [0 * voices[0]] * 2)
  assert _is(audio.load(path), 0 * voices[0])


def test_undecodable_first_track_does_not_hide_the_second(tmp_path, voices):
  path = tmp_path / 'a.mka'
  with av.open(str(path), 'w') as container:
    broken, whole = (container.add_stream('flac', rate=RATE) for _ in range(2))
    broken.layout = whole.layout = 'mono'
    for stream in (broken, whole):
      samples = np.round(voices[0] * 32767).astype(np.int16)[None]
      frame = av.AudioFrame.from_ndarray(samples, format='s16', layout='mono')
      frame.sample_rate, frame.pts = RATE, 0
      for packet in [*stream.encode(frame), *stream.encode(None)]:
        if stream is broken and packet.size:
          rubbish = av.Packet(b'\xff' * packet.size)
          rubbish.pts, rubbish.dts = packet.pts, packet.dts
          rubbish.time_base, rubbish.stream = packet.time_base, stream
          packet = rubbish
        container.mux(packet)
  assert _is(audio.load(path), voices[0])


@pytest.mark.parametrize('kind', ['wav', 'm4a', 'flac', 'mp3'])
def test_files_pasted_together_give_both_halves(
  tmp_path, sound_file, voices, caplog, kind
):
  codecs = {'wav': 'pcm_s16le', 'm4a': 'aac', 'flac': 'flac'}
  codec = codecs.get(kind, 'libmp3lame')
  parts = [
    sound_file(tmp_path / f'{n}.{kind}', wave, RATE, codec)
    for n, wave in enumerate(voices)
  ]
  path = tmp_path / f'both.{kind}'
  path.write_bytes(b''.join(part.read_bytes() for part in parts))
  found = audio.load(path)
  assert 2 * RATE - 10 <= len(found) <= 2 * RATE + 6000
  half = RATE + (len(found) - 2 * RATE) // 2
  for wave, there in zip(voices, (found[:half], found[half:]), strict=True):
    power = np.sqrt((there**2).mean() / (wave**2).mean())
    assert 0.8 < power < 1.2
  assert kind == 'mp3' or not caplog.records


def test_second_wav_of_another_rate_is_resampled(tmp_path, sound_file):
  tones = []
  for rate in (16000, 44100, 8000):
    time = np.arange(rate) / rate
    tone = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    tones.append(
      sound_file(tmp_path / f'{rate}.wav', tone, rate, 'pcm_s16le').read_bytes()
    )
  path = tmp_path / 'all.wav'
  path.write_bytes(b''.join(tones))
  found = audio.load(path)
  assert len(found) == 3 * 16000
  for second in range(3):
    piece = found[16000 * second + 2000 :][:12000]
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(12000)))
    assert abs(spectrum.argmax() * 16000 / 12000 - 440) < 3


def test_mp3_whose_rate_changes_is_read_whole(tmp_path, sound_file):
  data = b''
  for rate in (44100, 22050):
    time = np.arange(rate) / rate
    tone = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    path = sound_file(tmp_path / f'{rate}.mp3', tone, rate, 'libmp3lame')
    data += path.read_bytes()
  (tmp_path / 'a.mp3').write_bytes(data)
  found = audio.load(tmp_path / 'a.mp3')
  assert 1.95 < len(found) / 16000 < 2.2
  assert np.abs(found[20000:30000]).max() > 0.4


def test_sound_after_a_wrong_length_is_named(
  tmp_path, sound_file, voices, caplog
):
  path = sound_file(tmp_path / 'a.wav', voices[0], RATE, 'pcm_s16le')
  data = bytearray(path.read_bytes())
  place = data.index(b'data') + 4
  data[place : place + 4] = (2000).to_bytes(4, 'little')
  path.write_bytes(data)
  assert len(audio.load(path)) == 1000
  assert '30000 bytes after the end of the sound' in caplog.text


@pytest.mark.parametrize('share', [-1.0, -0.95])
def test_channels_that_cancel_leave_the_louder_one(
  tmp_path, sound_file, voices, caplog, share
):
  both = np.stack([voices[0], share * voices[0]])
  path = sound_file(tmp_path / 'a.wav', both, RATE, 'pcm_s16le')
  assert _is(audio.load(path), voices[0])
  assert 'channel 0 alone moves the lips' in caplog.text
  kept = next(audio.blocks(path, rate=RATE, channels=2, block=RATE))
  np.testing.assert_allclose(kept, both, atol=1e-3)


def test_channels_that_cancel_in_one_half_only(tmp_path, sound_file, voices):
  left = np.concatenate(voices)
  right = np.concatenate([voices[0], -voices[1]])
  path = sound_file(
    tmp_path / 'a.wav', np.stack([left, right]), RATE, 'pcm_s16le'
  )
  assert _is(audio.load(path), left)


@pytest.mark.parametrize('other', [0.0, 0.5, 1.0])
def test_usual_stereo_is_still_the_mean(tmp_path, sound_file, voices, other):
  both = np.stack([voices[0], other * voices[0]])
  path = sound_file(tmp_path / 'a.wav', both, RATE, 'pcm_s16le')
  assert _is(audio.load(path), both.mean(axis=0))


def test_late_sound_is_not_called_cut_off(shared, caplog):
  found = audio.load(shared / 'cases' / 'late.mka')
  assert len(found) == 25600 and not caplog.records


def test_sound_shorter_than_its_pictures_is_not_called_cut_off(
  tmp_path, video_file, voices, caplog
):
  pictures = [np.zeros((64, 64, 3), np.uint8)] * 100
  for name in ('a.mkv', 'a.mp4', 'a.avi'):
    path = video_file(tmp_path / name, pictures, sound=(voices[0], RATE))
    audio.load(path)
  assert not caplog.records


@pytest.mark.parametrize('rate', [1, 999, 2_000_000_000])
def test_rates_of_no_sound_are_an_error(tmp_path, sound_file, rate):
  path = sound_file(tmp_path / 'a.wav', np.zeros(64), 16000, 'pcm_s16le')
  data = bytearray(path.read_bytes())
  data[24:28] = rate.to_bytes(4, 'little')
  path.write_bytes(data)
  with pytest.raises(errors.InputError, match='samples a second, found'):
    audio.load(path)


def test_channels_of_a_damaged_header_are_an_error(tmp_path, sound_file):
  path = sound_file(tmp_path / 'a.wav', np.zeros(4096), 16000, 'pcm_s16le')
  data = bytearray(path.read_bytes())
  data[22:24] = (255).to_bytes(2, 'little')
  path.write_bytes(data)
  with pytest.raises(errors.InputError, match='at most 64 channels, found 255'):
    audio.load(path)


@pytest.mark.parametrize('name', ['a.txt', 'a.yuv', 'a.rgb', 'a.nfo'])
def test_text_and_raw_numbers_are_no_media(tmp_path, name):
  path = tmp_path / name
  path.write_bytes(b'no picture, and no sound\n' * 9000)
  for load in (image.load_first_frame, audio.load):
    with pytest.raises(errors.InputError, match='expected an .* file, found'):
      load(path)


@pytest.mark.parametrize(
  ('name', 'length'), [('two_tracks.mp4', 25600), ('concat_headers.wav', 51200)]
)
def test_files_that_lost_their_voice_keep_it(shared, name, length):
  found = audio.load(shared / 'cases' / name)
  half = len(found) // 2
  assert len(found) == length
  assert min(np.abs(found[:half]).max(), np.abs(found[half:]).max()) > 0.1
