"""The registry of networks."""

from sadtalker_jax.models import zoo


def test_the_number_of_keypoints_is_a_field():
  small = {
    'features': 8,
    'volume_features': 4,
    'depth': 4,
    'num_blocks': 1,
    'spade_hidden': 8,
    'motion_features': 8,
    'motion_max_features': 16,
    'motion_blocks': 1,
  }
  for count in (8, 15):
    params = zoo.shapes('generator', num_keypoints=count, **small)['params']
    mask = params['dense_motion']['mask']['kernel']
    assert mask.shape[-1] == count + 1  # one for the background
