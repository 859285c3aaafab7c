"""What a mark says: 4 bits of version, 12 of the model, 24 of the job.

Eight bits of salt beside them are free: the embedder takes the value whose code
word the picture itself contradicts least.
"""

from collections.abc import Iterable
import dataclasses
import hashlib
import os

import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import files

VERSION = 1
VERSION_BITS, MODEL_BITS, JOB_BITS, SALT_BITS = 4, 12, 24, 8
BITS = VERSION_BITS + MODEL_BITS + JOB_BITS
WORD_BITS = BITS + SALT_BITS
LEAST_KEY = 16  # bytes
VERSION_PREFIX = tuple(
  VERSION >> i & 1 for i in range(VERSION_BITS - 1, -1, -1)
)
PUBLIC_KEY = b'sadtalker_jax public mark key 1'


@dataclasses.dataclass(frozen=True)
class Payload:
  """What a mark says.

  Attributes:
    model: Number of the networks, 0 to 4,095.
    job: Number of the clip, 0 to 16,777,215.
    version: Version of the mark, 0 to 15.
  """

  model: int
  job: int
  version: int = VERSION

  def __post_init__(self) -> None:
    for name, bits in (
      ('version', VERSION_BITS),
      ('model', MODEL_BITS),
      ('job', JOB_BITS),
    ):
      value = getattr(self, name)
      if not 0 <= value < 1 << bits:
        raise errors.InputError(
          f'mark: expected a {name} from 0 to {(1 << bits) - 1}, found {value}'
        )

  def words(self) -> np.ndarray:
    """The words [256, 48] that say it, one for each salt."""
    fixed = np.tile(_bits(np.array([self.number]), BITS), (1 << SALT_BITS, 1))
    salts = _bits(np.arange(1 << SALT_BITS), SALT_BITS)
    return np.concatenate([fixed, salts], axis=1)

  @classmethod
  def from_word(cls, word: np.ndarray) -> 'Payload':
    """The payload of a word [48]."""
    number = int(''.join(map(str, word[:BITS])), 2)
    return cls(
      number >> JOB_BITS & (1 << MODEL_BITS) - 1,
      number & (1 << JOB_BITS) - 1,
      number >> (JOB_BITS + MODEL_BITS),
    )

  @property
  def number(self) -> int:
    """Version, model and job in one number of 40 bits."""
    return (self.version << MODEL_BITS | self.model) << JOB_BITS | self.job

  @property
  def hex(self) -> str:
    """That number, ten hexadecimal digits."""
    return f'{self.number:010x}'

  @property
  def job_id(self) -> str:
    """The job as people write it, such as '03af91'."""
    return f'{self.job:06x}'


def number_of(content: Iterable[bytes], key: bytes, bits: int) -> int:
  """A number of so many bits that names some content, under a key.

  Args:
    content: Bytes in parts; where they are cut does not matter.
    key: Key of the mark.
    bits: Length of the number, at most 64.
  """
  digest = hashlib.blake2b(key=hashlib.sha256(key).digest())
  for part in content:
    digest.update(part)
  return int.from_bytes(digest.digest()[:8], 'big') >> (64 - bits)


def read_key(path: str | os.PathLike[str] | None) -> bytes:
  """The key of a file; None stands for the public one.

  Raises:
    InputError: the file is missing, or too short to be a key.
  """
  if path is None:
    return PUBLIC_KEY
  key = files.check_source(path, 'a key').read_bytes()
  if len(key) < LEAST_KEY:
    raise errors.InputError(
      f'{path}: expected a key of at least {LEAST_KEY} bytes, '
      f'found {len(key)} (head -c 32 /dev/urandom > FILE makes one)'
    )
  return key


def _bits(numbers: np.ndarray, count: int) -> np.ndarray:
  places = np.arange(count - 1, -1, -1)
  return (numbers[:, None] >> places & 1).astype(np.uint8)
