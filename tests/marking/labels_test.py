"""Labels that people read: beside faces, whole, or refused in one line."""

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.marking import labels
from sadtalker_jax.media import lettering

SIZE = (256, 192)
MIDDLE = (64.0, 48.0, 192.0, 150.0)


def test_labels_change_their_box_only_and_can_be_read():
  frames = np.full((2, 192, 256, 3), 200, np.uint8)
  label = labels.Label('AI-generated', SIZE, [MIDDLE])
  (drawn,) = label.stream([frames])
  x0, y0, x1, y1 = label.box
  assert y0 >= MIDDLE[3] and 0 < x0 < x1 < 256 and y1 < 192
  plate = drawn[:, y0:y1, x0:x1]
  assert plate.min() < 80 and plate.max() > 240
  assert np.all(frames == 200)
  drawn[:, y0:y1, x0:x1] = 200
  np.testing.assert_array_equal(drawn, frames)


@pytest.mark.parametrize('place', labels.PLACES)
def test_places_are_kept(place):
  x0, y0, x1, y1 = labels.Label('AI', SIZE, [MIDDLE], place).box
  assert ('top' in place) == (y1 < 96)
  assert ('left' in place, 'right' in place) == (x1 < 96, x0 > 160)


def test_labels_give_way_to_faces():
  low = (0.0, 100.0, 256.0, 192.0)
  assert labels.Label('AI', SIZE, [low]).box[3] < 48
  with pytest.raises(errors.InputError, match='at the bottom of 256 x 192'):
    labels.Label('AI', SIZE, [low], 'bottom')
  with pytest.raises(errors.InputError, match='found the face there'):
    labels.Label('AI', SIZE, [(0.0, 0.0, 256.0, 192.0)])


def test_long_texts_get_smaller_letters_and_then_no_room():
  long = 'This video was made by a machine'
  assert labels.Label(long, SIZE, []).box[2] <= 256
  with pytest.raises(errors.InputError, match='at most 252 pixels for frames'):
    labels.Label(3 * long, SIZE, [])
  with pytest.raises(errors.InputError, match='frames of 48 pixels'):
    labels.Label('AI', (300, 40), [])


@pytest.mark.parametrize(
  'text, words',
  [
    ('   ', 'expected a text of 1 to 500'),
    ('x' * 501, 'found 501'),
    ('généré', "letters of the font Aileron, found 'é'.*label_font"),
    ('生成\n', 'found '),
  ],
)
def test_texts_that_cannot_be_drawn_are_refused(text, words):
  with pytest.raises(errors.InputError, match=words):
    lettering.check(text)


def test_fonts_are_files_of_fonts(tmp_path):
  path = tmp_path / 'a.ttf'
  path.write_text('hello')
  with pytest.raises(errors.InputError, match='a.ttf: expected a font'):
    lettering.check('AI', path)


def test_options_name_the_places():
  choices = options_lib.by_name()['label_place'].choices
  assert choices == (labels.AUTO, *labels.PLACES)
