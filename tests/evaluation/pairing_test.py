"""Which videos belong together."""

import json

import pytest

from sadtalker_jax import errors
from sadtalker_jax.evaluation import pairing


@pytest.fixture
def folders(tmp_path):
  """Two folders; videos are not opened here."""

  def touch(*names):
    for name in names:
      path = tmp_path / name
      path.parent.mkdir(parents=True, exist_ok=True)
      path.touch()

  touch('real/s1/a.mpg', 'real/b.mp4', 'real/only.mp4', 'real/.hidden.mp4')
  touch('made/s1/a.mp4', 'made/b.mp4', 'made/b.avi', 'made/extra.mp4')
  touch('real/notes.txt')
  return tmp_path / 'real', tmp_path / 'made'


def test_names_without_suffix_pair_and_the_rest_is_told(folders):
  real, made = folders
  pairs, left_out = pairing.by_name(real, {'made': made})
  assert [p.name for p in pairs] == ['s1/a']
  assert pairs[0].real == real / 's1/a.mpg'
  assert pairs[0].generated == {'made': made / 's1/a.mp4'}
  found = {f.name: (f.reason, f.system) for f in left_out}
  assert found == {
    'b': ('ambiguous', 'made'),
    'only': ('unpaired', 'made'),
    'extra': ('unpaired', 'real'),
  }


def test_clip_that_one_of_two_systems_lacks_is_left_out(folders):
  real, made = folders
  pairs, left_out = pairing.by_name(real, {'made': made, 'copy': real})
  assert [p.name for p in pairs] == ['s1/a']
  assert {'only', 'extra', 'b'} == {f.name for f in left_out}


def test_list_pairs_what_it_says(folders, tmp_path):
  real, made = folders
  lines = [
    {'name': 'one', 'real': 'b.mp4', 'generated': 'extra.mp4'},
    {'real': 's1/a.mpg', 'generated': 'gone.mp4'},
  ]
  listed = tmp_path / 'pairs.jsonl'
  text = '\r\n'.join(json.dumps(line) for line in lines)
  listed.write_text(f'\ufeff{text}\r\n\r\n', newline='')
  pairs, left_out = pairing.by_list(listed, real, {'made': made})
  assert [p.name for p in pairs] == ['one']
  assert pairs[0].generated['made'] == made / 'extra.mp4'
  assert [(f.name, f.reason) for f in left_out] == [('s1/a', 'unpaired')]


@pytest.mark.parametrize(
  'text, said',
  [
    ('', 'an empty file'),
    ('{"real": "a"}', 'line 1'),
    ('[1]', 'line 1'),
    ('{"real": "a", "generated": 3}', 'line 1'),
    ('{', 'line 1'),
    (
      '[' * 5000 + ']' * 5000,
      'line 1: expected JSON, found: lists or objects nested',
    ),
    ('{"real": ' + '9' * 5000 + '}', 'line 1: expected JSON, found: a number'),
    ('{"real": "a", "generated": "b", "colour": "c"}', 'line 1'),
    (
      '{"real": "a", "generated": "b"}\n{"real": "a", "generated": "c"}',
      'again',
    ),
  ],
)
def test_faulty_lists_are_refused(folders, tmp_path, text, said):
  real, made = folders
  listed = tmp_path / 'pairs.jsonl'
  listed.write_text(text)
  with pytest.raises(errors.InputError, match=said):
    pairing.by_list(listed, real, {'made': made})


def test_folders_without_videos_are_refused(folders, tmp_path):
  real, made = folders
  with pytest.raises(errors.InputError, match='found nothing there'):
    pairing.by_name(real, {'made': tmp_path / 'gone'})
  (tmp_path / 'empty').mkdir()
  with pytest.raises(errors.InputError, match='found none'):
    pairing.by_name(tmp_path / 'empty', {'made': made})
