"""Messages are one line, whatever names people give to their files."""

import pickle

import pytest

from sadtalker_jax import errors


@pytest.mark.parametrize(
  ('name', 'shown'),
  [
    ('a\nb', r'a\nb'),
    ('a\r\n\x1b[2J', r'a\r\n\x1b[2J'),
    ('\udcff.mp4', r'\udcff.mp4'),
    ('smile \U0001f600', 'smile \U0001f600'),
  ],
)
def test_no_name_breaks_the_line_or_the_terminal(name, shown):
  error = errors.InputError(f'{name}: expected a video, found none')
  assert str(error) == f'{shown}: expected a video, found none'
  assert errors.named(name) == shown
  assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_lists_of_faults_keep_their_lines():
  text = 'a.jsonl: line 1: x\n  line 2: y'
  assert str(errors.InputError(text)) == text
