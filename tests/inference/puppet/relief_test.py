"""Depth in the rim of the face: what a turn draws out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.inference.puppet import relief, skin

_PLACES = jax.jit(skin.places, static_argnames='size')  # compiled once
# Ears of the portrait that ships, across their middle: columns of the photo's
# frame, and a row, pixels of 256.
_EARS = {30.0: (46, 58, 133), -30.0: (194, 209, 133)}
# The same of a lens of its glasses, between the eye and the rim.
_LENSES = {30.0: (76, 86, 120), -30.0: (174, 187, 120)}


def _drawn(portrait, rig, yaw: float, places=_EARS) -> float:
  """How much wider the ear is that comes into view, beside the photo's."""
  first, last, height = places[yaw]
  (row,) = portrait.rows({'yaw': yaw})
  found = _PLACES(rig, jnp.asarray(row), size=portrait.prepared.size)
  face = np.asarray(found.alpha)[..., None] > 0.5
  x, y = np.moveaxis(np.where(face, found.face, found.around), -1, 0)
  ear = (x > first) & (x < last) & (np.abs(y - height) < 4)
  return ear.sum() / (8.0 * (last - first))


@pytest.mark.parametrize(('yaw', 'most'), [(-30.0, 1.9), (30.0, 1.5)])
def test_ears_keep_their_width_where_they_come_into_view(portrait, yaw, most):
  rig = portrait.prepared.rig
  flat = rig._replace(flank=jnp.zeros_like(rig.flank))
  # A real ear is 1.7 times as wide.
  assert _drawn(portrait, rig, yaw) < min(most, _drawn(portrait, flat, yaw))


@pytest.mark.parametrize('yaw', [-30.0, 30.0])
def test_lenses_of_glasses_are_no_part_of_a_temple(portrait, yaw):
  # A real one, which faces the camera, becomes narrower by a seventh.
  assert _drawn(portrait, portrait.prepared.rig, yaw, _LENSES) < 1.0


def test_flanks_lie_on_the_lines_of_sight(portrait):
  """In the pose of the photo nothing of them is seen."""
  rig = portrait.prepared.rig
  flat = rig._replace(flank=jnp.zeros_like(rig.flank))
  own = jnp.asarray(portrait.rows({})[0])
  size = portrait.prepared.size
  first, second = (_PLACES(r, own, size=size) for r in (rig, flat))
  assert np.abs(np.asarray(rig.flank)).max() > 0.1
  differs = np.abs(np.asarray(first.face) - second.face).max(-1) > 0.05
  assert differs.mean() < 1e-3  # pixels on edges may fall to either side


def test_depth_grows_where_the_photo_is_smooth():
  depth = np.zeros((4, 21))
  depth[:, 20:] = 1.0
  free = np.zeros((4, 21), bool)
  free[:, 1:20] = True
  across = np.ones((4, 20))
  across[:, 10:] = 40.0
  firm = np.ones((3, 21)), across
  found = relief.shared(depth, free, np.ones_like(free), firm)
  assert (np.diff(found, axis=1) >= -1e-9).all()
  assert found[:, 10].min() > 0.9
  np.testing.assert_allclose(found, found[:1].repeat(4, 0), atol=1e-9)


def test_depth_without_a_rim_stays():
  depth = np.arange(12.0).reshape(3, 4)
  none, every = np.zeros((3, 4), bool), np.ones((3, 4), bool)
  firm = np.ones((2, 4)), np.ones((3, 3))
  assert relief.shared(depth, none, every, firm) is depth
