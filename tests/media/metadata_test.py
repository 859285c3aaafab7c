"""Good pixels load, whatever their metadata is like."""

import io
import struct

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin
import pillow_heif
import pytest

from sadtalker_jax import errors
from sadtalker_jax.media import image, metadata

FORMATS = {'JPEG': 'jpg', 'PNG': 'png', 'WEBP': 'webp'}


def _picture() -> np.ndarray:
  """64 x 96 with a bright corner at the top left."""
  picture = np.zeros((96, 64, 3), np.uint8)
  picture[:32, :20] = 255
  return picture


def _exif(turn: bytes, *more: bytes) -> bytes:
  """EXIF data of entries of 12 bytes."""
  entries = [*more, turn]
  head = b'Exif\0\0II*\0' + struct.pack('<IH', 8, len(entries))
  return head + b''.join(entries) + bytes(4)


def _entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
  return struct.pack('<HHI', tag, kind, count) + value.ljust(4, b'\0')


TURNED = {
  'short': _exif(_entry(0x112, 3, 1, struct.pack('<H', 6))),
  'long': _exif(_entry(0x112, 4, 1, struct.pack('<I', 6))),
  'text': _exif(_entry(0x112, 2, 2, b'6\0')),
  'wrong type beside it': _exif(
    _entry(0x112, 3, 1, struct.pack('<H', 6)), _entry(0x11A, 2, 3, b'ab\0')
  ),
  'offset beyond the end beside it': _exif(
    _entry(0x112, 3, 1, struct.pack('<H', 6)),
    _entry(0x11A, 10, 1, struct.pack('<I', 10**9)),
  ),
}


@pytest.mark.parametrize('kind', FORMATS)
@pytest.mark.parametrize('exif', TURNED.values(), ids=TURNED)
def test_turn_is_read_whatever_stands_beside_it(tmp_path, kind, exif):
  path = tmp_path / f'a.{FORMATS[kind]}'
  Image.fromarray(_picture()).save(path, kind, exif=exif)
  loaded = image.load(path)
  assert loaded.shape == (64, 96, 3)
  assert loaded[5, -5].min() > 200  # the corner is at the top right


@pytest.mark.parametrize('kind', FORMATS)
@pytest.mark.parametrize(
  'exif',
  [
    b'Exif\0\0',
    b'Exif\0\0II*\0\xff\xff\xff\xff',
    b'Exif\0\0garbage of all kinds',
    _exif(_entry(0x112, 3, 1, struct.pack('<H', 99))),
    _exif(_entry(0x112, 12, 1, bytes(4))),
    _exif(_entry(0x11A, 3, 1, bytes(4)))[:-9],
  ],
)
def test_unreadable_turn_leaves_the_picture_as_it_is(tmp_path, kind, exif):
  path = tmp_path / f'a.{FORMATS[kind]}'
  Image.fromarray(_picture()).save(path, kind, exif=exif)
  loaded = image.load(path)
  assert loaded.shape == (96, 64, 3) and loaded[5, 5].min() > 200


def test_tiff_with_tags_of_wrong_types_is_read_and_turned(tmp_path):
  tags = TiffImagePlugin.ImageFileDirectory_v2()
  tags[0x112] = 6
  tags.tagtype[0x11A] = 10  # a signed rational
  tags[0x11A] = TiffImagePlugin.IFDRational(-1, 3)
  tags.tagtype[0x9286] = 2
  tags[0x9286] = 'a comment that should not be text'
  Image.fromarray(_picture()).save(tmp_path / 'a.tif', tiffinfo=tags)
  assert image.load(tmp_path / 'a.tif').shape == (64, 96, 3)


def test_texts_of_megabytes_do_not_matter(tmp_path):
  texts = PngImagePlugin.PngInfo()
  texts.add_text('prompt', 'x' * 80_000_000, zip=True)
  path = tmp_path / 'a.png'
  Image.fromarray(_picture()).save(path, pnginfo=texts, exif=TURNED['short'])
  assert image.load(path).shape == (64, 96, 3)


def test_damaged_chunk_of_text_does_not_matter(tmp_path):
  texts = PngImagePlugin.PngInfo()
  texts.add_text('prompt', 'a text', zip=True)
  path = tmp_path / 'a.png'
  Image.fromarray(_picture()).save(path, pnginfo=texts)
  data = bytearray(path.read_bytes())
  place = data.index(b'zTXt') + 12
  data[place : place + 6] = b'\xff' * 6
  path.write_bytes(data)
  np.testing.assert_array_equal(image.load(path), _picture())


@pytest.mark.parametrize('kind', FORMATS)
def test_file_without_metadata_has_the_same_pixels(kind):
  data = io.BytesIO()
  Image.fromarray(_picture()).save(data, kind, exif=TURNED['text'])
  plain, turn = metadata.pixels_only(data.getvalue())
  assert turn == 6 and len(plain) < len(data.getvalue())
  one, other = (Image.open(io.BytesIO(d)) for d in (data.getvalue(), plain))
  np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize('kind', FORMATS)
def test_damaged_pixels_are_still_an_error(tmp_path, kind):
  path = tmp_path / f'a.{FORMATS[kind]}'
  noise = np.random.default_rng(0).integers(0, 256, (96, 64, 3), np.uint8)
  Image.fromarray(noise).save(path, kind, exif=TURNED['text'])
  path.write_bytes(path.read_bytes()[:1500])
  with pytest.raises(errors.InputError, match='cut off or damaged|damaged one'):
    image.load(path)


@pytest.mark.parametrize('call', [image.load, image.load_first_frame])
def test_heic_of_several_tiles_is_used_whole(shared, call):
  picture = call(shared / 'cases' / 'grid.heic')
  assert picture.shape == (1800, 1536, 3)
  assert picture.std(axis=(0, 1)).min() > 20


@pytest.mark.parametrize('suffix', ['.heic', '.jpg', ''])
def test_heic_is_upright_under_any_name(tmp_path, suffix):
  made = pillow_heif.from_pillow(Image.fromarray(_picture()))
  made.save(tmp_path / f'a{suffix}', quality=-1)
  loaded = image.load_first_frame(tmp_path / f'a{suffix}')
  assert loaded.shape == (96, 64, 3) and loaded[5, 5].min() > 200


@pytest.mark.parametrize('brand', [b'mif2', b'tmap', b'isom'])
def test_heic_of_other_first_brands_is_read(tmp_path, brand):
  made = pillow_heif.from_pillow(Image.fromarray(_picture()))
  made.save(tmp_path / 'a.heic', quality=-1)
  data = (tmp_path / 'a.heic').read_bytes()
  (tmp_path / 'a.heic').write_bytes(data[:8] + brand + data[12:])
  assert image.load_first_frame(tmp_path / 'a.heic').shape == (96, 64, 3)


def test_damaged_heic_is_no_video(tmp_path, shared):
  data = (shared / 'cases' / 'grid.heic').read_bytes()
  path = tmp_path / 'a.bin'
  for length in (100, 1000, 100_000):
    path.write_bytes(data[:length])
    with pytest.raises(errors.InputError, match='expected a'):
      image.load_first_frame(path)


@pytest.mark.parametrize('name', ['exif_wrong_type.jpg', 'bad_exif.png'])
def test_photos_with_odd_metadata_load(shared, name):
  assert image.load(shared / 'cases' / name).shape == (600, 512, 3)


def test_drawing_is_named(shared):
  with pytest.raises(errors.InputError, match='found an SVG drawing'):
    image.load_first_frame(shared / 'cases' / 'svg.svg')
