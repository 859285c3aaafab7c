"""Streams are measured, and their lips are nearly those of recordings."""

import pytest

from sadtalker_jax import errors
from sadtalker_jax.benchmarks import live_speed
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.media import audio
from tests.inference.live import streams


def test_lines_tell_of_latency_and_lips(monkeypatch):
  """Drawn by nothing; lips are real."""
  bundle = bundle_lib.load()
  monkeypatch.setattr(live_speed, '_UTTERANCES', 1)
  monkeypatch.setattr(
    live_speed,
    '_core',
    lambda motion, ahead, size: streams.clock(bundle, ahead=ahead),
  )
  lines = list(live_speed.run([0.16], 1.0, 64, together=2, minutes=0.01))
  assert [line['what'] for line in lines] == [
    'stage', 'stage', 'first frame', 'stream', 'lips', 'interrupted',
    'together', 'lasting',
  ]  # fmt: skip
  assert 0 < lines[2]['ms']
  # Sound waits for its look-ahead, and for its frame.
  assert lines[3]['latency_ms'] > 155
  assert lines[3]['parts'] - lines[3]['idle'] == 25
  assert lines[4]['r'] > 0.94
  # Five milliseconds of fade, and the mouth shuts at once.
  assert lines[5]['sound_after_ms'] <= 5
  assert lines[5]['parts_until_shut'] <= 2
  assert len(lines[6]['drawn_per_second']) == 2
  # The same at the start and at the end, and in time.
  assert abs(lines[7]['clock_ms']) < 0.05
  assert min(lines[7]['r']) > 0.94
  assert max(map(abs, lines[7]['lag_ms'])) < 20


def test_lips_with_little_look_ahead_are_nearly_as_good():
  wave = audio.load(bundle_lib.SAMPLE_SPEECH)
  assert live_speed.lips_of('phonetic', wave, 0.08)['r'] > 0.9
  with pytest.raises(errors.InputError, match='--seconds: expected 1 or more'):
    next(live_speed.run([0.1], 0.5, 64))
