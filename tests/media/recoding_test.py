"""Copies as codecs leave them."""

import os
import pathlib
import sys

import numpy as np
import pytest

from sadtalker_jax.media import recoding


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
@pytest.mark.parametrize('codec', ['libx264', 'libsvtav1'])
def test_threads_keep_their_scheduling(codec):
  if not recoding.available(codec):
    pytest.skip('this build of FFmpeg has no such encoder')

  def policies():
    tasks = pathlib.Path('/proc/self/task').iterdir()
    return {os.sched_getscheduler(int(task.name)) for task in tasks}

  before = policies()
  frames = [np.full((64, 64, 3), 100 + 10 * i, np.uint8) for i in range(4)]
  copied = recoding.recoded(frames, codec, 35)
  assert len(copied) == 4
  assert abs(copied[0].mean() - 100) < 5
  assert policies() == before
