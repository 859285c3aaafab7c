"""What files say in words, written and read back."""

import datetime

import av
import numpy as np
from PIL import Image
import pytest

from sadtalker_jax import errors
from sadtalker_jax.marking import files, statements
from sadtalker_jax.media import boxes, video


@pytest.fixture
def ours(monkeypatch) -> statements.Statement:
  monkeypatch.setenv('SOURCE_DATE_EPOCH', '1700000000')
  return statements.Statement.of_ours(17, '03af91')


def _written(path, said: statements.Statement):
  frame = np.full((64, 64, 3), 128, np.uint8)
  with video.VideoWriter(
    path,
    fps=25,
    tags=said.tags,
    seal=lambda part: boxes.append(part, boxes.XMP, said.xmp),
  ) as writer:
    for _ in range(3):
      writer.write(frame)
  return path


def _remuxed(source, target):
  """Streams copied into another file, with the tags, as FFmpeg does it."""
  with av.open(str(source)) as old, av.open(str(target), 'w') as new:
    new.metadata.update(old.metadata)
    stream = new.add_stream_from_template(old.streams.video[0])
    for packet in old.demux(video=0):
      if packet.dts is not None:
        packet.stream = stream
        new.mux(packet)
  return target


def test_files_say_what_was_written_in_both_places(ours, tmp_path):
  path = _written(tmp_path / 'a.mp4', ours)
  assert files.detect(path).statement == ours
  packet = boxes.read(path, boxes.XMP)
  assert b'DigitalSourceType="http://cv.iptc.org/newscodes' in packet
  assert ours.time == '2023-11-14T22:13:20Z'
  bare = tmp_path / 'bare.mp4'
  with video.VideoWriter(
    bare, fps=25, seal=lambda part: boxes.append(part, boxes.XMP, ours.xmp)
  ) as writer:
    writer.write(np.zeros((64, 64, 3), np.uint8))
  assert statements.Statement.of_file(bare) == ours
  assert len(list(video.VideoReader(path))) == 3


@pytest.mark.parametrize('suffix', ['mp4', 'mkv', 'mov'])
def test_words_survive_a_remux(ours, tmp_path, suffix):
  copy = _remuxed(_written(tmp_path / 'a.mp4', ours), tmp_path / f'b.{suffix}')
  assert boxes.read(copy, boxes.XMP) is None
  assert statements.Statement.of_file(copy) == ours


def test_a_changed_recording_says_so_in_every_carrier(tmp_path):
  kind = statements.COMPOSITE
  said = statements.Statement.of_ours(1, '03af91', kind)
  path = _written(tmp_path / 'a.mp4', said)
  assert statements.Statement.of_file(path) == said
  assert said.generated and kind in said.sentence
  comment = tmp_path / 'b.mp4'
  tags = {'comment': said.sentence}
  with video.VideoWriter(comment, fps=25, tags=tags) as writer:
    writer.write(np.zeros((64, 64, 3), np.uint8))
  assert statements.Statement.of_file(comment) == said


def test_the_same_moment_gives_the_same_file(ours, tmp_path):
  one, two = (_written(tmp_path / f'{n}.mp4', ours) for n in 'ab')
  assert one.read_bytes() == two.read_bytes()


def test_the_time_is_now_unless_it_is_given(monkeypatch):
  monkeypatch.delenv('SOURCE_DATE_EPOCH', raising=False)
  said = statements.Statement.of_ours(1, '000abc')
  moment = datetime.datetime.fromisoformat(said.time)
  age = datetime.datetime.now(datetime.UTC) - moment
  assert abs(age) < datetime.timedelta(minutes=1)
  for wrong in ('yesterday', '-1', '99999999999'):
    monkeypatch.setenv('SOURCE_DATE_EPOCH', wrong)
    with pytest.raises(errors.InputError, match='SOURCE_DATE_EPOCH: expected'):
      statements.Statement.of_ours(1, '000abc')


def test_words_of_other_programs_are_read(tmp_path):
  path = tmp_path / 'a.jpg'
  packet = 'DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/'
  for kind, generated in (
    ('compositeWithTrainedAlgorithmicMedia', True),
    ('digitalCapture', False),
  ):
    Image.new('RGB', (64, 64)).save(path, xmp=f'{packet}{kind}"'.encode())
    said = statements.Statement.of_file(path)
    assert said.source_type == kind and said.generated == generated


@pytest.mark.parametrize(
  'content',
  [
    b'hello',
    b'\0\0\0\x08ftyp',
    b'\0\0\0\x08ftyp\0\0\0\x01uuid',
    b'\0\0\0\x08ftyp\0\0\0\x03uuid' + bytes(40),
    b'\0\0\0\x08ftyp\0\0\0\0uuid' + boxes.XMP.bytes[:9],
    b'\0\0\0\x08ftyp' + 8 * b'\xff',
  ],
)
def test_damaged_boxes_are_none(tmp_path, content):
  path = tmp_path / 'a.mp4'
  path.write_bytes(content)
  assert boxes.read(path, boxes.XMP) is None
  assert statements.Statement.of_file(path) is None
