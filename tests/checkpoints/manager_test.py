"""Which checkpoints of a run are kept."""

import numpy as np

from sadtalker_jax.checkpoints import manager


def test_the_best_of_before_a_stop_is_kept(tmp_path):
  figures = {1: 3.0, 2: 1.0, 3: 2.0, 4: 5.0, 5: 4.0, 6: None}
  for part in ((1, 2, 3), (4, 5, 6)):
    found = manager.Manager(tmp_path, keep_last=1, keep_best=2, metric='l1')
    for step in part:
      metrics = figures[step] and {'l1': figures[step]}
      found.save(step, {'x': np.ones(2)}, {}, {}, metrics)
      found.wait()
    kept = found.steps
    found.close()
  assert kept == [2, 3, 6]
