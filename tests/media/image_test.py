"""Pictures of all kinds in, PNG out."""

import io
import os
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, TiffImagePlugin
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import image

HOPPER = (
  pathlib.Path(image.__file__).parents[1]
  / 'inference'
  / 'data'
  / 'grace_hopper.jpg'
)


def gradient(width: int = 80, height: int = 64) -> np.ndarray:
  """A picture without two equal corners, uint8 [H, W, 3]."""
  y, x = np.mgrid[0:height, 0:width]
  red, green = 255 * x // (width - 1), 255 * y // (height - 1)
  return np.stack([red, green, 255 - red], axis=-1).astype(np.uint8)


def grey16(height: int = 64, width: int = 80) -> np.ndarray:
  return np.linspace(0, 65535, height * width).reshape(height, width).round()


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.tiff', '.ppm', '.webp'])
def test_lossless_formats_give_their_pixels(tmp_path, suffix):
  path = tmp_path / f'a{suffix}'
  Image.fromarray(gradient()).save(
    path, **({'lossless': True} if suffix == '.webp' else {})
  )
  got = image.load(path)
  assert got.dtype == np.uint8 and got.flags.writeable
  np.testing.assert_array_equal(got, gradient())


def test_shipped_portrait_is_a_colour_photograph():
  picture = image.load(HOPPER)
  assert picture.shape == (600, 512, 3)
  assert np.abs(picture[..., 0].astype(int) - picture[..., 2]).mean() > 10


def test_content_decides_not_the_suffix(tmp_path):
  Image.fromarray(gradient()).save(tmp_path / 'a.jpg', format='PNG')
  np.testing.assert_array_equal(image.load(tmp_path / 'a.jpg'), gradient())


@pytest.mark.parametrize(
  ('orientation', 'shown'),
  [
    (1, lambda p: p),
    (2, lambda p: p[:, ::-1]),
    (3, lambda p: p[::-1, ::-1]),
    (4, lambda p: p[::-1]),
    (5, lambda p: p.transpose(1, 0, 2)),
    (6, lambda p: np.rot90(p, -1)),
    (7, lambda p: p[::-1, ::-1].transpose(1, 0, 2)),
    (8, lambda p: np.rot90(p, 1)),
  ],
)
def test_exif_orientation_is_applied(tmp_path, orientation, shown):
  exif = Image.Exif()
  exif[0x0112] = orientation
  for name, options in (('a.png', {}), ('a.jpg', {'quality': 98})):
    Image.fromarray(gradient()).save(tmp_path / name, exif=exif, **options)
    got = image.load(tmp_path / name).astype(int)
    want = shown(gradient())
    assert got.shape == want.shape
    assert np.abs(got - want).mean() < (1 if name == 'a.png' else 4)


def test_transparent_parts_show_white(tmp_path):
  alpha = np.zeros((64, 80, 1), np.uint8)
  alpha[:32], alpha[32:40] = 255, 102
  rgba = np.concatenate([gradient(), alpha], axis=2)
  Image.fromarray(rgba).save(tmp_path / 'a.png')
  got = image.load(tmp_path / 'a.png')
  np.testing.assert_array_equal(got[:32], gradient()[:32])
  assert (got[40:] == 255).all()
  want = gradient()[32:40] * 0.4 + 255 * 0.6
  np.testing.assert_allclose(got[32:40], want, atol=1)


def test_grey_with_alpha_and_transparent_palette(tmp_path):
  grey = gradient()[..., 0]
  alpha = np.full_like(grey, 255)
  alpha[32:] = 0
  Image.fromarray(np.stack([grey, alpha], -1)).save(tmp_path / 'la.png')
  got = image.load(tmp_path / 'la.png')
  np.testing.assert_array_equal(got[:32, :, 1], grey[:32])
  assert (got[32:] == 255).all()

  indexed = Image.new('P', (80, 64), 0)
  indexed.putpalette([10, 20, 30, 200, 100, 50])
  indexed.paste(1, (0, 0, 40, 64))
  indexed.save(tmp_path / 'p.png', transparency=0)
  got = image.load(tmp_path / 'p.png')
  assert (got[:, :40] == [200, 100, 50]).all() and (got[:, 40:] == 255).all()
  indexed.save(tmp_path / 'p.png')
  assert (image.load(tmp_path / 'p.png')[:, 40:] == [10, 20, 30]).all()
  indexed.save(tmp_path / 'p.png', transparency=bytes([0, 255]))
  assert (image.load(tmp_path / 'p.png')[:, 40:] == 255).all()


@pytest.mark.parametrize('mode', ['L', '1'])
def test_grey_becomes_three_equal_channels(tmp_path, mode):
  Image.fromarray(gradient()).convert(mode).save(tmp_path / 'a.png')
  got = image.load(tmp_path / 'a.png')
  assert got.shape == (64, 80, 3)
  assert (got[..., :1] == got).all() and got.max() - got.min() > 150


