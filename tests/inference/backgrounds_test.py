"""Other backgrounds: what goes together, colours, pictures, opacity."""

import numpy as np
from PIL import Image
import pytest

from sadtalker_jax import errors
from sadtalker_jax.inference import backgrounds
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.puppet import background_drawer


@pytest.mark.parametrize(
  'choices, said',
  [
    ({'background': 'greenish'}, 'background: expected a colour such as'),
    ({'background': 'beach.jpg'}, 'pictures: background_image'),
    ({'background': 'red', 'background_image': 'a.png'}, 'found both'),
    (
      {'background': 'red', 'preprocess': 'full'},
      'preprocess crop, extcrop or',
    ),
    ({'background': 'transparent'}, 'vp9, webp, png for a transparent'),
    (
      {'background': 'transparent', 'codec': 'vp9', 'label': 'AI'},
      'label: expected none with a transparent background',
    ),
  ],
)
def test_what_does_not_go_together_is_refused(choices, said):
  with pytest.raises(errors.InputError, match=said):
    options_lib.Options(**choices)


def test_colours_by_name_and_number():
  for text in ('#1e90ff', 'dodgerblue', 'rgb(30, 144, 255)'):
    shown = backgrounds.Background.of(text, None).filled((5, 3))
    assert shown.shape == (3, 5, 3)
    assert (shown == (30, 144, 255)).all()


def test_a_picture_covers_the_frames(tmp_path):
  """Of a wide one the ends are left out, which are white here."""
  wide = np.full((80, 200, 3), 255, np.uint8)
  wide[:, 60:140] = 50, 100, 150
  Image.fromarray(wide).save(tmp_path / 'wide.png')
  path = tmp_path / 'wide.png'
  shown = backgrounds.Background.of(None, path).filled((20, 20))
  assert np.abs(shown[:, 2:-2].astype(int) - (50, 100, 150)).max() <= 1


class _Sheet:
  """Draws one layer before a background, as puppets do."""

  mixes = False
  reach = 0

  def __init__(self, colour, opacity):
    self.colour, self.opacity = colour, opacity

  def before(self, prepared, background):
    return background

  def render(self, portraits, inputs):
    (behind,) = portraits
    share = self.opacity[..., None]
    return np.rint(share * self.colour + (1 - share) * behind)[None].astype(
      np.uint8
    )


def test_opacity_is_what_two_backgrounds_leave():
  opacity = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
  sheet = _Sheet(np.array([200.0, 120.0, 40.0]), opacity)
  drawer = background_drawer.BackgroundDrawer(sheet, backgrounds.Background())
  levels = (np.zeros((3, 4, 3)), np.full((3, 4, 3), 255.0))
  scene = background_drawer.PreparedScene(levels)
  (frame,) = np.asarray(drawer.render([scene], ()))
  assert np.abs(frame[..., 3] / 255 - opacity).max() < 0.005
  seen = opacity > 0.3
  assert np.abs(frame[seen][:, :3] - [200.0, 120.0, 40.0]).max() < 4
