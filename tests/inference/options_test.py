"""Options describe and check themselves."""

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.inference import options as options_lib


@pytest.mark.parametrize(
  'name, value, message',
  [
    ('still', 'false', 'still: expected true or false'),
    ('seed', -1, 'seed: expected 0 to 4294967295'),
    ('seed', 1.5, 'seed: expected a whole number'),
    ('seed', True, 'seed: expected a whole number'),
    ('fps', float('nan'), 'fps: expected 1 to 120'),
    ('fps', '25', 'fps: expected a number'),
    ('pose_style', 46, 'pose_style: expected 0 to 45'),
    ('size', 300, 'size: expected 256, 512'),
    ('size', 0, 'size: expected 256, 512'),
    ('box', (1, 2, 3), 'box: expected four numbers'),
    ('input_yaw', (), 'input_yaw: expected one or more angles'),
    ('input_yaw', (91.0,), 'from -90 to 90'),
    ('input_yaw', (float('nan'),), 'from -90 to 90'),
    ('input_yaw', 5.0, 'input_yaw: expected one or more angles'),
    ('ref_pose', 3, 'ref_pose: expected a path'),
    ('enhancer', 'x', 'enhancer: expected one of gfpgan'),
    ('crop', '9x16', 'crop: expected a format such as 9:16'),
    ('crop', '1:9', 'crop: expected a format such as 9:16'),
    ('crf', 55, 'crf: expected 0 to 51 for h264'),
    ('codec', 'theora', 'codec: expected one of h264 hevc av1'),
    ('background_enhancer', 'gfpgan', 'expected one of realesrgan'),
    ('preprocess', None, 'preprocess: expected one of crop'),
    ('motion', '', 'motion: expected a name'),
  ],
)
def test_impossible_values_are_refused(name, value, message):
  with pytest.raises(errors.InputError, match=message):
    options_lib.Options(**{name: value})


def test_long_values_are_shown_in_part():
  with pytest.raises(errors.InputError) as caught:
    options_lib.Options(preprocess='x' * 5000)
  assert len(str(caught.value)) < 400


def test_numbers_of_numpy_are_numbers():
  options = options_lib.Options(seed=np.int64(3), fps=np.float32(30))
  assert options == options_lib.Options(seed=3, fps=30.0)


def test_paths_may_be_text():
  options = options_lib.Options(ref_pose='a.mp4')
  assert options.ref_pose.name == 'a.mp4'


def test_changes_by_name():
  start = options_lib.Options(seed=3)
  assert options_lib.changed(start, {'still': True}) == options_lib.Options(
    seed=3, still=True
  )
  assert options_lib.changed(None, {}) == options_lib.Options()
  with pytest.raises(errors.InputError, match='found sede'):
    options_lib.changed(start, {'sede': 1})


def test_every_option_says_what_it_is():
  for spec in options_lib.specs():
    assert spec.help.endswith('.'), spec.name
    assert spec.checked(spec.default) == spec.default
    assert bool(spec.choices) == (spec.kind in ('name', 'graded')), spec.name
