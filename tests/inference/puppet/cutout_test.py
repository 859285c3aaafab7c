"""A portrait in two layers, on the portrait that ships."""

import numpy as np
import pytest


@pytest.mark.parametrize('mode', ['portrait', 'pasted_portrait'])
def test_a_hat_of_several_colours_is_whole(mode, request):
  """A badge as white, and as rich, as the stars of the flag behind."""
  found = request.getfixturevalue(mode)
  source = found.source
  points = source.to_frame(source.landmarks[:, :2]) + source.margin
  chin, brow = points[152], points[9]
  x, y = np.rint(brow + 0.68 * (brow - chin)).astype(int)
  reach = round(0.07 * float(np.linalg.norm(brow - chin)))
  window = np.s_[y - reach : y + reach, x - reach : x + reach]
  alpha = np.asarray(found.prepared.rig.alpha)[window]
  assert alpha.mean() > 0.9  # with `full` it was .2
