"""A fitted portrait that many tests share."""

import dataclasses

import numpy as np
import pytest

from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.puppet import (
  cutout,
  fitted_portrait,
  puppet_renderer,
)
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.media import image


@dataclasses.dataclass(frozen=True)
class Portrait:
  """A fitted portrait and the puppet that draws it."""

  source: fitted_portrait.FittedPortrait
  renderer: puppet_renderer.PuppetRenderer
  prepared: puppet_renderer.PreparedPuppet

  def rows(self, *changes: dict[str, float]) -> np.ndarray:
    """Rows [B, 70] of the source with units set and angles (degrees) added."""
    names = bundle_lib.load().model.expression_names
    rows = np.tile(self.source.row, (len(changes), 1))
    for row, change in zip(rows, changes, strict=True):
      for name, value in change.items():
        if name in ('pitch', 'yaw', 'roll'):
          axis = ('pitch', 'yaw', 'roll').index(name)
          row[64 + axis] += np.radians(value)
        else:
          row[names.index(name)] = value
    return rows

  def render(self, rows: np.ndarray) -> np.ndarray:
    """Frames [B, H, W, 3] of rows [B, 70]; few batches, few compilations."""
    count = len(rows)
    whole = np.pad(rows, ((0, -count % 8), (0, 0)), mode='edge')
    frames = self.renderer.render([self.prepared], (whole,))
    return np.asarray(frames)[:count]

  def photo(self) -> np.ndarray:
    """The frame [H, W, 3] as the photo has it."""
    x, y = self.source.margin
    width, height = self.source.frame_size
    return self.source.texture[y : y + height, x : x + width]


def _portrait(mode: options_lib.Preprocess) -> Portrait:
  bundle = bundle_lib.load()
  picture = image.load(bundle_lib.SAMPLE_PORTRAIT)
  options = options_lib.Options(preprocess=mode)
  source = fitted_portrait.prepare(picture, bundle, options)
  renderer = puppet_renderer.PuppetRenderer(bundle)
  return Portrait(source, renderer, renderer.prepare(source))


@pytest.fixture(scope='session')
def portrait() -> Portrait:
  return _portrait('crop')


@pytest.fixture(scope='session')
def pasted_portrait() -> Portrait:
  return _portrait('full')


@pytest.fixture(scope='session')
def rig(portrait) -> rig_lib.Rig:
  return rig_lib.build(
    portrait.source, bundle_lib.load().model, cutout.build(portrait.source)
  )
