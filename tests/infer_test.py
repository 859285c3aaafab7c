"""The command line, end to end: real input, and all that people get wrong."""

import pathlib
import wave

import av
import numpy as np
from PIL import Image
import pytest

import infer
from sadtalker_jax.inference import bundle


def _wav(path: pathlib.Path, samples: np.ndarray, rate: int = 16000) -> str:
  with wave.open(str(path), 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(rate)
    file.writeframes((samples * 32767).astype('<i2').tobytes())
  return str(path)


@pytest.fixture(scope='module')
def short(tmp_path_factory) -> str:
  """0.32 s of sound: a batch of frames."""
  time = np.arange(5120) / 16000
  tone = 0.3 * np.sin(2 * np.pi * 180 * time)
  return _wav(tmp_path_factory.mktemp('sound') / 'short.wav', tone)


def _run(output: pathlib.Path, *flags: str) -> int:
  return infer.main(['--output', str(output), *flags])


def _frames(path: pathlib.Path) -> np.ndarray:
  with av.open(str(path)) as file:
    return np.stack(
      [f.to_ndarray(format='rgb24') for f in file.decode(video=0)]
    )


def test_makes_a_playable_video_with_sound(tmp_path, short, capsys):
  output = tmp_path / 'talking.mp4'
  assert _run(output, '--driven_audio', short) == 0
  frames = _frames(output)
  assert frames.shape[0] == 8  # 0.32 s at 25 fps
  assert frames.shape[2] == 256
  with av.open(str(output)) as file:
    assert file.streams.video[0].codec_context.name == 'h264'
    assert file.streams.audio[0].codec_context.name == 'aac'
  assert 'talking.mp4: 8 frames' in capsys.readouterr().out
  assert [p.name for p in tmp_path.iterdir()] == ['talking.mp4']


def test_result_dir_is_made_and_gets_a_time_stamped_file(tmp_path, short):
  folder = tmp_path / 'a' / 'b'
  assert infer.main(['--result_dir', str(folder), '--driven_audio', short]) == 0
  (video,) = folder.iterdir()
  assert video.suffix == '.mp4'


@pytest.mark.parametrize('mode', ['extcrop', 'resize', 'full', 'extfull'])
def test_other_modes_make_videos(tmp_path, short, mode):
  output = tmp_path / 'out.mp4'
  flags = ['--preprocess', mode, '--still']
  assert _run(output, '--driven_audio', short, *flags) == 0
  frames = _frames(output)
  if 'full' in mode:
    picture = np.asarray(Image.open(bundle.SAMPLE_PORTRAIT))
    assert frames.shape[1:] == picture.shape
    # Far from the face the picture is as it was, but for the codec.
    gap = np.abs(frames[0, :20].astype(int) - picture[:20])
    assert gap.mean() < 6
  else:
    assert frames.shape[2] == 256


def test_same_seed_gives_the_same_frames_in_any_batch(tmp_path, short):
  import sadtalker_jax

  animator = sadtalker_jax.Animator()
  clips = [
    animator.animate(
      bundle.SAMPLE_PORTRAIT,
      short,
      sadtalker_jax.Options(seed=3, batch_size=size),
    )
    for size in (8, 4)
  ]
  one, other = (np.stack(list(clip.frames())).astype(int) for clip in clips)
  assert one.shape == other.shape
  assert np.abs(one - other).max() <= 1


def test_another_seed_moves_the_head_differently(short):
  import sadtalker_jax

  animator = sadtalker_jax.Animator()
  tracks = [
    animator.animate(
      bundle.SAMPLE_PORTRAIT, short, sadtalker_jax.Options(seed=seed)
    ).track
    for seed in (0, 1)
  ]
  assert np.abs(tracks[0][:, 64:] - tracks[1][:, 64:]).max() > 1e-4


@pytest.mark.parametrize('seconds', [0.0001, 0.1])
def test_silence_and_very_short_sound_leave_the_lips_at_rest(tmp_path, seconds):
  import sadtalker_jax

  sound = _wav(tmp_path / 's.wav', np.zeros(max(1, int(16000 * seconds))))
  clip = sadtalker_jax.Animator().animate(bundle.SAMPLE_PORTRAIT, sound)
  names = bundle.load().model.expression_names
  jaw = clip.track[:, names.index('jawOpen')]
  assert clip.num_frames == max(1, int(25 * seconds))
  rest = min(clip.portrait.row[names.index('jawOpen')], 0.02)
  assert np.abs(jaw - rest).max() < 0.05


# --- what people get wrong ----------------------------------------------------


def _bad(tmp_path: pathlib.Path, kind: str) -> list[str]:
  """Flags of one mistake; files it needs are made."""
  path = tmp_path / 'input'
  rng = np.random.default_rng(0)
  match kind:
    case 'missing picture':
      return ['--source_image', str(tmp_path / 'nowhere.png')]
    case 'empty picture':
      path.with_suffix('.png').touch()
      return ['--source_image', str(path.with_suffix('.png'))]
    case 'picture that is text':
      path.with_suffix('.png').write_text('hello')
      return ['--source_image', str(path.with_suffix('.png'))]
    case 'cut-off picture':
      whole = bundle.SAMPLE_PORTRAIT.read_bytes()
      path.with_suffix('.jpg').write_bytes(whole[: len(whole) // 3])
      return ['--source_image', str(path.with_suffix('.jpg'))]
    case 'picture without a face':
      noise = rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)
      Image.fromarray(noise).save(path.with_suffix('.png'))
      return ['--source_image', str(path.with_suffix('.png'))]
    case 'tiny picture':
      Image.new('RGB', (20, 20)).save(path.with_suffix('.png'))
      return ['--source_image', str(path.with_suffix('.png'))]
    case 'missing sound':
      return ['--driven_audio', str(tmp_path / 'nowhere.wav')]
    case 'empty sound':
      path.with_suffix('.wav').touch()
      return ['--driven_audio', str(path.with_suffix('.wav'))]
    case 'sound that is a picture':
      return ['--driven_audio', str(bundle.SAMPLE_PORTRAIT)]
    case 'folder as sound':
      return ['--driven_audio', str(tmp_path)]
    case 'face index':
      return ['--face_index', '3']
    case 'negative face index':
      return ['--face_index', '-1']
    case 'box outside':
      return ['--box', '500', '500', '900', '900']
    case 'empty box':
      return ['--box', '50', '50', '50', '90']
    case 'style':
      return ['--pose_style', '46']
    case 'size':
      return ['--size', '300']
    case 'fps':
      return ['--fps', '0']
    case 'batch size':
      return ['--batch_size', '0']
    case 'bundle':
      return ['--bundle', 'nothing']
    case 'neural':
      return ['--renderer', 'neural']
    case 'learned':
      return ['--motion', 'learned']
    case 'motion':
      return ['--motion', 'loud']
    case 'renderer':
      return ['--renderer', 'oil']
    case 'repository':
      return ['--bundle', 'a/b/c']
    case 'enhancer':
      return ['--enhancer', 'gfpgan']
    case 'reference video without a face':
      return ['--ref_pose', str(bundle.SAMPLE_SPEECH)]
  raise ValueError(kind)


@pytest.mark.parametrize(
  ('kind', 'message'),
  [
    ('missing picture', 'nowhere.png'),
    ('empty picture', 'empty'),
    ('picture that is text', 'expected an image'),
    ('cut-off picture', 'cut off'),
    ('picture without a face', 'face'),
    ('tiny picture', '20'),
    ('missing sound', 'nowhere.wav'),
    ('empty sound', 'empty'),
    ('sound that is a picture', 'grace_hopper.jpg'),
    ('folder as sound', 'expected'),
    ('face index', '3'),
    ('negative face index', '0 to 999'),
    ('box outside', '512'),
    ('empty box', 'box'),
    ('style', '0 to 45'),
    ('size', '256'),
    ('fps', 'fps'),
    ('batch size', '1 to 100000'),
    ('bundle', "'nothing'"),
    ('neural', "bundle 'default' lacks recon"),
    ('motion', "found 'loud'"),
    ('renderer', "found 'oil'"),
    ('repository', "'owner/repo' of the Hugging Face Hub, found 'a/b/c'"),
    ('enhancer', "bundle 'default' lacks it"),
    ('reference video without a face', 'librivox_0870.flac'),
  ],
)
def test_bad_input_ends_with_one_line_and_code_2(
  tmp_path, short, capsys, kind, message
):
  output = tmp_path / 'out' / 'talking.mp4'
  output.parent.mkdir()
  sound = [] if 'sound' in kind else ['--driven_audio', short]
  assert _run(output, *sound, *_bad(tmp_path, kind)) == 2
  error = capsys.readouterr().err.strip()
  assert error.startswith('infer.py: ')
  assert message in error
  assert '\n' not in error
  assert 'Traceback' not in error
  assert not list(output.parent.iterdir())


@pytest.mark.parametrize('kind', ['exists', 'no folder', 'is a folder', 'name'])
def test_bad_output_ends_before_any_work(tmp_path, short, capsys, kind):
  output = {
    'exists': tmp_path / 'old.mp4',
    'no folder': tmp_path / 'missing' / 'out.mp4',
    'is a folder': tmp_path / 'folder.mp4',
    'name': tmp_path / 'out.avi',
  }[kind]
  (tmp_path / 'old.mp4').write_bytes(b'old')
  (tmp_path / 'folder.mp4').mkdir()
  assert _run(output, '--driven_audio', short) == 2
  assert capsys.readouterr().err.count('\n') == 1
  assert (tmp_path / 'old.mp4').read_bytes() == b'old'


def test_overwrite_replaces_the_file(tmp_path, short):
  output = tmp_path / 'old.mp4'
  output.write_bytes(b'old')
  assert _run(output, '--driven_audio', short, '--overwrite') == 0
  assert len(_frames(output)) == 8


def test_interrupt_leaves_nothing(tmp_path, short, monkeypatch, capsys):
  from sadtalker_jax.inference.puppet import puppet_renderer

  def interrupted(self, prepared, rows):
    raise KeyboardInterrupt

  monkeypatch.setattr(puppet_renderer.PuppetRenderer, 'render', interrupted)
  output = tmp_path / 'out.mp4'
  assert _run(output, '--driven_audio', short) == 130
  assert not list(tmp_path.iterdir())
  assert 'stopped' in capsys.readouterr().err


def test_a_listener_a_sheet_and_a_follower_need_no_recording(
  tmp_path, short, capsys
):
  made = tmp_path / 'made.mp4'
  flags = ['--idle', '0.32', '--emotion', 'happy', '0.5', '--gaze', '5', '0']
  assert _run(made, *flags) == 0
  with av.open(str(made)) as file:
    assert not file.streams.audio
  assert len(_frames(made)) == 8
  sheet = tmp_path / 'sheet.png'
  assert infer.main(['--idle', '9', '--sheet', str(sheet)]) == 0
  with Image.open(sheet) as picture:
    assert picture.size[0] == 4 * 256
  capsys.readouterr()
  assert _run(tmp_path / 'x.mp4', '--idle', '1', '--driven_audio', short) == 2
  assert 'idle: expected no recording' in capsys.readouterr().err
  assert infer.main(['--sheet', str(sheet), '--output', 'x.mp4']) == 2
  assert '--output: expected without --sheet' in capsys.readouterr().err
  # The face of the first clip is followed, and there is no sound to take over.
  follower = tmp_path / 'follower.mp4'
  assert _run(follower, '--drive', str(made), '--fps', '10') == 0
  assert len(_frames(follower)) == 3


def test_a_picture_named_as_background_is_behind_the_person(short, tmp_path):
  Image.new('RGB', (300, 200), (20, 160, 60)).save(tmp_path / 'green.png')
  flags = ['--driven_audio', short, '--background', str(tmp_path / 'green.png')]
  assert _run(tmp_path / 'a.mp4', *flags) == 0
  corner = _frames(tmp_path / 'a.mp4')[:, :12, -12:].astype(int)
  assert np.abs(corner - (20, 160, 60)).mean() < 8