@pytest.mark.parametrize('suffix', ['.png', '.tiff'])
def test_16_bits_are_scaled_to_8(tmp_path, suffix):
  sixteen = grey16().astype(np.uint16)
  Image.fromarray(sixteen).save(tmp_path / f'a{suffix}')
  got = image.load(tmp_path / f'a{suffix}')
  assert got.shape == (64, 80, 3)
  np.testing.assert_allclose(got[..., 1], sixteen / 257, atol=0.5 + 1e-9)


def test_16_bit_colour_is_scaled_to_8(tmp_path):
  # Pillow cannot write it: a PNG by hand.
  sixteen = gradient().astype('>u2') * 257
  rows = b''.join(b'\0' + row.tobytes() for row in sixteen)

  def chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack('>I', zlib.crc32(kind + data))
    return struct.pack('>I', len(data)) + kind + data + check

  (tmp_path / 'a.png').write_bytes(
    b'\x89PNG\r\n\x1a\n'
    + chunk(b'IHDR', struct.pack('>IIBBBBB', 80, 64, 16, 2, 0, 0, 0))
    + chunk(b'IDAT', zlib.compress(rows))
    + chunk(b'IEND', b'')
  )
  got = image.load(tmp_path / 'a.png')
  np.testing.assert_allclose(got, gradient(), atol=1)


def test_8_bits_kept_as_32_are_not_black(tmp_path):
  grey = np.arange(6400).reshape(80, 80) % 256
  Image.fromarray(grey.astype(np.int32)).save(tmp_path / 'a.tif')
  np.testing.assert_array_equal(image.load(tmp_path / 'a.tif')[:, :, 0], grey)


def test_previews_of_raw_files_are_refused(tmp_path):
  picture = Image.new('RGB', (160, 120))
  for name, value in ((254, 1), (50706, b'\1\4\0\0')):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[name] = value
    picture.save(tmp_path / 'a.dng', 'TIFF', tiffinfo=tags)
    with pytest.raises(errors.InputError, match='the raw file of a camera'):
      image.load_first_frame(tmp_path / 'a.dng')


def test_values_beyond_16_bits_are_an_error(tmp_path):
  Image.fromarray(np.full((64, 80), 70000, np.int32)).save(tmp_path / 'a.tiff')
  with pytest.raises(errors.InputError, match='from 70000 to 70000'):
    image.load(tmp_path / 'a.tiff')
  Image.fromarray(np.ones((64, 80), np.float32)).save(tmp_path / 'b.tiff')
  with pytest.raises(errors.InputError, match='found floating point'):
    image.load(tmp_path / 'b.tiff')


def test_cmyk_becomes_rgb(tmp_path):
  Image.fromarray(gradient()).convert('CMYK').save(
    tmp_path / 'a.jpg', quality=98
  )
  got = image.load(tmp_path / 'a.jpg')
  assert np.abs(got.astype(int) - gradient()).mean() < 3


def test_first_picture_of_an_animation_counts(tmp_path):
  first, second = (Image.new('RGB', (64, 64), c) for c in ('red', 'blue'))
  for suffix in ('gif', 'png', 'webp'):
    options = {'lossless': True} if suffix == 'webp' else {}
    path = tmp_path / f'a.{suffix}'
    first.save(path, save_all=True, append_images=[second], **options)
    assert (image.load(path) == [255, 0, 0]).all(), suffix
    assert (image.load_first_frame(path) == [255, 0, 0]).all(), suffix


@pytest.mark.parametrize('size', [(60, 60), (8000, 60), (60, 16384)])
def test_sizes_within_the_limits_load(tmp_path, size):
  Image.new('L', size, 128).save(tmp_path / 'a.png')
  assert image.load(tmp_path / 'a.png').shape == (size[1], size[0], 3)


def test_8000_by_8000_pixels_load(tmp_path):
  Image.new('RGB', (8000, 8000), (10, 20, 30)).save(
    tmp_path / 'a.png', compress_level=1
  )
  got = image.load(tmp_path / 'a.png')
  assert got.shape == (8000, 8000, 3)
  assert got[7999, 7999].tolist() == [10, 20, 30]


@pytest.mark.parametrize('size', [(59, 200), (200, 59), (1, 1), (60, 16385)])
def test_sizes_beyond_the_limits_are_an_error(tmp_path, size):
  Image.new('L', size).save(tmp_path / 'a.png')
  with pytest.raises(errors.InputError) as error:
    image.load(tmp_path / 'a.png')
  assert f'found {size[0]} x {size[1]}' in str(error.value)


