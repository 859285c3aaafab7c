"""Video out: times, colours, sound in step, sides."""

import fractions
import pathlib
import tracemalloc

import av
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import audio, encoding, video
from tests.media import numbered

Fraction = fractions.Fraction


def stream_lengths(path: pathlib.Path) -> tuple[float, float]:
  """Seconds of pictures and of sound according to the file."""
  with av.open(str(path)) as container:
    assert container.streams.video[0].start_time == 0
    assert container.streams.audio[0].start_time == 0
    return tuple(
      float(s.duration * s.time_base)
      for s in (container.streams.video[0], container.streams.audio[0])
    )


@pytest.mark.parametrize(
  'fps', [25, 30, 12.5, 24, Fraction(30000, 1001), 29.97, 60]
)
def test_frames_come_back_in_number_order_and_rate(tmp_path, fps):
  path = tmp_path / 'a.mp4'
  numbered.write(path, numbered.plain(37), fps=fps)
  with video.VideoReader(path) as reader:
    assert reader.fps == video.as_rate(fps)
    assert reader.num_frames == 37
    assert reader.size == (64, 48)
    assert [numbered.number(f) for f in reader] == list(range(37))
  info = video.probe(path)
  assert info.codec == 'h264' and not info.has_audio and info.rotation == 0
  assert info.duration_s == pytest.approx(37 / float(video.as_rate(fps)))


def test_flat_colours_survive_within_three_levels(tmp_path):
  rng = np.random.default_rng(0)
  colours = rng.integers(0, 256, (60, 3))
  extremes = [0, 255]
  corners = [(r, g, b) for r in extremes for g in extremes for b in extremes]
  colours = np.concatenate([colours, corners]).astype(np.uint8)
  frames = [np.broadcast_to(c, (64, 64, 3)) for c in colours]
  numbered.write(tmp_path / 'a.mp4', frames)
  for colour, frame in zip(
    colours, video.VideoReader(tmp_path / 'a.mp4'), strict=True
  ):
    # 8-bit limited-range YUV resolves RGB to +-2; the codec adds one.
    assert np.abs(frame.astype(int) - colour).max() <= 3, colour


