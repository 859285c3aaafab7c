"""Video out and in: times, colours, sound in step, all or nothing, errors."""

import fractions
import os
import pathlib
import resource
import signal
import struct
import tracemalloc

import av
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import audio, encoder, encoding, video

Fraction = fractions.Fraction


def plain(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
  """Grey frames whose eight blocks spell their number, up to 255."""
  frames = []
  for index in range(count):
    bits = [60 + 120 * (index >> bit & 1) for bit in range(8)]
    blocks = np.reshape(bits, (2, 4)).astype(np.uint8)
    blocks = blocks.repeat(height // 2, 0).repeat(width // 4, 1)
    frames.append(np.repeat(blocks[:, :, None], 3, axis=2))
  return frames


def number(frame: np.ndarray) -> int:
  """Which of `plain`'s frames this is."""
  height, width = frame.shape[:2]
  blocks = frame.reshape(2, height // 2, 4, width // 4, 3).mean(axis=(1, 3, 4))
  return sum(int(level > 120) << bit for bit, level in enumerate(blocks.flat))


def write(path: pathlib.Path, frames: list[np.ndarray], **options) -> None:
  options = {'fps': 25} | options
  with video.VideoWriter(path, **options) as writer:
    for frame in frames:
      writer.write(frame)


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
  write(path, plain(37), fps=fps)
  with video.VideoReader(path) as reader:
    assert reader.fps == video.as_rate(fps)
    assert reader.num_frames == 37
    assert reader.size == (64, 48)
    assert [number(f) for f in reader] == list(range(37))
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
  write(tmp_path / 'a.mp4', frames)
  for colour, frame in zip(
    colours, video.VideoReader(tmp_path / 'a.mp4'), strict=True
  ):
    # 8-bit limited-range YUV resolves RGB to +-2; the codec adds one.
    assert np.abs(frame.astype(int) - colour).max() <= 3, colour


def test_file_says_its_colours_are_bt709(tmp_path):
  write(tmp_path / 'a.mp4', plain(3))
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
  write(tmp_path / 'a.mp4', [smooth] * 5)
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
  write(path, plain(25), audio=sound, encoding=chosen)
  assert [number(f) for f in video.VideoReader(path)] == list(range(25))
  with av.open(str(path)) as file:
    assert file.streams.video[0].codec_context.codec.canonical_name == codec
    assert file.streams.audio[0].bit_rate == pytest.approx(1000 * rate, rel=0.3)


def test_quality_is_that_of_the_codec(tmp_path):
  with pytest.raises(errors.InputError, match='crf: expected 0 to 51 for hevc'):
    encoding.Encoding(codec='hevc', crf=60)
  sizes = []
  for crf in (10, 40):
    path = tmp_path / f'{crf}.mp4'
    write(path, plain(5), encoding=encoding.Encoding(crf=crf))
    sizes.append(path.stat().st_size)
  assert sizes[0] > sizes[1]


@pytest.mark.parametrize('rate', [8000, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize('fps', [25, Fraction(30000, 1001)])
def test_sound_is_aligned_and_as_long_as_the_pictures(
  tmp_path, speech_like, delay, rate, fps
):
  wave = speech_like(3, rate)
  path = tmp_path / 'a.mp4'
  write(path, plain(61), fps=fps, audio=(wave, rate))
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
  write(tmp_path / 'a.mp4', plain(50), audio=tmp_path / 'a.mp3')
  got = audio.load(tmp_path / 'a.mp4', rate=44100)
  assert abs(delay(got, wave, 44100)) < 1e-3


def test_sound_of_a_video_keeps_its_place(
  tmp_path, video_file, speech_like, delay
):
  wave = speech_like(1, 48000)
  video_file(
    tmp_path / 'a.mkv', plain(50), sound=(wave, 48000), sound_start_s=0.5
  )
  write(tmp_path / 'b.mp4', plain(50), audio=str(tmp_path / 'a.mkv'))
  got = audio.load(tmp_path / 'b.mp4', rate=48000)
  assert abs(delay(got, wave, 48000) - 0.5) < 1.1e-3  # Matroska counts in ms


def test_short_sound_is_followed_by_silence(tmp_path, speech_like):
  path = tmp_path / 'a.mp4'
  write(path, plain(50), audio=(speech_like(0.1, 16000), 16000))
  pictures, sound = stream_lengths(path)
  assert pictures == sound == 2
  got = audio.load(path)
  assert np.abs(got[:1600]).max() > 0.1
  assert np.abs(got[1600 + 1024 :]).max() < 1e-3


@pytest.mark.parametrize('channels', [1, 2])
def test_channels_are_kept(tmp_path, speech_like, channels):
  waves = np.stack([speech_like(1, 48000, i) for i in range(channels)])
  write(tmp_path / 'a.mp4', plain(25), audio=(waves, 48000))
  found = audio.info(tmp_path / 'a.mp4')
  assert (found.channels, found.rate) == (channels, 48000)
  got = np.concatenate(
    list(audio.blocks(tmp_path / 'a.mp4', rate=48000, channels=channels)), 1
  )
  for one, wave in zip(got, waves, strict=True):
    assert np.corrcoef(one[:46000], wave[:46000])[0, 1] > 0.95


def test_sound_and_pictures_alternate_in_the_file(tmp_path, speech_like):
  path = tmp_path / 'a.mp4'
  write(path, plain(250), audio=(speech_like(10, 16000), 16000))
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
  write(tmp_path / 'a.mp4', plain(10), audio=path)
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert peak < 2e6, peak


def test_same_input_gives_the_same_file(tmp_path, speech_like):
  sound = (speech_like(1, 16000), 16000)
  write(tmp_path / 'a.mp4', plain(25), audio=sound)
  write(tmp_path / 'b.mp4', plain(25), audio=sound)
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
  write(path, [frame] * 4, encoding=encoding.Encoding(crf=4))
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


class Boom(Exception):
  pass


@pytest.mark.parametrize('error', [Boom, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize('after', [0, 3])
def test_exception_leaves_nothing(tmp_path, speech_like, error, after):
  with pytest.raises(error):
    with video.VideoWriter(
      tmp_path / 'a.mp4', fps=25, audio=(speech_like(1, 16000), 16000)
    ) as writer:
      for frame in plain(after):
        writer.write(frame)
      raise error
  assert list(tmp_path.iterdir()) == []


@pytest.fixture
def default_interrupt():
  """Ctrl-C raises, also where the tests run as a background job."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('default_interrupt')
def test_ctrl_c_leaves_nothing(tmp_path):
  with pytest.raises(KeyboardInterrupt):
    with video.VideoWriter(tmp_path / 'a.mp4', fps=25) as writer:
      for index, frame in enumerate(plain(50)):
        writer.write(frame)
        if index == 20:
          os.kill(os.getpid(), signal.SIGINT)
  assert list(tmp_path.iterdir()) == []


def test_interruption_while_finishing_leaves_nothing(tmp_path, monkeypatch):
  def interrupted(self: encoder.Encoder) -> None:
    raise KeyboardInterrupt

  monkeypatch.setattr(encoder.Encoder, 'finish', interrupted)
  with pytest.raises(KeyboardInterrupt):
    write(tmp_path / 'a.mp4', plain(5))
  assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_file_that_was_to_be_replaced(tmp_path):
  path = tmp_path / 'a.mp4'
  path.write_bytes(b'old')
  with pytest.raises(Boom):
    with video.VideoWriter(path, fps=25, overwrite=True) as writer:
      writer.write(plain(1)[0])
      raise Boom
  assert path.read_bytes() == b'old'
  write(path, plain(5), overwrite=True)
  assert video.probe(path).num_frames == 5
  assert os.listdir(tmp_path) == ['a.mp4']


def test_file_gets_the_usual_permissions(tmp_path):
  write(tmp_path / 'a.mp4', plain(2))
  (tmp_path / 'usual').touch()
  modes = {p.stat().st_mode for p in tmp_path.iterdir()}
  assert len(modes) == 1


def test_nothing_is_seen_under_the_name_before_the_end(tmp_path):
  path = tmp_path / 'a.mp4'
  with video.VideoWriter(path, fps=25) as writer:
    for frame in plain(3):
      writer.write(frame)
      assert not path.exists()
    assert writer.num_frames == 3 and writer.size == (64, 48)
  assert path.exists()


def test_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
  path = tmp_path / 'a.mp4'
  with pytest.raises(errors.InputError, match='not overwritten'):
    with video.VideoWriter(path, fps=25) as writer:
      writer.write(plain(1)[0])
      path.write_bytes(b'theirs')
  assert path.read_bytes() == b'theirs'
  assert os.listdir(tmp_path) == ['a.mp4']


def _existing(folder: pathlib.Path) -> pathlib.Path:
  (folder / 'a.mp4').write_bytes(b'x')
  return folder / 'a.mp4'


def _folder(folder: pathlib.Path) -> pathlib.Path:
  (folder / 'a.mp4').mkdir()
  return folder / 'a.mp4'


def _under_a_file(folder: pathlib.Path) -> pathlib.Path:
  (folder / 'f').write_bytes(b'x')
  return folder / 'f' / 'a.mp4'


@pytest.mark.parametrize(
  ('make', 'found'),
  [
    (_existing, 'found one'),
    (_folder, 'found a directory'),
    (_under_a_file, 'Not a directory'),
    (lambda folder: folder / 'no' / 'a.mp4', 'No such file or directory'),
    (lambda folder: folder / 'a.avi', "found 'a.avi'"),
    (lambda folder: folder / 'a', "found 'a'"),
    (lambda folder: pathlib.Path('/proc/a.mp4'), 'expected a folder to write'),
  ],
)
def test_bad_target_is_an_error_before_any_work(tmp_path, make, found):
  path = make(tmp_path)
  before = sorted(tmp_path.rglob('*'))
  with pytest.raises(errors.InputError) as error:
    video.VideoWriter(path, fps=25)
  message = str(error.value)
  assert str(path) in message and found in message and '\n' not in message
  assert sorted(tmp_path.rglob('*')) == before


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write anywhere')
def test_folder_without_permission_is_an_error(tmp_path):
  tmp_path.chmod(0o500)
  with pytest.raises(errors.InputError, match='Permission denied'):
    video.VideoWriter(tmp_path / 'a.mp4', fps=25)


def test_bad_sound_is_an_error_before_any_work(tmp_path):
  (tmp_path / 'a.wav').write_bytes(b'')
  with pytest.raises(errors.InputError, match='an empty file'):
    video.VideoWriter(tmp_path / 'a.mp4', fps=25, audio=tmp_path / 'a.wav')
  for wave in (np.zeros((3, 9)), np.full(9, np.nan), np.zeros((1, 1, 1))):
    with pytest.raises(errors.InputError, match='audio: expected'):
      video.VideoWriter(tmp_path / 'a.mp4', fps=25, audio=(wave, 16000))
  assert os.listdir(tmp_path) == ['a.wav']


@pytest.mark.parametrize('fps', [0, -25, 241, float('nan'), float('inf')])
def test_bad_frame_rate_is_an_error(tmp_path, fps):
  with pytest.raises(errors.InputError, match='fps: expected'):
    video.VideoWriter(tmp_path / 'a.mp4', fps=fps)


def test_full_disk_is_an_error_and_leaves_nothing(tmp_path):
  # A limit on the size of files stands in for a full disk.
  old = resource.getrlimit(resource.RLIMIT_FSIZE)
  handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
  noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
  try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
    with pytest.raises(errors.InputError, match='room to write') as error:
      write(tmp_path / 'a.mp4', [np.roll(noise, i, 0) for i in range(30)])
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
    signal.signal(signal.SIGXFSZ, handler)
  assert str(tmp_path / 'a.mp4') in str(error.value)
  assert list(tmp_path.iterdir()) == []


def test_writer_refuses_other_frames(tmp_path):
  with pytest.raises(ValueError, match='found uint8 \\(48, 64\\)'):
    write(tmp_path / 'a.mp4', [plain(1)[0][..., 0]])
  with pytest.raises(ValueError, match='found float32'):
    write(tmp_path / 'a.mp4', [plain(1)[0].astype(np.float32)])
  with pytest.raises(ValueError, match='uint8 \\(48, 64, 3\\), found'):
    write(tmp_path / 'a.mp4', [*plain(2), *plain(1, 68)])
  with pytest.raises(ValueError, match='uint8 \\(48, 66, 3\\), found'):
    write(tmp_path / 'a.mp4', plain(2), size=(66, 48))
  with pytest.raises(ValueError, match='expected a frame, found none'):
    write(tmp_path / 'a.mp4', [])
  with pytest.raises(ValueError, match='with statement'):
    video.VideoWriter(tmp_path / 'a.mp4', fps=25).write(plain(1)[0])
  assert list(tmp_path.iterdir()) == []


def test_picture_wider_than_h264_is_an_error(tmp_path):
  wide = np.zeros((2, video.MAX_SIDE + 2, 3), np.uint8)
  with pytest.raises(errors.InputError, match='16386 x 2'):
    write(tmp_path / 'a.mp4', [wide])
  write(tmp_path / 'b.mp4', [wide[:, : video.MAX_SIDE]])
  assert video.probe(tmp_path / 'b.mp4').size == (video.MAX_SIDE, 2)


def _turn(path: pathlib.Path, degrees: int) -> None:
  """Sets the display matrix of an mp4 file (ISO 14496-12, tkhd)."""
  a, b, c, d = {
    90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0),
  }[degrees]  # fmt: skip
  data = bytearray(path.read_bytes())
  box = data.find(b'tkhd') + 4
  one = 1 << 16
  matrix = (a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
  data[box + 40 : box + 76] = struct.pack('>9i', *matrix)
  path.write_bytes(bytes(data))


@pytest.mark.parametrize('clockwise', [90, 180, 270])
def test_rotation_tag_is_applied(tmp_path, clockwise):
  frame = np.full((48, 64, 3), 120, np.uint8)
  frame[:24, :32] = 220, 60, 60  # top left
  path = tmp_path / 'a.mp4'
  write(path, [frame] * 3)
  _turn(path, clockwise)
  reader = video.VideoReader(path)
  want = np.rot90(frame, -clockwise // 90)
  assert reader.info.rotation == (360 - clockwise) % 360
  assert reader.size == (want.shape[1], want.shape[0])
  got = next(iter(reader))
  assert got.shape == want.shape
  assert np.abs(got.astype(int) - want).mean() < 4


def test_pixels_become_square(tmp_path, video_file):
  path = video_file(
    tmp_path / 'a.mp4', plain(3, 64, 48), aspect=Fraction(15, 16)
  )
  reader = video.VideoReader(path)
  assert reader.size == (60, 48)
  assert next(iter(reader)).shape == (48, 60, 3)


def test_constant_rate_gives_each_frame_once(tmp_path):
  write(tmp_path / 'a.mp4', plain(30))
  reader = video.VideoReader(tmp_path / 'a.mp4')
  assert [number(f) for f in reader.frames(25)] == list(range(30))


@pytest.mark.parametrize(
  ('source', 'wanted', 'count'),
  [
    (30, 25, 50),
    (25, 30, 60),
    (50, 25, 50),
    (12.5, 25, 50),
    (Fraction(30000, 1001), 25, 50),
    (25, 10, 20),
    (10, 60, 120),
  ],
)
def test_frames_at_another_rate_are_the_nearest(
  tmp_path, source, wanted, count
):
  frames = plain(round(2 * float(source)))
  write(tmp_path / 'a.mp4', frames, fps=source)
  got = [
    number(f) for f in video.VideoReader(tmp_path / 'a.mp4').frames(wanted)
  ]
  assert len(got) == count
  for index, shown in enumerate(got):
    at, period = index / wanted, 1 / float(source)
    nearest = min(at / period, len(frames) - 1)
    assert abs(shown - nearest) <= 0.5 + 1e-3, index


def test_variable_rate_is_sampled_by_time(tmp_path, video_file):
  times = [0, 40, 80, 400, 440, 1000, 1040, 1080]
  path = video_file(tmp_path / 'a.mkv', plain(8), times_ms=times)
  got = [number(f) for f in video.VideoReader(path).frames(25)]
  want = [
    int(np.argmin(np.abs(np.array(times) - at)))
    for at in range(0, times[-1] + 1, 40)
  ]
  assert got[: len(want)] == want
  assert [number(f) for f in video.VideoReader(path)] == list(range(8))


def test_frames_that_are_due_again_are_not_converted_again(tmp_path):
  write(tmp_path / 'a.mp4', plain(5), fps=5)
  got = list(video.VideoReader(tmp_path / 'a.mp4').frames(25))
  assert len({id(f) for f in got}) == 5


def test_reading_can_start_again_and_stop_early(tmp_path):
  write(tmp_path / 'a.mp4', plain(20))
  with video.VideoReader(tmp_path / 'a.mp4') as reader:
    assert number(next(iter(reader))) == 0
    half_read = iter(reader)
    next(half_read)
    assert len(list(reader)) == 20
  with pytest.raises(StopIteration):
    next(half_read)


def test_file_cut_in_half_gives_what_there_is_and_a_warning(
  tmp_path, caplog, speech_like
):
  path = tmp_path / 'a.mp4'
  rng = np.random.default_rng(0)
  frames = [rng.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(50)]
  write(path, frames, audio=(speech_like(2, 16000), 16000))
  data = path.read_bytes()
  path.write_bytes(data[: len(data) // 2])
  count = len(list(video.VideoReader(path)))
  assert 10 < count < 40
  assert 'is the file cut off' in caplog.text


def test_file_without_its_index_is_an_error(tmp_path):
  path = tmp_path / 'a.mp4'
  path.write_bytes(b'\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41' + b'\0' * 999)
  with pytest.raises(errors.InputError, match='is none or is cut off'):
    video.VideoReader(path)


def test_pictures_that_cannot_be_decoded_are_an_error(tmp_path):
  path = tmp_path / 'a.mp4'
  write(path, plain(5))
  data = bytearray(path.read_bytes())
  start = data.find(b'mdat') + 4
  data[start:] = bytes(len(data) - start)
  path.write_bytes(bytes(data))
  with pytest.raises(errors.InputError, match='none that can be decoded'):
    video.VideoReader(path)


@pytest.mark.parametrize(
  ('make', 'found'),
  [
    (lambda path: None, 'no such file'),
    (pathlib.Path.mkdir, 'a directory'),
    (pathlib.Path.touch, 'an empty file'),
    (lambda path: path.write_text('moving words\n' * 50), 'that is none'),
  ],
)
@pytest.mark.parametrize('call', [video.VideoReader, video.probe])
def test_bad_files_are_one_line_with_path_and_finding(
  tmp_path, make, found, call
):
  path = tmp_path / 'a.mp4'
  make(path)
  with pytest.raises(errors.InputError) as error:
    call(path)
  message = str(error.value)
  assert str(path) in message and found in message and '\n' not in message


def test_sound_file_is_no_video(tmp_path, sound_file, speech_like):
  path = sound_file(
    tmp_path / 'a.wav', speech_like(0.1, 16000), 16000, 'pcm_s16le'
  )
  with pytest.raises(
    errors.InputError, match='with pictures, found only audio'
  ):
    video.VideoReader(path)


def test_cover_art_of_a_song_is_no_video(tmp_path):
  path = tmp_path / 'a.mp3'
  with av.open(str(path), 'w') as container:
    sound = container.add_stream('libmp3lame', rate=16000)
    sound.layout = 'mono'
    cover = container.add_stream('png', rate=1)
    cover.width, cover.height, cover.pix_fmt = 64, 48, 'rgb24'
    cover.disposition = av.stream.Disposition.attached_pic
    picture = av.VideoFrame.from_ndarray(plain(1)[0], format='rgb24')
    container.mux([*cover.encode(picture), *cover.encode(None)])
    silence = np.zeros((1, 16000), np.int32)
    frame = av.AudioFrame.from_ndarray(silence, 's32p', 'mono')
    frame.sample_rate = 16000
    container.mux([*sound.encode(frame), *sound.encode(None)])
  with pytest.raises(errors.InputError, match='found only audio, cover art'):
    video.VideoReader(path)
  assert len(audio.load(path)) == 16000


def test_real_clips_read_at_their_length(shared):
  folder = shared / 'samples'
  paths = [
    *sorted((folder / 'video').glob('d1[28].mp4')),
    *sorted((folder / 'grid').glob('*.mpg'))[:1],
  ]
  assert len(paths) == 3
  for path in paths:
    with video.VideoReader(path) as reader:
      count = sum(1 for _ in reader)
      assert reader.num_frames in (None, count), path
      frame = next(iter(reader))
      assert frame.shape == (reader.size[1], reader.size[0], 3)
      assert 20 < frame.mean() < 235
      resampled = sum(1 for _ in reader.frames(25))
      assert abs(resampled - count * 25 / reader.fps) <= 1, path
