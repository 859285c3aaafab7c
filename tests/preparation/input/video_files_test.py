import pathlib

import pytest

from sadtalker_jax import errors
from sadtalker_jax.preparation.input import annotations, video_files


def touch(folder, *names):
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'x')


def test_folders_name_speaker_video_and_utterance(tmp_path):
  touch(tmp_path, 'id1/abc/00001.mp4', 'ann/talk.MKV', 'solo.webm', 'x/no.txt')
  touch(tmp_path, '.hidden.mp4')
  labels = [item.label for item in video_files.find(tmp_path)]
  assert labels == ['ann#talk#00000', 'id1#abc#00001', 'solo#solo#00000']


def test_same_labels_are_told_apart(tmp_path):
  touch(tmp_path, 'a/x.mp4', 'a/x.mkv')
  first, second = video_files.find(tmp_path)
  assert first.label != second.label
  assert first.label.startswith('a#x#00000-')


def test_signs_that_ids_need_are_replaced(tmp_path):
  touch(tmp_path, 'a b/x#1.mp4')
  assert video_files.find(tmp_path)[0].label == 'a_b#x_1#00000'


def test_table_names_pieces_of_videos(tmp_path):
  table = tmp_path / 'list.tsv'
  table.write_text(
    '\ufeffpath\tspeaker\tstart\tend\tbox\nv.mp4\tann\t1.5\t9\t10,20,60,80\n'
    'v.mp4\tbob\t\t\t\n'
  )
  ann, bob = video_files.find(table)
  assert (ann.start_s, ann.end_s, ann.speaker) == (1.5, 9.0, 'ann')
  assert ann.stretches[0].box(3, (100, 100)) == (10, 20, 60, 80)
  assert bob.end_s is None and not bob.stretches
  assert pathlib.Path(bob.path) == tmp_path / 'v.mp4'


@pytest.mark.parametrize(
  'text',
  [
    'name\nx.mp4\n',
    'path\tstart\nx.mp4\tsoon\n',
    'path\tstart\tend\nx.mp4\t5\t4\n',
    'path\tend\nx.mp4\tinf\n',
    'path\tbox\nx.mp4\t1,2,3\n',
    'path\tbox\nx.mp4\t0,0,1e400,1\n',
    'path\n\t\n',
    'path\nx.mp4\nx.mp4\n',
    'path\na\0.mp4\n',
    'path\n' + 'x' * 200_000,
  ],
)
def test_bad_tables_are_told(tmp_path, text):
  (tmp_path / 'list.tsv').write_text(text)
  with pytest.raises(errors.InputError):
    video_files.find(tmp_path / 'list.tsv')


def test_folder_without_videos_is_told(tmp_path):
  with pytest.raises(errors.InputError, match='found none'):
    video_files.find(tmp_path)
  with pytest.raises(errors.InputError, match='nothing there'):
    video_files.find(tmp_path / 'missing')


def test_key_follows_size_and_options_not_the_place_of_the_input(tmp_path):
  touch(tmp_path / 'a', 'v.mp4')
  touch(tmp_path / 'b', 'v.mp4')
  (one,), (two,) = (
    video_files.find(tmp_path / 'a'),
    video_files.find(tmp_path / 'b'),
  )
  assert one.key('o') == two.key('o') != one.key('p')
  (tmp_path / 'b' / 'v.mp4').write_bytes(b'longer')
  assert one.key('o') != two.key('o')


@pytest.mark.parametrize(
  ('line', 'box'),
  [
    ('90 36 72 36', (90.0, 36.0, 162.0, 72.0)),  # pixels of 360 lines
    ('0.1 0.1 0.2 0.1', (64.0, 36.0, 192.0, 72.0)),  # fractions
  ],
)
def test_voxceleb_boxes(tmp_path, line, box):
  touch(tmp_path / 'films', 'id1/abc.mp4', 'id2/unknown.mp4')
  folder = tmp_path / 'txt' / 'id1' / 'abc'
  folder.mkdir(parents=True)
  (folder / '00003.txt').write_text(
    f'Identity : id1\n\nFRAME X Y W H\n000050 {line}\n000051 {line}\n'
  )
  (found,) = video_files.find(tmp_path / 'films', tmp_path / 'txt')
  (stretch,) = found.stretches
  assert (stretch.utterance, stretch.first) == ('00003', 50)
  assert [found.counts(t) for t in (49, 50, 51, 52)] == [
    False,
    True,
    True,
    False,
  ]
  assert stretch.box(51, (640, 360)) == pytest.approx(box)
  assert stretch.box(49, (640, 360)) is stretch.box(52, (640, 360)) is None


def test_bad_annotations_are_told(tmp_path):
  (tmp_path / '00001.txt').write_text('FRAME X Y W H\n1 2 3 4 5\n3 2 3 4 5\n')
  with pytest.raises(errors.InputError, match='consecutive'):
    annotations.read(tmp_path)
