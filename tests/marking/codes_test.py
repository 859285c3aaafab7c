"""The error correction of a mark."""

import numpy as np
import pytest

from sadtalker_jax.marking import codes

WORD = 48


def _word(seed: int) -> np.ndarray:
  return np.random.default_rng(seed).integers(0, 2, WORD).astype(np.uint8)


def test_crc_is_the_published_one():
  bits = np.unpackbits(np.frombuffer(b'123456789', np.uint8))
  value = int(''.join(map(str, codes.crc(bits))), 2)
  assert value == 0x29B1  # check value of CRC-16/CCITT-FALSE


def test_words_are_coded_by_shifting_them_through_the_generators():
  word = _word(0)
  bits = [*word, *codes.crc(word), *[0] * codes.MEMORY]
  window, slow = [0] * (codes.MEMORY + 1), []
  for bit in bits:
    window = [int(bit), *window[:-1]]  # newest first
    for generator in codes.GENERATORS:
      taps = [generator >> i & 1 for i in range(codes.MEMORY + 1)]
      slow.append(sum(t * w for t, w in zip(taps, window, strict=True)) % 2)
  np.testing.assert_array_equal(codes.encode(word), slow)
  assert len(slow) == codes.length(WORD)


def test_many_words_are_coded_as_one():
  words = np.stack([_word(i) for i in range(3)])
  for word, coded in zip(words, codes.encode(words), strict=True):
    np.testing.assert_array_equal(codes.encode(word), coded)


@pytest.mark.parametrize('seed', range(5))
def test_words_survive_noise_and_lost_bits(seed):
  word = _word(seed)
  rng = np.random.default_rng(100 + seed)
  soft = 1.0 - 2.0 * codes.encode(word) + 0.8 * rng.normal(size=210)
  soft[rng.permutation(210)[:40]] = 0
  found, right = codes.decode(soft, WORD)
  assert right
  np.testing.assert_array_equal(found, word)


@pytest.mark.parametrize('seed', range(3))
def test_more_words_and_known_bits_help(seed):
  word = _word(seed)
  rng = np.random.default_rng(200 + seed)
  clean = 1.0 - 2.0 * codes.encode(word)

  def right(paths: int, known: int) -> int:
    found = [
      codes.decode(clean + noise, WORD, tuple(word[:known]), paths)
      for noise in 1.35 * rng.normal(size=(12, 210))
    ]
    return sum(right and np.array_equal(bits, word) for bits, right in found)

  assert right(16, 4) > right(1, 0)
  found, agrees = codes.decode(clean, WORD, tuple(1 - word[:1]), 4)
  assert not agrees and found[0] == 1 - word[0]


def test_noise_is_no_word():
  rng = np.random.default_rng(7)
  found = [codes.decode(rng.normal(size=210), WORD)[1] for _ in range(50)]
  assert not any(found)
