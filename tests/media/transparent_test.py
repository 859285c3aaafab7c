"""Files that can be transparent: ProRes, VP9, WebP, folders of PNG."""

import av
import numpy as np
from PIL import Image
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import audio, encoding, video

TONE = (0.3 * np.sin(np.arange(8000) / 9)).astype(np.float32), 16000


@pytest.fixture(scope='module')
def frames() -> np.ndarray:
  """A soft disc that moves, [10, 48, 64, 4]."""
  y, x = np.mgrid[:48, :64]
  discs = [
    np.clip(355 - 12 * np.hypot(x - 20 - 2 * t, y - 24), 0, 255)
    for t in range(10)
  ]
  colour = np.stack([3 * x, 4 * y, 0 * x + 90], -1)
  return np.stack(
    [np.concatenate([colour, disc[..., None]], -1) for disc in discs]
  ).astype(np.uint8)


def _write(folder, codec, frames):
  chosen = encoding.Encoding(codec=codec)
  path = folder / f'disc{chosen.suffix}'
  with video.VideoWriter(path, fps=20, audio=TONE, encoding=chosen) as writer:
    for frame in frames:
      writer.write(frame)
  return path


def _decoded(path) -> np.ndarray:
  """Frames [T, H, W, 4] as editors and browsers see them."""
  if path.suffix == '.webp':
    with Image.open(path) as picture:
      shown = []
      for number in range(picture.n_frames):
        picture.seek(number)
        shown.append(np.asarray(picture.convert('RGBA')))
      return np.stack(shown)
  if path.is_dir():
    pictures = [Image.open(file) for file in sorted(path.glob('*.png'))]
    return np.stack([np.asarray(p.convert('RGBA')) for p in pictures])
  with av.open(str(path)) as container:
    (stream,) = container.streams.video
    context = stream.codec_context
    if path.suffix == '.webm':  # FFmpeg's own decoder leaves the opacity out
      context = av.codec.CodecContext.create('libvpx-vp9', 'r')
    found = [
      f for packet in container.demux(stream) for f in context.decode(packet)
    ]
    return np.stack([frame.to_ndarray(format='rgba') for frame in found])


@pytest.mark.parametrize(
  'codec, most', [('prores', 2), ('vp9', 12), ('webp', 4), ('png', 0)]
)
def test_opacity_and_sound_come_back(tmp_path, frames, codec, most):
  path = _write(tmp_path, codec, frames)
  found = _decoded(path)
  assert found.shape == frames.shape
  away = np.abs(found.astype(int) - frames)
  assert away[..., 3].max() <= most
  assert away[frames[..., 3] == 255][:, :3].mean() < 4
  if codec != 'webp':
    wave = audio.load(path / 'sound.wav' if path.is_dir() else path)
    assert abs(len(wave) - 8000) < 400 and np.abs(wave).max() > 0.2


@pytest.mark.parametrize('codec', encoding.CLEAR)
def test_the_same_codecs_without_opacity(tmp_path, frames, codec):
  path = _write(tmp_path, codec, frames[..., :3])
  assert (_decoded(path)[..., 3] == 255).all()


def test_h264_has_no_opacity_and_leaves_nothing(tmp_path, frames):
  with pytest.raises(errors.InputError, match='webp, png for transp'):
    _write(tmp_path, 'h264', frames)
  assert not list(tmp_path.iterdir())


def test_names_go_with_codecs(tmp_path):
  with pytest.raises(errors.InputError, match='ends in .webm, found'):
    video.VideoWriter(
      tmp_path / 'a.mp4', fps=25, encoding=encoding.Encoding(codec='vp9')
    )
  with pytest.raises(errors.InputError, match='crf: expected none for prores'):
    encoding.Encoding(codec='prores', crf=20)


def test_a_folder_of_pictures_is_whole_or_not_there(tmp_path, frames):
  path = tmp_path / 'disc.frames'
  chosen = encoding.Encoding(codec='png')

  def write(count):
    with video.VideoWriter(
      path, fps=20, encoding=chosen, tags={'comment': 'made'}
    ) as writer:
      for frame in frames[:, :47]:  # as high as they are
        writer.write(frame)
        if writer.num_frames == count:
          raise KeyboardInterrupt

  left = tmp_path / '.disc.frames.0123456789ab.part'
  left.mkdir()  # by a killed process
  (left / '.lock').touch()
  with pytest.raises(KeyboardInterrupt):
    write(3)
  assert not list(tmp_path.iterdir())
  write(len(frames) + 1)
  names = sorted(file.name for file in path.iterdir())
  assert names == [f'{k:06d}.png' for k in range(len(frames))]
  np.testing.assert_array_equal(_decoded(path), frames[:, :47])
  with Image.open(path / names[0]) as picture:
    assert picture.info['comment'] == 'made'
  with pytest.raises(errors.InputError, match='found a directory'):
    write(1)
  assert len(list(path.iterdir())) == len(frames)
