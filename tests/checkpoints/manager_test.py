"""Which checkpoints of a run are kept."""

import numpy as np
import pytest

from sadtalker_jax.checkpoints import keeping, manager


@pytest.mark.parametrize(('metric', 'sign'), [('l1', 1), ('x,-l1', -1)])
def test_the_best_of_before_a_stop_is_kept(tmp_path, metric, sign):
  figures = {1: 3.0, 2: 1.0, 3: 2.0, 4: 5.0, 5: 4.0, 6: None}
  for part in ((1, 2, 3), (4, 5, 6)):
    found = manager.Manager(tmp_path, keep_last=1, keep_best=2, metric=metric)
    for step in part:
      metrics = figures[step] and {'l1': sign * figures[step]}
      found.save(step, {'x': np.ones(2)}, {}, {}, metrics)
      found.wait()
    kept = found.steps
    found.close()
  assert kept == [2, 3, 6]


def test_the_first_best_metric_that_was_measured_counts():
  assert keeping.figure('lpips,-ssim', {'ssim': 0.5}) == -0.5
  assert keeping.figure('lpips,-ssim', {'ssim': 0.5, 'lpips': 0.2}) == 0.2
  assert keeping.figure('lpips', {}) is None
  assert keeping.figure('', {'ssim': 0.5}) is None
