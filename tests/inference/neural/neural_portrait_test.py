"""The portrait as the networks see it, with a reconstruction that is noise."""

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.faces import crop, recon
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.neural import face_finders, neural_portrait
from sadtalker_jax.media import image
from sadtalker_jax.models import zoo


class Given:
  """A finder that returns given points."""

  def __init__(self, points: np.ndarray):
    self.points = points

  def find(self, picture, options):
    return self.points

  def follow(self, path, fps):
    return self.points[None]


@pytest.fixture(scope='module')
def picture() -> np.ndarray:
  return image.load(bundle.SAMPLE_PORTRAIT)


@pytest.fixture(scope='module')
def points(picture) -> np.ndarray:
  finder = face_finders.MeshFinder(bundle.load())
  return finder.find(picture, options_lib.Options())


@pytest.fixture(scope='module')
def reconstructor() -> recon.Reconstructor:
  return recon.Reconstructor(zoo.noise('recon'))


def _prepare(picture, points, reconstructor, **options):
  return neural_portrait.prepare(
    picture, Given(points), reconstructor, options_lib.Options(**options)
  )


@pytest.mark.parametrize('mode', ['crop', 'extcrop', 'resize', 'full'])
def test_square_shows_the_crop_and_the_row_has_its_place(
  picture, points, reconstructor, mode
):
  source = _prepare(picture, points, reconstructor, preprocess=mode)
  assert source.square.shape == (256, 256, 3)
  assert source.row.shape == (73,)
  assert np.isfinite(source.row).all()
  x0, y0, x1, y1 = source.window.box
  assert source.window.paste == (mode == 'full')
  if mode == 'full':
    assert source.frame_size == (256, 256)
  else:
    # The frames get the shape of the crop back.
    assert source.frame_size[0] == 256
    assert abs(source.frame_size[1] - 256 * (y1 - y0) / (x1 - x0)) <= 1
  # The crop's scale, ratio of the aligned face to the square, is that of the
  # landmarks.
  inside = crop.to_square(points, tuple(int(v) for v in (x0, y0, x1, y1)), 256)
  span = np.linalg.norm(inside[36:42].mean(0) - inside[42:48].mean(0))
  assert source.row[70] * span == pytest.approx(102 * 0.62, rel=0.15)


def test_released_crop_is_cut_to_the_picture(picture, points, reconstructor):
  # Low in a wide picture, where the published limit is the width (quirk Q17).
  wide = picture[: int(points[:, 1].max()) + 4]
  source = _prepare(wide, points, reconstructor, release_crop=True)
  assert source.window.box[3] <= len(wide)


def test_a_face_outside_is_refused(picture, reconstructor, points):
  with pytest.raises(errors.InputError, match='outside'):
    _prepare(picture, points + 2000, reconstructor)
  with pytest.raises(errors.InputError, match='outside'):
    _prepare(picture, points + [0, 900], reconstructor, release_crop=True)


def test_exact_crops_need_the_networks():
  with pytest.raises(errors.InputError, match='retinaface and fan'):
    face_finders.choose(bundle.load(), options_lib.Options(release_crop=True))
