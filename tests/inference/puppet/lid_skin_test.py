"""Lids that are made once, and slide out from under the crease."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference.puppet import (
  drawing,
  lid_drawing,
  lid_skin,
  openings,
)
from sadtalker_jax.inference.puppet import rig as rig_lib

SHUT = {'eyeBlinkLeft': 1.0, 'eyeBlinkRight': 1.0}
LUMA = np.array([0.299, 0.587, 0.114])


def _strips(portrait, row, frame) -> list[np.ndarray]:
  """Luminance [R, C] of both lids, from the crease to below the rim.

  Rows are pixels of the frame; the rim is `_BELOW` rows above the end.
  """
  rig = portrait.prepared.rig
  posed = drawing.pose(
    rig,
    rig.vertices,
    rig.expression,
    drawing.frame_coefficients(jnp.asarray(row)),
  )
  points = np.asarray(posed.points)
  strips = []
  for upper, _ in np.asarray(rig.lid_rims):
    rim = points[upper]
    width = rim[-1, 0] - rim[0, 0]
    columns = np.linspace(rim[0, 0], rim[-1, 0], 41)[8:-8]
    line = np.interp(columns, rim[:, 0], rim[:, 1])
    reach = round(0.4 * width)
    rows = line + np.arange(-reach, _BELOW)[:, None]
    at = np.round(rows - 0.5).astype(int), np.round(columns - 0.5).astype(int)
    strips.append(frame[at] @ LUMA)
  return strips


_BELOW = 5  # pixels of a frame of 256


@pytest.fixture(scope='module')
def shut(portrait) -> list[np.ndarray]:
  rows = portrait.rows(SHUT)
  return _strips(portrait, rows[0], portrait.render(rows)[0].astype(float))


def test_nothing_of_the_lid_is_seen_in_the_photo(portrait):
  rig, windows = portrait.prepared.rig, portrait.prepared.windows
  own = drawing.frame_coefficients(rig.source)
  for eye in (0, 1):
    centre = openings.posed_planes(rig, own)[eye, 0]
    pixels = drawing.pixel_centres((windows[eye],) * 2) + centre
    pixels = pixels - 0.5 * windows[eye]
    lid = lid_drawing.lid(rig, own, eye, pixels)
    np.testing.assert_array_equal(lid.share, 0.0)
    np.testing.assert_array_equal(lid.left, 1.0)
    np.testing.assert_array_equal(lid.apart, 1.0)


def test_shut_lids_meet_in_a_dark_line(shut):
  for strip in shut:
    lid = np.median(strip[: -2 * _BELOW])
    rim = strip[-2 * _BELOW :].min(0)
    assert np.median(rim) < 0.7 * lid
    assert (rim < 0.85 * lid).all()  # without a gap


def test_shut_lids_are_no_smear(shut):
  """Skin drawn out over an eye has streaks: it changes sideways alone."""
  for strip in shut:
    lid = strip[: -2 * _BELOW]
    assert np.abs(np.diff(lid, axis=0)).max() < 40.0
    across = np.abs(np.diff(lid, axis=1)).mean()
    down = np.abs(np.diff(lid, axis=0)).mean()
    assert across < 1.6 * down


def test_lids_take_the_colour_of_lighter_skin(portrait, rig):
  """Lashes and a dark band above the eye are not spread over the lid."""
  model = bundle_lib.load().model
  ids, _ = rig_lib.face_part(model)
  points = rig.rest[: len(ids)] + rig.margin
  texture = np.full_like(portrait.source.texture, 180.0)
  for upper, _ in rig.lid_rims:
    rim = points[upper]
    width = rim[-1, 0] - rim[0, 0]
    y, x = np.indices(texture.shape[:2]) + 0.5
    above = np.interp(x, rim[:, 0], rim[:, 1]) - y
    band = (above > 0.0) & (above < 0.3 * width)
    band &= (x > rim[0, 0]) & (x < rim[-1, 0])
    texture[band] = 40.0
  made = lid_skin.build(model, ids, points, texture)
  middle = made.colour[:, :, lid_skin.COLUMNS // 4 : -lid_skin.COLUMNS // 4]
  assert middle.min() > 120.0
  # What is as dark up to the crease is shadow or make-up, not lashes.
  third = lid_skin.COLUMNS // 3
  assert made.lashes[:, :, third:-third].min() > 0.9


def test_lids_slide_and_do_not_stretch(portrait):
  """What is seen of a lid goes down with its rim."""
  rig = jax.tree.map(np.asarray, portrait.prepared.rig)
  ramp = np.linspace(0.0, 255.0, lid_skin.ROWS)[None, :, None, None]
  rig = rig._replace(
    lid_colour=np.broadcast_to(ramp, rig.lid_colour.shape).astype(np.float32)
  )
  half, whole = (
    drawing.frame_coefficients(row)
    for row in portrait.rows({k: 0.6 for k in SHUT}, SHUT)
  )
  for eye in (0, 1):
    upper = rig.lid_rims[eye, 0]
    seen = []
    for state in (half, whole):
      posed = drawing.pose(
        rig, rig.vertices[upper], rig.expression[:, upper], state
      )
      middle = np.asarray(posed.points)[len(upper) // 2]
      # Four pixels above the rim.
      at = jnp.asarray(middle - np.array([0.0, 4.0]))[None, None]
      lid = lid_drawing.lid(rig, state, eye, at)
      assert float(lid.share[0, 0]) > 0.9
      seen.append(float(lid.colour[0, 0, 0]))
    assert abs(seen[0] - seen[1]) < 12.0
