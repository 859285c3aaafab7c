"""What a puppet must do, on the portrait that ships."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from sadtalker_jax.face3d.rasterize import rasterizer
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.puppet import (
  drawing,
  fitted_portrait,
  openings,
  puppet_renderer,
  skin,
)
from tests.inference.puppet import posing

_SKIN = jax.jit(posing.skin, static_argnames='size')  # compiled once


def _holes(portrait, rows: np.ndarray) -> np.ndarray:
  """Pixels [B, H, W] that no skin covers."""
  prepared = portrait.prepared
  draw = functools.partial(_SKIN, prepared.rig, size=prepared.size)
  return np.stack([np.asarray(draw(jnp.asarray(row))[1]) > 0.5 for row in rows])


def _windows(portrait) -> np.ndarray:
  """Distance [H, W, 3] of every pixel from eyes and mouth, in decimetre."""
  height, width = portrait.prepared.size
  y, x = np.indices((height, width)) + 0.5
  centres = np.asarray(portrait.prepared.rig.planes_rest)[:3, 0]
  pixel = np.stack([x, y], -1)[:, :, None]
  away = np.linalg.norm(pixel - centres, axis=-1)
  return away / float(portrait.prepared.rig.pixels)


def test_takes_of_one_picture_are_fitted_once(portrait, monkeypatch):
  fitted = []

  def fit(picture, bundle, options):
    fitted.append(options.size)
    return dataclasses.replace(portrait.source, picture=picture)

  monkeypatch.setattr(fitted_portrait, 'prepare', fit)
  renderer = puppet_renderer.PuppetRenderer(bundle_lib.load())
  picture = portrait.source.picture.copy()
  first = renderer.portrait(picture, options_lib.Options(seed=1))
  again = renderer.portrait(picture, options_lib.Options(pose_style=3))
  assert again is first
  assert renderer.prepare(again) is renderer.prepare(first)
  renderer.portrait(picture, options_lib.Options(size=512))
  picture[0, 0] += 1
  changed = renderer.portrait(picture, options_lib.Options(size=512))
  assert fitted == [256, 512, 512]
  assert (changed.picture != first.picture).any()
  assert renderer.prepare(changed) is not renderer.prepare(first)


def test_own_coefficients_give_the_photo_back(portrait):
  frame = portrait.render(portrait.source.row[None])[0]
  error = np.abs(frame - portrait.photo()).max(-1)
  # Only the softened rims of eyes and lips may differ.
  assert error.mean() < 0.5  # rounding to whole numbers is 0.25
  assert (error > 8).mean() < 2e-3


def test_frames_do_not_depend_on_the_batch(portrait):
  rows = portrait.rows({'jawOpen': 0.3}, {'yaw': 6.0}, {'eyeBlinkLeft': 1.0})
  draw = functools.partial(portrait.renderer.render, [portrait.prepared])
  filled = np.pad(rows, ((0, 5), (0, 0)), mode='edge')
  together = np.asarray(draw((filled,)))
  np.testing.assert_array_equal(together[3:], together[[2] * 5])
  together = together[:3]
  alone = np.concatenate([draw((row[None],)) for row in rows])
  difference = together.astype(int) - alone
  assert np.abs(difference).max() <= 1


def test_a_single_frame_is_stored_between_steps_too():
  """XLA takes loops of one round apart: each use computed a step anew."""

  @jax.jit
  def doubled(rows, count):
    return puppet_renderer._each(count, lambda row: 2 * row, rows)

  rows = jnp.arange(3.0)[None]
  np.testing.assert_array_equal(doubled(rows, np.int32(1)), 2 * rows)
  text = doubled.lower(rows, np.int32(1)).compile().as_text()
  assert ' while(' in text


def test_surroundings_never_show_through_the_face(portrait):
  """A white face over black surroundings stays white up to its outline."""
  prepared = portrait.prepared
  rig = jax.tree.map(np.asarray, prepared.rig)
  texture, rest = np.full_like(rig.texture, 255.0), rig.rest.copy()
  texture[:16, :16] = 0.0
  rest[rig.sheet.min() :] = 8.0 - rig.margin
  painted = jax.device_put(
    rig._replace(
      texture=texture,
      alpha=np.ones_like(rig.alpha),
      rest=rest,
      folds=np.zeros_like(rig.folds),
    )
  )
  ways = [{'jawOpen': j, 'yaw': y} for j in (-0.7, 0.7) for y in (-20.0, 20.0)]
  surface = jax.jit(lambda row: _face_positions(painted, row))
  triangles = np.concatenate([rig.face, rig.caps])
  for row in portrait.rows({}, *ways):
    colour, _ = _SKIN(painted, jnp.asarray(row), size=prepared.size)
    front = rasterizer.rasterize(
      surface(jnp.asarray(row)), triangles, *prepared.size
    )
    shown = np.asarray(front.triangle_id)
    # Where skin appears that the photo does not show, surroundings go on.
    face = (shown >= 0) & ((shown < rig.seen) | (shown >= len(rig.face)))
    # Ramps reach less than two pixels inwards, corners and diagonals too.
    around = np.ones((5, 5), bool)
    inner = ndimage.binary_erosion(face, around, border_value=1)
    shade = np.asarray(colour)[inner]
    assert shade.min() > 242.0  # end of the ramp; no slivers let light through
    assert np.asarray(colour).min() < 1.0


def _face_positions(rig, row):
  """Positions of a rig's vertices for a row, as the renderer poses them."""
  coefficients = drawing.frame_coefficients(row)
  return drawing.pose(
    rig, skin.vertices(rig, coefficients), rig.expression, coefficients
  ).positions()


