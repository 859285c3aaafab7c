"""A short film of the portrait that ships, re-voiced."""

import dataclasses
import types

import numpy as np
import pytest
from scipy.io import wavfile

from sadtalker_jax import errors
from sadtalker_jax.cli import animate
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import pipeline, rendering
from sadtalker_jax.inference.footage import (
  following,
  footage_drawer,
  kept,
  mouth_drawing,
)
from sadtalker_jax.media import audio, encoding, image, video

FACE, AWAY, T = 8, 4, 14  # frames with and without a face, of the result


@pytest.fixture(scope='module')
def film(tmp_path_factory):
  """A face that drifts, then a wall."""
  path = tmp_path_factory.mktemp('film') / 'film.mp4'
  picture = image.load(bundle_lib.SAMPLE_PORTRAIT)
  step = max(1, min(picture.shape[:2]) // 300)
  small = picture[::step, ::step]
  wall = np.full_like(small, 90)
  with video.VideoWriter(
    path, fps=12.5, encoding=encoding.Encoding(crf=1)
  ) as writer:
    for shift in range(FACE):
      writer.write(np.roll(small, shift, axis=1))
    for _ in range(AWAY):
      writer.write(wall)
  return path


@pytest.fixture(scope='module')
def revoiced(film):
  wave = audio.load(bundle_lib.SAMPLE_SPEECH)[16000:]
  sound = wave[: T * 16000 * 2 // 25], 16000
  clip = pipeline.Animator().revoice(film, sound, mark='off')
  job = clip.render_job()
  return types.SimpleNamespace(
    clip=clip,
    prepared=job.prepared,
    new=np.concatenate([p.frames for p in rendering.stream([job], 8)]),
    old=np.stack(list(clip.portrait.frames())),
  )


def test_clip_is_as_long_as_the_voice_and_goes_back_and_forth(revoiced):
  assert len(revoiced.new) == revoiced.clip.num_frames == T
  assert float(revoiced.clip.fps) == 12.5
  assert revoiced.clip.size == revoiced.old.shape[2:0:-1]
  assert revoiced.clip.portrait.order[-3:].tolist() == [11, 10, 9]


def test_only_the_lower_face_changes(revoiced):
  changed = (revoiced.new != revoiced.old).any(-1)
  (shot,) = revoiced.clip.portrait.clip.shots
  assert not changed[FACE:].any()  # there is no face
  for mask, points in zip(changed[:FACE], shot.landmarks, strict=False):
    rows, columns = np.nonzero(mask)
    span = points[454, 0] - points[234, 0]
    assert rows.min() > points[[33, 263], 1].max()  # below the eyes
    assert columns.min() > points[234, 0] - 0.4 * span
    assert columns.max() < points[454, 0] + 0.4 * span
  mouth = points[[61, 291, 0, 17], :2].astype(int)
  (x0, y0), (x1, y1) = mouth.min(0), mouth.max(0)
  assert changed[:FACE, y0:y1, x0:x1].mean() > 0.5


def test_own_mouth_gives_the_frame_back(revoiced):
  clip = revoiced.clip
  prepared = revoiced.prepared
  (shot,) = clip.portrait.clip.shots
  made = prepared.rig(0)
  size = prepared.size
  window = np.pad(revoiced.old[0], ((0, size), (0, size), (0, 0)), 'edge')
  window = window[:size, :size]
  own = shot.fit.rows[0]
  change = mouth_drawing.Change(
    made.beside[0],
    own,
    own,
    np.zeros((), np.float32),
    made.camera_shift.astype(np.float32),
    np.ones(4, bool),
  )
  drawn = mouth_drawing.draw(
    made.rig, made.spread, window, change, (size, prepared.windows)
  )
  error = np.abs(np.asarray(drawn).astype(int) - window).max(-1)
  assert error.mean() < 0.1 and (error > 8).mean() < 2e-3


def test_a_stopped_run_goes_on_to_the_same_bytes(
  revoiced, tmp_path, monkeypatch
):
  monkeypatch.setattr(kept, 'LEAST', 1)
  monkeypatch.setenv('SOURCE_DATE_EPOCH', '1700000000')
  drawn = []
  usual = footage_drawer.FootageDrawer.frame

  def frame(self, prepared, picture, row, number):
    drawn.append(number)
    return usual(self, prepared, picture, row, number)

  def stop(count):
    raise KeyboardInterrupt

  monkeypatch.setattr(footage_drawer.FootageDrawer, 'frame', frame)
  clip = dataclasses.replace(revoiced.clip, batch_size=2)
  whole = clip.save(tmp_path / 'whole.mp4')
  assert len(drawn) == T
  drawn.clear()
  with pytest.raises(KeyboardInterrupt):
    clip.save(tmp_path / 'out.mp4', progress=stop)
  before = len(drawn)
  assert 0 < before < T
  assert len(list(tmp_path.iterdir())) == 2  # the whole one and what is kept
  drawn.clear()
  again = clip.save(tmp_path / 'out.mp4')
  assert len(drawn) == T - before
  assert again.read_bytes() == whole.read_bytes()
  assert sorted(tmp_path.iterdir()) == [again, whole]


def test_two_people_speak_and_the_third_listens(film, tmp_path):
  path = tmp_path / 'three.mp4'
  with (
    video.VideoReader(film) as reader,
    video.VideoWriter(
      path, fps=12.5, encoding=encoding.Encoding(crf=1)
    ) as writer,
  ):
    frames = list(reader)[:4]
    for frame in frames:  # other colours, other people
      warm, cold = (frame // [1, 1, 2], frame // [2, 1, 1])
      row = [frame, warm[:, ::-1], cold]
      writer.write(np.concatenate(row, axis=1).astype(np.uint8))
  voices = [tmp_path / name for name in ('a.wav', 'b.wav')]
  wave = audio.load(bundle_lib.SAMPLE_SPEECH)[16000:]
  for voice, length in zip(voices, (4, 2), strict=True):
    wavfile.write(voice, 16000, wave[: 16000 * length * 2 // 25])
  clip = pipeline.Animator().revoice(
    path, speakers={0: voices[0], 1: voices[1]}, mark='off'
  )
  assert clip.track.shape == (4, 2, 70)
  places = [m.clip.shots[0].landmarks[0, 4, 0] for m in clip.portrait.members]
  new = np.concatenate(list(clip.batches()))
  changed = (new != np.stack(list(clip.portrait.frames()))).any((0, 1, 3))
  third = changed.reshape(3, -1).any(1)
  speaking = {int(place // frames[0].shape[1]) for place in places}
  assert len(speaking) == 2
  assert [k in speaking for k in range(3)] == third.tolist()


def test_faces_are_needed(film, tmp_path):
  wall = tmp_path / 'wall.mp4'
  with video.VideoWriter(wall, fps=10) as writer:
    writer.write(np.full((80, 80, 3), 90, np.uint8))
  sound = np.zeros(8000, np.float32), 16000
  with pytest.raises(errors.InputError, match='expected a face.*in 1 frames'):
    pipeline.Animator().revoice(wall, sound)
  with pytest.raises(errors.InputError, match='is not inside the picture of'):
    pipeline.Animator().revoice(film, sound, box=(900, 0, 990, 50))
  with pytest.raises(errors.InputError, match='still: expected with a picture'):
    pipeline.Animator().revoice(film, sound, still=True)


@pytest.mark.parametrize(
  ('flags', 'message'),
  [
    ((), '--driven_audio: expected with --source_video'),
    (
      ('--driven_audio', str(bundle_lib.SAMPLE_SPEECH), '--speaker', '0=a'),
      'speakers: expected no recording beside them',
    ),
    (('--source_image', 'a.png', '--driven_audio', 'a.wav'), 'found both'),
    (('--driven_audio', str(bundle_lib.SAMPLE_SPEECH), '--still'), 'still: '),
  ],
)
def test_flags_that_do_not_fit_end_with_a_line(
  film, tmp_path, capsys, flags, message
):
  output = tmp_path / 'out.mp4'
  made = ['--source_video', str(film), '--output', str(output)]
  assert animate.main([*made, *flags]) == 2
  assert message in capsys.readouterr().err
  assert not output.exists()


def test_shots_are_followed_one_by_one():
  rng = np.random.default_rng(0)
  one, two = (rng.integers(0, 255, (96, 96, 3)).astype(np.uint8) for _ in '12')
  starts = []

  class Landmarker:
    def track(self, frames, **unused):
      frames = list(frames)
      starts.append(len(frames))
      raise errors.InputError('only 1 face')

  bundle = types.SimpleNamespace(landmarker=Landmarker(), model=None)
  options = types.SimpleNamespace(box=None, face_index=0)
  with pytest.raises(errors.InputError, match='in 12 frames'):
    following.follow(
      [one] * 5 + [255 - one] * 4 + [two] * 3, 25, bundle, options
    )
  assert starts == [5, 4, 3]
  options.face_index = 2
  with pytest.raises(errors.InputError, match='only 1 face'):
    following.follow([one] * 5, 25, bundle, options)
