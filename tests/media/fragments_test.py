"""Fragments are an mp4 file, in time from the first to the last."""

import fractions
import io

import av
import numpy as np
import pytest

from sadtalker_jax.media import fragments


@pytest.mark.parametrize(
  ('fps', 'rate'),
  [
    (fractions.Fraction(25), 16_000),
    (fractions.Fraction(30_000, 1001), 48_000),
  ],
)
def test_every_frame_is_there_at_its_time(fps, rate):
  encoder = fragments.Fragments((64, 48), fps, rate)
  sound = np.sin(np.arange(rate) * 2 * np.pi * 440 / rate).astype(np.float32)
  data, sent = encoder.header, []
  for i in range(20):
    part = sound[int(i * rate / fps) : int((i + 1) * rate / fps)]
    frame = np.full((48, 64, 3), 10 * i, np.uint8)
    sent.append(encoder.add(frame, part / 2))
  assert all(b'moof' in each for each in sent)  # nothing is held back
  data += b''.join(sent) + encoder.finish()
  with av.open(io.BytesIO(data)) as container:
    frames = list(container.decode(video=0))
  times = [float(frame.time) for frame in frames]
  np.testing.assert_allclose(times, np.arange(20) / float(fps), atol=1e-4)
  levels = [frame.to_ndarray(format='rgb24').mean() for frame in frames]
  np.testing.assert_allclose(levels, 10 * np.arange(20), atol=4)
  with av.open(io.BytesIO(data)) as container:
    blocks = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
  heard = np.concatenate(blocks)
  count = int(20 * rate / fps)
  inner = slice(2048, count - 1024)
  found = np.corrcoef(heard[inner], sound[inner])[0, 1]
  assert found > 0.99  # not shifted by the encoder's start-up
