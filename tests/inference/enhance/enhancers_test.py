"""From options to a larger file, with a small network full of noise."""

import fractions
import types

import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.inference import animation, portrait, rendering, tracks
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.enhance import enhancers
from sadtalker_jax.media import image, video
from sadtalker_jax.models import zoo
from tests.conversion import small


class _Still(rendering.Drawer):
  """Draws the picture."""

  mixes = False

  def prepare(self, portrait):
    return portrait.picture

  def inputs(self, prepared, track, index):
    return (prepared[None].repeat(len(index), 0),)

  def render(self, portraits, inputs):
    return jnp.asarray(inputs[0])


class _Inverted:
  """A restorer of faces; the real one compiles for long."""

  def apply(self, variables, faces):
    assert variables == {}
    return types.SimpleNamespace(image=-faces)


def _clip(enhancer):
  picture = image.load(bundle_lib.SAMPLE_PORTRAIT)
  picture = picture[:: picture.shape[0] // 96, :: picture.shape[0] // 96]
  picture = np.ascontiguousarray(picture[:96, :80])
  window = portrait.Window((0.0, 0.0, 80.0, 96.0), (80, 96), (True,) * 4, False)
  person = types.SimpleNamespace(
    picture=picture, window=window, frame_size=(80, 96)
  )
  return animation.Animation(
    person,
    tracks.still(np.zeros((3, 70))),
    fractions.Fraction(25),
    None,
    _Still(),
    2,
    enhancer=enhancer,
  )


def test_options_of_restorers_make_larger_files(monkeypatch, tmp_path):
  small.shrink(monkeypatch)
  build = zoo.build
  monkeypatch.setattr(
    zoo, 'build', lambda n: _Inverted() if n == 'restoreformer' else build(n)
  )
  default = bundle_lib.load()
  bundle = types.SimpleNamespace(
    name='noise',
    landmarker=default.landmarker,
    has=lambda name: name in ('restoreformer', 'realesrgan_x2'),
    variables=lambda name: {} if name == 'restoreformer' else zoo.noise(name),
  )
  made = enhancers.Enhancers(bundle)
  both = options_lib.Options(
    enhancer='RestoreFormer', background_enhancer='realesrgan'
  )
  assert made.get(options_lib.Options()) is None
  assert made.get(both) is made.get(both)
  clip = _clip(made.get(both))
  plain = np.concatenate(list(_clip(None).batches()))
  frames = np.concatenate(list(clip.batches()))
  assert clip.size == (160, 192) and frames.shape == (3, 192, 160, 3)
  # Noise is neither the picture nor nothing.
  away = np.abs(frames[:, ::2, ::2].astype(int) - plain)
  assert away.mean() > 5 and frames.std() > 1
  alone = made.get(options_lib.Options(background_enhancer='realesrgan'))
  path = _clip(alone).save(tmp_path / 'large.mp4')
  assert video.probe(path).size == (160, 192)
  with pytest.raises(errors.InputError, match='x4.*lacks it'):
    made.get(options_lib.Options(background_enhancer='realesrgan_x4'))
