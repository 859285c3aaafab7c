"""Error correction of a mark: CRC-16 and a convolutional code of rate 1/3.

The code has constraint length 7 and the generators 133, 145, 175 (octal), of
free distance 15; six zeros end a word. Both parts are linear over GF(2) but for
the start value of the CRC, so that words are products of matrices. Bits are
uint8, first bit first; a soft value above 0 speaks for the bit 0.
"""

from collections.abc import Sequence
import functools

import numpy as np

MEMORY = 6
GENERATORS = (0o133, 0o145, 0o175)
CRC_BITS = 16
_CRC_POLYNOMIAL, _CRC_START = 0x1021, 0xFFFF  # CRC-16/CCITT-FALSE


def crc(bits: np.ndarray) -> np.ndarray:
  """CRC-16 of bits [n], as bits [16]."""
  register = _CRC_START
  for bit in bits:
    register ^= int(bit) << 15
    carry = register & 0x8000
    register = (register << 1) & 0xFFFF
    if carry:
      register ^= _CRC_POLYNOMIAL
  return np.array([(register >> i) & 1 for i in range(15, -1, -1)], np.uint8)


def length(num_bits: int) -> int:
  """Number of coded bits of a word of `num_bits`."""
  return len(GENERATORS) * (num_bits + CRC_BITS + MEMORY)


def encode(bits: np.ndarray) -> np.ndarray:
  """Coded bits [..., length(n)] of words [..., n]."""
  matrix, start = _affine(bits.shape[-1])
  return (bits.astype(np.int64) @ matrix + start).astype(np.uint8) & 1


def decode(
  soft: np.ndarray, num_bits: int, known: Sequence[int] = (), paths: int = 1
) -> tuple[np.ndarray, bool]:
  """The likeliest word of soft values, and whether its CRC is right.

  Args:
    soft: Soft values [length(num_bits)].
    num_bits: Length of the word.
    known: First bits of the word, if they are known.
    paths: Number of words that are tried, the likeliest first. The CRC then
      tells less: it is right by chance once in 65,536 / `paths`.

  Returns:
    Bits [num_bits] of the first word whose checksum agrees, or of the likeliest
    one; and whether it agrees.
  """
  sources, inputs, signs = _trellis()
  steps, states = num_bits + CRC_BITS + MEMORY, len(sources)
  # The best paths into each state, best first.
  score = np.full((states, paths), -np.inf)
  score[0, 0] = 0
  chosen = np.zeros((steps, states, paths), np.int16)
  for step, values in enumerate(soft.reshape(steps, len(GENERATORS))):
    tried = score[sources] + (signs @ values)[..., None]  # [S, 2, P]
    if step < len(known):
      tried[inputs != known[step]] = -np.inf
    elif step >= num_bits + CRC_BITS:
      tried[inputs == 1] = -np.inf
    tried = tried.reshape(states, 2 * paths)
    order = np.argsort(-tried, axis=1, kind='stable')[:, :paths]
    chosen[step], score = order, np.take_along_axis(tried, order, 1)
  words = [
    _traced(chosen, rank)
    for rank in range(paths)
    if np.isfinite(score[0, rank])
  ]
  for found in words:
    word = found[:num_bits]
    if np.array_equal(found[num_bits:][:CRC_BITS], crc(word)):
      return word, True
  return words[0][:num_bits], False


def _traced(chosen: np.ndarray, rank: int) -> np.ndarray:
  """Bits of a path that ends in state 0, from its choices [steps, S, P]."""
  sources, inputs, _ = _trellis()
  steps, _, paths = chosen.shape
  state, found = 0, np.zeros(steps, np.uint8)
  for step in range(steps - 1, -1, -1):
    branch, rank = divmod(int(chosen[step, state, rank]), paths)
    found[step] = inputs[state, branch]
    state = sources[state, branch]
  return found


def _convolved(bits: np.ndarray) -> np.ndarray:
  state, result = 0, []
  for bit in (*bits, *[0] * MEMORY):
    state = (state << 1 | int(bit)) & ((2 << MEMORY) - 1)
    result += [(state & g).bit_count() & 1 for g in GENERATORS]
  return np.array(result, np.int64)


@functools.cache
def _affine(num_bits: int) -> tuple[np.ndarray, np.ndarray]:
  """Matrix [n, L] and offset [L] of the whole code over GF(2)."""

  def plain(bits: np.ndarray) -> np.ndarray:
    return _convolved(np.concatenate([bits, crc(bits)]))

  start = plain(np.zeros(num_bits, np.uint8))
  rows = [plain(row) ^ start for row in np.eye(num_bits, dtype=np.uint8)]
  return np.array(rows), start


@functools.cache
def _trellis() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """The two ways into each state: sources [S, 2], inputs, signs [S, 2, 3]."""
  states = 1 << MEMORY
  sources = np.zeros((states, 2), np.int64)
  inputs = np.zeros((states, 2), np.int64)
  signs = np.zeros((states, 2, len(GENERATORS)))
  for state in range(states):
    for branch in (0, 1):
      full = branch << MEMORY | state
      sources[state, branch] = full >> 1
      inputs[state, branch] = full & 1
      signs[state, branch] = [
        1 - 2 * ((full & g).bit_count() & 1) for g in GENERATORS
      ]
  return sources, inputs, signs
