"""The benchmark of marks, on one tiny clip."""

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.benchmarks import marking, marking_copies
from sadtalker_jax.inference import bundle
from sadtalker_jax.media import image, video


def test_every_copy_gets_a_line(tmp_path, monkeypatch):
  kept = ('H.264 CRF 23', 'mirrored', 'one frame, JPEG 75', 'greyscale, CRF 23')
  every = marking_copies.copies()
  monkeypatch.setattr(
    marking_copies, 'copies', lambda: {name: every[name] for name in kept}
  )
  picture = image.load(bundle.SAMPLE_PORTRAIT)[:400, :400]
  with video.VideoWriter(tmp_path / 'a.mp4', fps=25) as writer:
    for _ in range(4):
      writer.write(np.ascontiguousarray(picture))
  *lines, cost = marking.run(str(tmp_path), 256, 4)
  payloads = {line['copy']: line['payloads'] for line in lines}
  marks = {line['copy']: line['marks'] for line in lines}
  expected = dict.fromkeys(kept, 1) | {'no mark': 0, 'wrong keys': 0}
  expected['greyscale, CRF 23'] = 0
  assert payloads == expected
  assert marks == expected | {'greyscale, CRF 23': 1}  # luma has no payload
  assert cost['psnr'] > 41.9 and cost['difference_mean'] < 1.1
  assert cost['frames_per_s'] > 0


@pytest.mark.parametrize('name', sorted(marking_copies.copies()))
def test_copies_are_frames(name):
  frames = [np.full((64, 64, 3), 100 + 10 * i, np.uint8) for i in range(4)]
  copied = marking_copies.copies()[name](frames)
  if copied is None:
    pytest.skip('this build of FFmpeg has no such encoder')
  assert len(copied) >= 1
  assert all(f.dtype == np.uint8 and f.ndim == 3 for f in copied)


def test_unmarked_files_are_counted(tmp_path):
  image.save_png(tmp_path / 'a.png', image.load(bundle.SAMPLE_PORTRAIT))
  (tmp_path / 'b.txt').write_text('no picture')
  (line,) = marking.run_unmarked(str(tmp_path))
  assert (line['clips'], line['payloads'], line['marks']) == (1, 0, 0)


def test_folders_without_videos_are_refused(tmp_path):
  with pytest.raises(errors.InputError, match='expected videos, found none'):
    next(marking.run(str(tmp_path), 256, 4))
