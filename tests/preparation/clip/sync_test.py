import numpy as np
import pytest

from sadtalker_jax.ops import mfcc
from sadtalker_jax.preparation.clip import sync

FRAMES = 150


def talk(rng: np.random.Generator, delay: int = 0):
  """Sound of syllables and a mouth that opens with them."""
  loud = np.convolve(
    rng.uniform(0, 1, FRAMES + 40) > 0.8, np.hanning(7), 'same'
  )
  loud[60:90] = 0  # a pause
  heard = loud[20 - delay : 20 - delay + FRAMES]
  wave = np.repeat(heard, 640) * rng.normal(0, 4000, FRAMES * 640)
  points = np.zeros((FRAMES, 478, 3), np.float32)
  points[:, 263, 0] = 100  # the eyes are 100 pixels apart
  points[:, 14, 1] = 20 * loud[20 : 20 + FRAMES]
  return wave.clip(-32768, 32767).astype(np.int16), points


@pytest.mark.parametrize('delay', [-6, 0, 9])
def test_delay_of_the_sound_is_measured(delay):
  sound, points = talk(np.random.default_rng(0), delay)
  found = sync.by_loudness(sound, points)
  assert abs(found.frames - delay) <= 1 and found.confidence > 0.6


def test_lips_that_have_nothing_to_do_with_the_sound_have_no_offset():
  sound, _ = talk(np.random.default_rng(1))
  _, points = talk(np.random.default_rng(2))
  found = sync.by_loudness(sound, points)
  assert found.frames == 0 and found.confidence < 0.5


def test_speech_is_told_from_silence_hum_and_still_lips():
  rng = np.random.default_rng(0)
  sound, points = talk(rng)
  assert not sync.silent(sound)[0] and sync.speaks(sound, points)[0]
  assert sync.silent(sound // 3000)[0]
  hum = (3000 * rng.standard_normal(len(sound))).astype(np.int16)
  assert not sync.speaks(hum, points)[0]
  assert not sync.speaks(sound, np.repeat(points[:1], FRAMES, 0))[0]


@pytest.mark.parametrize('delay', [-4, 0, 7])
def test_syncnet_embeddings_are_compared_at_all_offsets(delay, monkeypatch):
  """Embeddings that know their time: the sound's, `delay` frames later."""
  rng = np.random.default_rng(0)
  known = rng.normal(0, 1, (FRAMES + 40, 64))
  calls = {'lips': 0, 'sound': 0}

  def lips(_, frames):
    first = calls['lips']
    calls['lips'] += frames.shape[1] - 4
    return known[20 + first : 20 + first + frames.shape[1] - 4][None]

  def sound(_, windows):
    first = calls['sound'] - delay
    calls['sound'] += len(windows)
    return known[20 + first : 20 + first + len(windows)]

  monkeypatch.setattr(sync, '_embed_lips', lips)
  monkeypatch.setattr(sync, '_embed_sound', sound)
  frames = np.zeros((60, 32, 32, 3), np.uint8)
  points = np.zeros((60, 478, 3), np.float32)
  points[:, 0], points[:, 1] = (8, 8, 0), (24, 24, 0)
  found = sync.by_syncnet(frames, np.zeros(60 * 640, np.int16), points, {})
  assert found.frames == delay and found.confidence > 5


def test_mfcc_is_its_definition_term_by_term():
  rng = np.random.default_rng(0)
  wave = (3000 * rng.standard_normal(900)).astype(np.int16)
  found = mfcc.mfcc(wave)
  assert found.shape == (5, 13)  # 1 + ceil(500 / 160)
  sharp = [float(wave[0])] + [
    float(wave[n]) - 0.97 * float(wave[n - 1]) for n in range(1, 900)
  ]
  sharp += [0.0] * 400
  spectrum = np.fft.rfft(sharp[160:560], 512)
  power = np.abs(spectrum) ** 2 / 512

  def mel(hertz):
    return 2595 * np.log10(1 + hertz / 700)

  corners = [
    int(513 * 700 * (10 ** (mel(8000) * i / 27 / 2595) - 1) / 16000)
    for i in range(28)
  ]
  bands = []
  for low, peak, high in zip(corners, corners[1:], corners[2:], strict=False):
    total = 0.0
    for b in range(257):
      if low <= b < peak:
        total += power[b] * (b - low) / (peak - low)
      elif peak <= b < high:
        total += power[b] * (high - b) / (high - peak)
    bands.append(np.log(total))
  for k in range(1, 13):
    cosines = np.cos(np.pi * k * (2 * np.arange(26) + 1) / 52)
    value = np.sqrt(2 / 26) * float(np.dot(bands, cosines))
    value *= 1 + 11 * np.sin(np.pi * k / 22)
    assert found[1, k] == pytest.approx(value, abs=1e-3)
  assert found[1, 0] == pytest.approx(np.log(power.sum()), abs=1e-4)


def test_mfcc_of_nothing_and_of_silence():
  assert np.isfinite(mfcc.mfcc(np.zeros(10))).all()
  with pytest.raises(ValueError, match='L > 0'):
    mfcc.mfcc(np.zeros(0))