def _opened(
  prepared: puppet_renderer.PreparedPuppet, row: np.ndarray
) -> np.ndarray:
  """Shares [H, W] of a frame's pixels that are open."""
  found = _SKIN(prepared.rig, jnp.asarray(row), size=prepared.size)
  return np.asarray(found[1])


def test_contours_are_ramps(portrait):
  """Coverage goes from none to all over one and a half pixels at the least."""
  rows = portrait.rows({'jawOpen': 0.5})
  prepared = portrait.prepared
  opened = _opened(prepared, rows[0])
  steps = np.abs(np.diff(opened, axis=0)).max(0)
  steps = steps[steps > 0.3]
  assert len(steps) > 20
  assert 1.0 / np.median(steps) >= 1.5


@pytest.mark.parametrize('yaw', [-20.0, 20.0])
def test_turned_head_has_no_holes(portrait, yaw):
  rows = portrait.rows({'yaw': yaw}, {'yaw': yaw, 'pitch': 8.0, 'roll': 6.0})
  holes = _holes(portrait, rows)
  # Eyes and mouth are open; nowhere else may the skin be.
  elsewhere = _windows(portrait).min(-1) > 0.7
  assert holes[:, elsewhere].sum() == 0


def test_jaw_opens_the_mouth_step_by_step(portrait):
  rows = portrait.rows(*({'jawOpen': v} for v in (0.0, 0.2, 0.4, 0.8)))
  near_mouth = _windows(portrait).argmin(-1) == 2
  areas = _holes(portrait, rows)[:, near_mouth].sum(-1)
  assert (np.diff(areas) > 20).all(), areas


def test_closed_lips_leave_no_opening(portrait):
  areas = _holes(portrait, portrait.rows({'jawOpen': 0.0}, {'jawOpen': 0.4}))
  near_mouth = _windows(portrait).argmin(-1) == 2
  closed, opened = areas[:, near_mouth].sum(-1)
  assert closed < 0.12 * opened


def test_less_light_enters_between_lips_that_are_pushed_forward(portrait):
  rows = portrait.rows({'jawOpen': 0.3}, {'jawOpen': 0.3, 'mouthPucker': 0.5})
  prepared = portrait.prepared
  near_mouth = _windows(portrait).argmin(-1) == 2
  frames = portrait.render(rows)
  height, width = frames.shape[1:3]
  plain, rounded = (
    frame[(near_mouth & (_opened(prepared, row) > 0.9))[:height, :width]]
    for frame, row in zip(frames, rows, strict=True)
  )
  # By the median of real talkers .7; the red of the flesh is kept most.
  fading = np.median(rounded, 0) / np.median(plain, 0)
  assert (fading < 0.8).all()
  assert fading[0] > fading[2]


def test_blink_closes_the_lids(portrait):
  both = {'eyeBlinkLeft': 1.0, 'eyeBlinkRight': 1.0}
  areas = _holes(portrait, portrait.rows({}, both))
  near_eyes = _windows(portrait).argmin(-1) != 2
  opened, closed = areas[:, near_eyes].sum(-1)
  assert opened > 50
  assert closed < 0.2 * opened


def test_window_that_is_pasted_does_not_move_at_its_border(pasted_portrait):
  rows = pasted_portrait.rows({}, {'yaw': 15.0, 'roll': 8.0, 'jawOpen': 0.5})
  frames = pasted_portrait.render(rows).astype(int)
  difference = np.abs(frames[1] - frames[0]).max(-1)
  border = [difference[0], difference[-1], difference[:, 0], difference[:, -1]]
  assert max(line.max() for line in border) <= 2
  assert difference.max() > 40  # while the head does move


def test_background_rests_behind_a_head_that_turns(portrait):
  """What the matte leaves out, and the head does not hide, does not change."""
  rows = portrait.rows({}, {'yaw': -8.0}, {'yaw': 8.0})
  frames = portrait.render(rows).astype(int)
  rig, (width, height) = portrait.prepared.rig, portrait.source.frame_size
  x, y = portrait.source.margin
  alpha = np.asarray(rig.alpha)[y : y + height, x : x + width, 0]
  far = ndimage.distance_transform_edt(alpha == 0) / float(rig.pixels)
  assert (far > 0.2).mean() > 0.05
  assert np.abs(frames[1:] - frames[0])[:, far > 0.2].max() <= 1


def test_shoulders_and_background_rest_when_the_head_turns(pasted_portrait):
  rows = pasted_portrait.rows({}, {'yaw': 8.0})
  frames = pasted_portrait.render(rows).astype(int)
  difference = np.abs(frames[1] - frames[0]).mean(-1)
  source = pasted_portrait.source
  chin = source.to_frame(source.landmarks[152, :2])[1]
  chest = int(chin + 0.9 * float(pasted_portrait.prepared.rig.pixels))
  brow = int(source.to_frame(source.landmarks[9, :2])[1])
  assert difference[chest:].mean() < 1.0
  assert difference[brow : int(chin)].mean() > 4.0


def test_frame_function_agrees_with_and_without_compilation(portrait):
  """XLA on CPU has miscompiled before; every renderer has this check."""
  row = portrait.rows({'jawOpen': 0.3, 'yaw': 4.0})[0]
  prepared = portrait.prepared
  frame, opened = posing.skin(prepared.rig, jnp.asarray(row), prepared.size)
  plain = openings.fill(
    prepared.rig, (jnp.asarray(row), frame, opened), prepared.windows
  )
  compiled = portrait.render(row[None])[0].astype(int)
  height, width = prepared.frame
  difference = np.abs(compiled - np.asarray(plain)[:height, :width])
  # A pixel on an edge may fall to either side.
  assert (difference > 1).mean() < 1e-3
