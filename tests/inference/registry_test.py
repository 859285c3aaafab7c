"""Which motion goes with which renderer, by bundle and options."""

import dataclasses
import pathlib

import pytest

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import cards
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import registry

SOUND = ('expnet', 'posevae')
DRAWING = ('recon', 'keypoint_detector', 'generator', 'mapping')


def _bundle(*networks: str, basis: str | None = 'bfm') -> bundle_lib.Bundle:
  """A bundle whose card names networks; nothing is loaded."""
  entry = cards.NetworkEntry({}, 1, ())
  card = cards.Card(256, dict.fromkeys(networks, entry), (), {}, '', {}, basis)
  return dataclasses.replace(
    bundle_lib.load(), name='mine', folder=pathlib.Path('mine'), card=card
  )


DEFAULT = bundle_lib.load()
RELEASED = _bundle(*SOUND, *DRAWING)
LEARNED = _bundle(*SOUND, basis='makehuman')
WHOLE = _bundle(*SOUND, *DRAWING, basis='makehuman')
DRAWS = _bundle(*DRAWING)


@pytest.mark.parametrize(
  'bundle, motion, renderer, want',
  [
    (DEFAULT, 'auto', 'auto', ('phonetic', 'puppet')),
    (DEFAULT, 'baseline', 'puppet', ('baseline', 'puppet')),
    # Its networks ship, but are not the best motion.
    (DEFAULT, 'learned', 'auto', ('learned', 'puppet')),
    (RELEASED, 'auto', 'auto', ('learned', 'neural')),
    (RELEASED, 'auto', 'puppet', ('phonetic', 'puppet')),
    (RELEASED, 'phonetic', 'auto', ('phonetic', 'puppet')),
    (RELEASED, 'baseline', 'auto', ('baseline', 'puppet')),
    (RELEASED, 'learned', 'auto', ('learned', 'neural')),
    (LEARNED, 'auto', 'auto', ('learned', 'puppet')),
    (LEARNED, 'learned', 'puppet', ('learned', 'puppet')),
    (LEARNED, 'baseline', 'puppet', ('baseline', 'puppet')),
    (WHOLE, 'auto', 'auto', ('learned', 'neural')),
    (WHOLE, 'baseline', 'neural', ('baseline', 'neural')),
    (WHOLE, 'learned', 'puppet', ('learned', 'puppet')),
    # The best renderer of the named motion's face model.
    (WHOLE, 'baseline', 'auto', ('baseline', 'neural')),
  ],
)
def test_any_two_of_one_face_model_go_together(bundle, motion, renderer, want):
  options = options_lib.Options(motion=motion, renderer=renderer)
  assert registry.choose(bundle, options) == want


@pytest.mark.parametrize(
  'bundle, motion, renderer, message',
  [
    (DRAWS, 'learned', 'auto', "'mine' lacks expnet, posevae"),
    (DEFAULT, 'auto', 'neural', "'default' lacks recon"),
    (RELEASED, 'learned', 'puppet', "makehuman.*'puppet'.*'learned'.*bfm"),
    (RELEASED, 'baseline', 'neural', "bfm.*'neural'.*'baseline'.*makehuman"),
    (_bundle(*SOUND), 'learned', 'auto', "makehuman.*'learned'.*bfm"),
    # No silent step down to the puppet.
    (DRAWS, 'auto', 'auto', "'learned' lacks expnet, posevae and 'phonetic'"),
    (DEFAULT, 'loud', 'auto', "motion: expected one of auto .*found 'loud'"),
    (DEFAULT, 'auto', 'oil', "renderer: expected one of auto .*found 'oil'"),
  ],
)
def test_what_does_not_go_together_is_one_line(
  bundle, motion, renderer, message
):
  options = options_lib.Options(motion=motion, renderer=renderer)
  with pytest.raises(errors.InputError, match=message) as caught:
    registry.choose(bundle, options)
  assert '\n' not in str(caught.value)
