"""Cuts between the shots of a film."""

import numpy as np

from sadtalker_jax.faces import shots


def test_flicker_is_no_cut_and_another_room_is():
  cuts = shots.Detector()
  rng = np.random.default_rng(0)
  room = rng.integers(0, 120, (90, 120, 3)).astype(np.uint8)
  bright = (room.astype(int) + 10).astype(np.uint8)
  other = (255 - room).astype(np.uint8)
  found = [
    cuts.is_cut(p) for p in (room, bright, room, other, other, room[:50])
  ]
  assert found == [False, False, False, True, False, True]
