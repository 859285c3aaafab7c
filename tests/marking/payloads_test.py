"""What a mark says, and its keys."""

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.marking import patterns, payloads


@pytest.mark.parametrize('model', [0, 1, 4095])
@pytest.mark.parametrize('job', [0, 0x03AF91, 0xFFFFFF])
def test_words_say_what_went_in(model, job):
  payload = payloads.Payload(model, job)
  words = payload.words()
  assert words.shape == (256, payloads.WORD_BITS)
  assert len({word.tobytes() for word in words}) == 256
  for word in words[::51]:
    assert payloads.Payload.from_word(word) == payload
  assert payload.job_id == f'{job:06x}'


@pytest.mark.parametrize(
  'fields', [(4096, 0), (0, 1 << 24), (-1, 0), (0, 0, 16)]
)
def test_numbers_out_of_range_are_refused(fields):
  with pytest.raises(errors.InputError, match='mark: expected a '):
    payloads.Payload(*fields)


def test_keys_are_files_of_some_length(tmp_path):
  path = tmp_path / 'key'
  path.write_bytes(bytes(range(16)))
  assert payloads.read_key(path) == bytes(range(16))
  assert payloads.read_key(None) == payloads.PUBLIC_KEY
  path.write_bytes(b'short')
  with pytest.raises(errors.InputError, match='at least 16 bytes, found 5'):
    payloads.read_key(path)
  with pytest.raises(errors.InputError, match='expected a key, found no such'):
    payloads.read_key(tmp_path / 'nowhere')


def test_numbers_depend_on_content_and_key():
  names = [
    payloads.number_of([content], key, 24)
    for content in (b'a', b'b')
    for key in (b'k', b'l')
  ]
  assert len(set(names)) == 4
  assert all(0 <= number < 1 << 24 for number in names)


def test_the_public_pattern_is_the_same_for_ever():
  """Marks of old files must stay readable: these numbers never change."""
  signed = np.ones(patterns.NUM_CODED)
  plane = patterns.of_key(payloads.PUBLIC_KEY).plane(signed)
  expected = [0.67288, -0.99751, 0.43934]
  np.testing.assert_allclose(plane[[0, 50, 100], [0, 60, 200]], expected, 1e-4)