def test_decompression_bomb_is_an_error(tmp_path):
  Image.new('1', (16000, 12000)).save(tmp_path / 'a.png')
  with pytest.raises(errors.InputError, match='178 million pixels'):
    image.load(tmp_path / 'a.png')


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'gif', 'webp', 'tiff', 'bmp'])
@pytest.mark.parametrize('share', [0.02, 0.3, 0.7])
def test_cut_off_file_is_an_error(tmp_path, suffix, share):
  noise = np.random.default_rng(0).integers(0, 256, (100, 90, 3), np.uint8)
  path = tmp_path / f'a.{suffix}'
  Image.fromarray(noise).save(path)
  data = path.read_bytes()
  path.write_bytes(data[: int(len(data) * share)])
  with pytest.raises(errors.InputError) as error:
    image.load(path)
  assert str(path) in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('make', 'found'),
  [
    (lambda path: None, 'no such file'),
    (pathlib.Path.mkdir, 'a directory'),
    (pathlib.Path.touch, 'an empty file'),
    (lambda path: path.write_text('a thousand words\n'), 'that is none'),
    (
      lambda path: path.write_bytes(b'%!PS-Adobe-3.0 EPSF-3.0\n'),
      'a PostScript document',
    ),
    (
      lambda path: path.write_text('<!-- made by hand -->\n<svg/>'),
      'an SVG drawing',
    ),
    (lambda path: path.write_bytes('<svg/>'.encode('utf-16')), 'an SVG'),
    (lambda path: path.write_bytes(b'\x1f\x8b\x08' * 30), 'a gzip file'),
    (lambda path: path.write_text('<!DOCTYPE html>\n404'), 'a web page'),
    (
      lambda path: path.write_bytes(b'\x89PNG\n\x1a\n' * 9),
      'a damaged PNG file',
    ),
  ],
)
@pytest.mark.parametrize('call', [image.load, image.load_first_frame])
def test_bad_files_are_one_line_with_path_and_finding(
  tmp_path, make, found, call
):
  path = tmp_path / 'portrait.png'
  make(path)
  with pytest.raises(errors.InputError) as error:
    call(path)
  message = str(error.value)
  assert str(path) in message and found in message and '\n' not in message


def test_names_longer_than_the_system_allows_are_an_error():
  for name in ('x' * 5000, 'a\0b.png', 'a\nb.png'):
    with pytest.raises(errors.InputError, match='expected an image file') as e:
      image.load(name)
    assert str(e.value).isprintable()


def test_first_frame_of_a_video(tmp_path, video_file):
  frames = [np.full((64, 80, 3), level, np.uint8) for level in (200, 50, 50)]
  path = video_file(tmp_path / 'a.mkv', frames)
  got = image.load_first_frame(path)
  assert got.shape == (64, 80, 3)
  np.testing.assert_allclose(got, 200, atol=2)
  with pytest.raises(errors.InputError, match='expected an image file'):
    image.load(path)


def test_first_frame_of_a_video_that_is_too_small(tmp_path, video_file):
  path = video_file(tmp_path / 'a.mp4', [np.zeros((48, 64, 3), np.uint8)])
  with pytest.raises(errors.InputError, match='found 64 x 48'):
    image.load_first_frame(path)


def test_picture_without_suffix_is_a_picture(tmp_path):
  Image.fromarray(gradient()).save(tmp_path / 'portrait', format='PNG')
  np.testing.assert_array_equal(
    image.load_first_frame(tmp_path / 'portrait'), gradient()
  )


@pytest.mark.parametrize('suffix', ['.ico', '.icns', ''])
def test_of_an_icon_the_largest_size_counts(tmp_path, suffix):
  path = tmp_path / f'a{suffix}'
  kind = 'ICNS' if suffix == '.icns' else 'ICO'
  Image.new('RGB', (256, 256), 'red').save(path, format=kind)
  assert image.load_first_frame(path).shape[:2] >= (256, 256)
  assert image.load_first_frame(path)[9, 9].tolist() == [255, 0, 0]


def test_what_is_neither_picture_nor_video_is_an_error(tmp_path):
  (tmp_path / 'a.mov').write_bytes(bytes(range(256)) * 9)
  with pytest.raises(errors.InputError, match='an image or a video file'):
    image.load_first_frame(tmp_path / 'a.mov')


def test_png_round_trip_and_no_overwriting(tmp_path):
  path = tmp_path / 'a.png'
  image.save_png(path, gradient())
  np.testing.assert_array_equal(image.load(path), gradient())
  with pytest.raises(errors.InputError, match='not overwritten'):
    image.save_png(path, gradient())
  image.save_png(path, gradient()[::-1], overwrite=True)
  np.testing.assert_array_equal(image.load(path), gradient()[::-1])
  assert os.listdir(tmp_path) == ['a.png']


def test_failed_saving_leaves_nothing(tmp_path, monkeypatch):
  def broken(self: Image.Image, file: io.BytesIO, format: str) -> None:
    pathlib.Path(file).write_bytes(b'half')
    raise OSError('disk on fire')

  monkeypatch.setattr(Image.Image, 'save', broken)
  with pytest.raises(OSError, match='fire'):
    image.save_png(tmp_path / 'a.png', gradient())
  assert os.listdir(tmp_path) == []


def test_png_of_other_shapes_is_refused(tmp_path):
  for bad in (gradient()[..., 0], gradient().astype(np.float32)):
    with pytest.raises(ValueError, match='expected a picture uint8'):
      image.save_png(tmp_path / 'a.png', bad)
  with pytest.raises(errors.InputError, match='No such file or directory'):
    image.save_png(tmp_path / 'no' / 'a.png', gradient())


def test_real_pictures_load(shared):
  paths = sorted((shared / 'samples' / 'image').iterdir())
  assert len(paths) >= 9
  for path in paths:
    picture = image.load(path)
    assert picture.shape[2] == 3 and 20 < picture.mean() < 240, path