@pytest.mark.parametrize('codec', ['h264', 'hevc'])
def test_small_things_keep_their_hue(tmp_path, codec):
  # A row of teeth over a dark mouth, four pixels each, on moving skin: with
  # chroma as coarse as encoders have it both turn grey, by 4 levels and more.
  rng = np.random.default_rng(0)
  skin = 150 + 20 * rng.standard_normal((96, 128, 1)) + (40, 0, -40)
  frames = np.repeat(np.clip(skin, 0, 255)[None], 24, 0)
  places = [(40 + t // 4, 50 + t // 3) for t in range(len(frames))]
  for frame, (y, x) in zip(frames, places, strict=True):
    frame[y : y + 4, x : x + 24] = 205, 180, 155
    frame[y + 4 : y + 8, x : x + 24] = 90, 40, 40
  encoded = encoding.Encoding(codec=codec)
  numbered.write(
    tmp_path / 'a.mp4', list(frames.astype(np.uint8)), encoding=encoded
  )
  off = []
  for frame, (y, x) in zip(
    video.VideoReader(tmp_path / 'a.mp4'), places, strict=True
  ):
    for middle in (slice(y + 1, y + 3), slice(y + 5, y + 7)):
      seen = frame[middle, x + 2 : x + 22].mean((0, 1))
      off.append(abs(seen[0] - seen[2] - 50))  # red over blue
  assert np.mean(off) < 2.5


def test_file_says_its_colours_are_bt709(tmp_path):
  numbered.write(tmp_path / 'a.mp4', numbered.plain(3))
  with av.open(str(tmp_path / 'a.mp4')) as container:
    context = container.streams.video[0].codec_context
    assert (context.colorspace, context.color_range) == (1, 1)
    assert (context.color_primaries, context.color_trc) == (1, 1)
    assert context.pix_fmt == 'yuv420p'


@pytest.mark.parametrize(('height', 'matrix'), [(480, 601), (720, 709)])
def test_untagged_colours_follow_the_number_of_lines(
  tmp_path, video_file, height, matrix
):
  # PyAV's plain conversion writes BT.601 whatever the size.
  frame = np.empty((height, 64, 3), np.uint8)
  frame[:] = 200, 40, 90
  path = video_file(tmp_path / 'a.mp4', [frame] * 3)
  error = np.abs(next(iter(video.VideoReader(path))).astype(int) - frame).max()
  assert error <= 3 if matrix == 601 else error > 8


def test_picture_survives_compression(tmp_path):
  y, x = np.mgrid[0:128, 0:128] / 128
  waves = [np.sin(7 * x + 3 * y), np.cos(9 * y), np.sin(5 * x - 8 * y)]
  smooth = np.stack([128 + 90 * w for w in waves], axis=-1).astype(np.uint8)
  numbered.write(tmp_path / 'a.mp4', [smooth] * 5)
  for frame in video.VideoReader(tmp_path / 'a.mp4'):
    # Saturated colours at half the resolution, 8-bit YUV, crf 18.
    assert np.abs(frame.astype(float) - smooth).mean() < 1.5


@pytest.mark.parametrize(('codec', 'rate'), [('hevc', 32), ('av1', 128)])
def test_codecs_and_bits_of_sound_are_chosen(
  tmp_path, speech_like, codec, rate
):
  path = tmp_path / 'a.mp4'
  chosen = encoding.Encoding(codec=codec, audio_bitrate=rate)
  sound = (speech_like(1, 48000), 48000)
  numbered.write(path, numbered.plain(25), audio=sound, encoding=chosen)
  assert [numbered.number(f) for f in video.VideoReader(path)] == list(
    range(25)
  )
  with av.open(str(path)) as file:
    assert file.streams.video[0].codec_context.codec.canonical_name == codec
    assert file.streams.audio[0].bit_rate == pytest.approx(1000 * rate, rel=0.3)


def test_quality_is_that_of_the_codec(tmp_path):
  with pytest.raises(errors.InputError, match='crf: expected 0 to 51 for hevc'):
    encoding.Encoding(codec='hevc', crf=60)
  sizes = []
  for crf in (10, 40):
    path = tmp_path / f'{crf}.mp4'
    numbered.write(path, numbered.plain(5), encoding=encoding.Encoding(crf=crf))
    sizes.append(path.stat().st_size)
  assert sizes[0] > sizes[1]


@pytest.mark.parametrize('rate', [8000, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize('fps', [25, Fraction(30000, 1001)])
def test_sound_is_aligned_and_as_long_as_the_pictures(
  tmp_path, speech_like, delay, rate, fps
):
  wave = speech_like(3, rate)
  path = tmp_path / 'a.mp4'
  numbered.write(path, numbered.plain(61), fps=fps, audio=(wave, rate))
  seconds = 61 / float(fps)
  pictures, sound = stream_lengths(path)
  assert pictures == pytest.approx(seconds, abs=1e-3)
  assert sound == pytest.approx(seconds, abs=1e-3)
  got = audio.load(path, rate=rate)
  # The last AAC block may be padded.
  assert abs(len(got) / rate - seconds) < 1 / float(fps)
  assert abs(delay(got, wave[: len(got)], rate)) < 1e-3
  heard = min(len(got), len(wave)) - rate // 20
  assert np.corrcoef(got[:heard], wave[:heard])[0, 1] > 0.95


def test_sound_of_a_file_is_aligned(tmp_path, sound_file, speech_like, delay):
  wave = speech_like(2, 44100)
  sound_file(tmp_path / 'a.mp3', wave, 44100, 'libmp3lame')
  numbered.write(
    tmp_path / 'a.mp4', numbered.plain(50), audio=tmp_path / 'a.mp3'
  )
  got = audio.load(tmp_path / 'a.mp4', rate=44100)
  assert abs(delay(got, wave, 44100)) < 1e-3


def test_sound_of_a_video_keeps_its_place(
  tmp_path, video_file, speech_like, delay
):
  wave = speech_like(1, 48000)
  video_file(
    tmp_path / 'a.mkv',
    numbered.plain(50),
    sound=(wave, 48000),
    sound_start_s=0.5,
  )
  numbered.write(
    tmp_path / 'b.mp4', numbered.plain(50), audio=str(tmp_path / 'a.mkv')
  )
  got = audio.load(tmp_path / 'b.mp4', rate=48000)
  assert abs(delay(got, wave, 48000) - 0.5) < 1.1e-3  # Matroska counts in ms


def test_short_sound_is_followed_by_silence(tmp_path, speech_like):
  path = tmp_path / 'a.mp4'
  numbered.write(
    path, numbered.plain(50), audio=(speech_like(0.1, 16000), 16000)
  )
  pictures, sound = stream_lengths(path)
  assert pictures == sound == 2
  got = audio.load(path)
  assert np.abs(got[:1600]).max() > 0.1
  assert np.abs(got[1600 + 1024 :]).max() < 1e-3


@pytest.mark.parametrize('channels', [1, 2])
def test_channels_are_kept(tmp_path, speech_like, channels):
  waves = np.stack([speech_like(1, 48000, i) for i in range(channels)])
  numbered.write(tmp_path / 'a.mp4', numbered.plain(25), audio=(waves, 48000))
  found = audio.info(tmp_path / 'a.mp4')
  assert (found.channels, found.rate) == (channels, 48000)
  got = np.concatenate(
    list(audio.blocks(tmp_path / 'a.mp4', rate=48000, channels=channels)), 1
  )
  for one, wave in zip(got, waves, strict=True):
    assert np.corrcoef(one[:46000], wave[:46000])[0, 1] > 0.95


def test_sound_and_pictures_alternate_in_the_file(tmp_path, speech_like):
  path = tmp_path / 'a.mp4'
  numbered.write(
    path, numbered.plain(250), audio=(speech_like(10, 16000), 16000)
  )
  with av.open(str(path)) as container:
    packets = sorted(
      (p.pos, p.stream.type, float(p.pts * p.time_base))
      for p in container.demux()
      if p.pts is not None
    )
  times = {'audio': 0.0, 'video': 0.0}
  for _, kind, time in packets:
    times[kind] = time
    # A player must not wait for one while it reads the other.
    assert abs(times['audio'] - times['video']) < 1
  data = path.read_bytes()
  assert 0 < data.find(b'moov') < data.find(b'mdat')  # starts while loading


def test_long_sound_needs_no_memory(tmp_path, sound_file):
  # 5 minutes are 29 MB decoded; only what 10 frames need is.
  noise = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 16000 * 300))
  path = sound_file(tmp_path / 'a.wav', noise, 16000, 'pcm_s16le')
  tracemalloc.start()
  numbered.write(tmp_path / 'a.mp4', numbered.plain(10), audio=path)
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert peak < 2e6, peak


def test_same_input_gives_the_same_file(tmp_path, speech_like):
  sound = (speech_like(1, 16000), 16000)
  numbered.write(tmp_path / 'a.mp4', numbered.plain(25), audio=sound)
  numbered.write(tmp_path / 'b.mp4', numbered.plain(25), audio=sound)
  a, b = (tmp_path / f'{n}.mp4' for n in 'ab')
  assert a.read_bytes() == b.read_bytes()


@pytest.mark.parametrize(
  ('width', 'height'), [(63, 48), (64, 47), (63, 47), (1, 1), (2, 2), (100, 66)]
)
def test_odd_sides_grow_by_a_copy_of_the_last_line(tmp_path, width, height):
  rng = np.random.default_rng(0)
  levels = rng.integers(60, 200, ((height + 7) // 8, (width + 7) // 8, 3))
  frame = levels.repeat(8, 0).repeat(8, 1)[:height, :width].astype(np.uint8)
  path = tmp_path / 'a.mp4'
  numbered.write(path, [frame] * 4, encoding=encoding.Encoding(crf=4))
  got = next(iter(video.VideoReader(path))).astype(int)
  assert got.shape == (height + height % 2, width + width % 2, 3)
  # Not scaled: the edges of the blocks stay where they are. Luma keeps its
  # resolution; colour has half of it, and blurs across the edges.
  luma = np.array([0.2126, 0.7152, 0.0722])
  assert np.abs((got[:height, :width] - frame) @ luma).mean() < 2.5
  if width % 2:
    assert np.abs(got[:, -1] - got[:, -2]).mean() < 3
  if height % 2:
    assert np.abs(got[-1] - got[-2]).mean() < 3


def test_picture_wider_than_h264_is_an_error(tmp_path):
  wide = np.zeros((2, video.MAX_SIDE + 2, 3), np.uint8)
  with pytest.raises(errors.InputError, match='16386 x 2'):
    numbered.write(tmp_path / 'a.mp4', [wide])
  numbered.write(tmp_path / 'b.mp4', [wide[:, : video.MAX_SIDE]])
  assert video.probe(tmp_path / 'b.mp4').size == (video.MAX_SIDE, 2)
