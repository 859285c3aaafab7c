"""Several people of a picture: who speaks, who listens, what is refused."""

import types

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.cli import animate
from sadtalker_jax.faces import detector
from sadtalker_jax.inference import (
  face_list,
  option_specs,
  portrait,
  rendering,
  tracks,
)
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.group import (
  group,
  group_drawer,
  nodding,
)

_SIZE = (80, 200)  # rows, columns


class _Flat(rendering.Drawer):
  """Draws faces of one grey, the first coefficient of their rows."""

  mixes = True
  reach = 0

  def prepare(self, portrait):
    return portrait

  def inputs(self, prepared, track, index):
    return (track.coefficients[index],)

  def render(self, portraits, inputs):
    grey = np.uint8(inputs[0][:, 0])[:, None, None, None]
    return np.broadcast_to(grey, (len(grey), 16, 16, 3)).copy()


def _member(picture, box):
  window = portrait.Window(box, (16, 16), (False,) * 4, True)
  return types.SimpleNamespace(
    picture=picture, window=window, row=np.zeros(70), frame_size=(16, 16)
  )


def _bundle(picture, *boxes):
  faces = [detector.Detection(b, 1.0, np.zeros((6, 2))) for b in boxes]
  finder = types.SimpleNamespace(detect=lambda picture: faces)
  return types.SimpleNamespace(detector=finder)


def test_faces_are_drawn_into_one_picture_each_at_its_place():
  picture = np.full((*_SIZE, 3), 100, np.uint8)
  people = group.GroupPortrait(
    picture,
    (
      _member(picture, (20.0, 20.0, 60.0, 60.0)),
      _member(picture, (50.0, 20.0, 90.0, 60.0)),
    ),
  )
  drawer = group_drawer.GroupDrawer((_Flat(), _Flat()))
  rows = np.zeros((3, 2, 70))
  rows[:, 0, 0], rows[:, 1, 0] = [100, 104, 108], [100, 100, 96]
  track = tracks.Track(rows, np.full((3, 2, 3), np.nan))
  prepared = drawer.prepare(people)
  frames = np.asarray(
    drawer.render([prepared], drawer.inputs(prepared, track, np.arange(3)))
  ).astype(int)
  assert frames.shape == (3, *_SIZE, 3)
  assert (frames[:, :, 100:] == 100).all()
  np.testing.assert_array_equal(frames[0], picture)
  weights = group_drawer._weights(_SIZE, [m.box for m in prepared.members])
  np.testing.assert_allclose(sum(weights), 1, rtol=1e-5)
  assert weights[0][40, 40] > 0.99 and weights[1][40, 70] > 0.99
  assert weights[0][40, 55] == pytest.approx(0.5, abs=0.15)


def test_listeners_nod_a_little_now_and_then():
  rows = np.zeros((1000, 70))
  nods = nodding.nodded(rows, 25, 3)
  moved = np.degrees(nods)
  assert 1 < moved[:, 64].max() < 3 and moved[:, 64].min() >= 0
  assert 0.03 < (moved[:, 64] > 0.05).mean() < 0.4
  assert not np.delete(moved, 64, 1).any() and not rows.any()
  assert not np.array_equal(nods, nodding.nodded(rows, 25, 4))


def test_speakers_are_pairs_objects_or_texts():
  want = ((0, 'a.wav'), (2, 'b=c.wav'))
  for given in (
    {'2': 'b=c.wav', '0': 'a.wav'},
    ['2=b=c.wav', '0=a.wav'],
    [(0, 'a.wav'), (2, 'b=c.wav')],
  ):
    found = options_lib.Options(speakers=given).speakers
    assert tuple((face, str(path)) for face, path in found) == want
  assert isinstance(options_lib.by_name()['speakers'], option_specs.Spec)


@pytest.mark.parametrize(
  'given, message',
  [
    (['0=a.wav', '0=b.wav'], 'expected one recording for face 0'),
    (['a.wav'], 'expected faces and recordings'),
    (['-1=a.wav'], 'expected faces and recordings'),
    (['0='], 'expected faces and recordings'),
    ('0=a.wav', 'expected faces and recordings'),
    ({}, 'expected faces and recordings'),
    ([(0.5, 'a')], 'expected faces and recordings'),
  ],
)
def test_what_is_no_speaker_is_refused(given, message):
  with pytest.raises(errors.InputError, match=f'speakers: {message}'):
    options_lib.Options(speakers=given)


def test_a_speaker_that_is_not_there_and_options_of_one_face_are_refused():
  picture = np.zeros((*_SIZE, 3), np.uint8)
  one = _bundle(picture, (10.0, 10.0, 40.0, 40.0))
  options = options_lib.Options(speakers={1: __file__})
  with pytest.raises(errors.InputError, match='expected faces 0 to 0, found 1'):
    group._count(picture, dict(options.speakers), one)
  with pytest.raises(errors.InputError, match='face_index: expected without'):
    group.check(options_lib.Options(speakers={1: 'a'}, face_index=1))


def test_faces_are_numbered():
  picture = np.full((*_SIZE, 3), 90, np.uint8)
  boxes = (10.0, 10.0, 60.0, 70.0), (120.0, 20.0, 160.0, 60.0)
  shown = face_list.numbered(picture, _bundle(picture, *boxes))
  assert shown.shape == picture.shape
  assert shown[69, 40].tolist() == shown[59, 140].tolist() == [255, 210, 0]
  assert (shown[:, 80:110] == 90).all()
  with pytest.raises(errors.InputError, match='found none'):
    face_list.numbered(picture, _bundle(picture))


@pytest.mark.parametrize(
  'flags, message',
  [
    (['--speaker', '0=a.wav', '--driven_audio', 'b.wav'], 'no recording'),
    (['--list_faces', 'a.png', '--output', 'b.mp4'], 'without --list_faces'),
    (['--list_faces', 'a.png', '--source_video', 'b'], 'a video file, found'),
  ],
)
def test_flags_that_do_not_go_together(
  flags, message, capsys, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  assert animate.main(flags) == 2
  error = capsys.readouterr().err.strip()
  assert message in error and error.count('\n') == 0
  assert not list(tmp_path.rglob('*.*'))
