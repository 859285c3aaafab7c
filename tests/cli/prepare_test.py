"""From films to records and back, by the command itself.

All tests that need the networks are here: their compilation takes longer than
everything else.
"""

import csv
import errno
import hashlib
import json
import os
import pathlib
import shutil

from array_record.python import array_record_module
import jax
import numpy as np
import pytest

from configs import syncnet
from sadtalker_jax.cli import prepare
from sadtalker_jax.faces import landmarks
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.media import audio, encoding, image, video
from sadtalker_jax.models import zoo
from sadtalker_jax.ops import resize
from sadtalker_jax.preparation import parts
from sadtalker_jax.preparation.clip import sound
from sadtalker_jax.records import folders, schema
from sadtalker_jax.records import speech as speech_records
from sadtalker_jax.synthesis import voices
from tests.checkpoints import made

FLAGS = ['--min_face', '64', '--min_frames', '30', '--max_yaw', '50']
FLAGS += ['--workers', '0']


@pytest.fixture(scope='module')
def portrait() -> np.ndarray:
  return image.load(bundle_lib.SAMPLE_PORTRAIT)


@pytest.fixture(scope='module')
def speech() -> np.ndarray:
  return audio.load(bundle_lib.SAMPLE_SPEECH)


def film(
  portrait: np.ndarray, frames: int, *, drift: float = 0.5, mirror=False
) -> list[np.ndarray]:
  """A camera that moves over the portrait: [208, 256, 3] each."""
  if mirror:
    portrait = portrait[:, ::-1]
  height, width = portrait.shape[:2]
  side = width * 0.9
  result = []
  for t in range(frames):
    x, y = 0.05 * width + drift * t, 0.01 * height
    part = resize.window(portrait, (x, y, x + side, y + side), (256, 256))
    result.append(np.rint(part[:208]).astype(np.uint8))
  return result


@pytest.fixture(scope='module')
def films(tmp_path_factory, portrait, speech) -> pathlib.Path:
  """A folder with good and bad files."""
  folder = tmp_path_factory.mktemp('films')

  def write(name, frames, wave=None, fps=25, **options):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    sound_ = None if wave is None else (wave, 16000)
    with video.VideoWriter(path, fps=fps, audio=sound_, **options) as writer:
      for frame in frames:
        writer.write(frame)

  write('ann/one.mp4', film(portrait, 40), speech)
  # Two shots, and a rate of its own.
  cut = film(portrait, 50) + film(portrait[:, ::-1] // 2, 50, drift=-0.5)
  write('bea/two.mp4', cut, speech[20000:], fps=30)
  write('cyd/silent.mp4', film(portrait, 32, drift=0.2))
  again = encoding.Encoding(crf=23)
  write('dan/again.mp4', film(portrait, 40), speech, encoding=again)
  write('eve/short.mp4', film(portrait, 12), speech)
  grey = [np.full((208, 256, 3), 90, np.uint8)] * 32
  write('eve/nobody.mp4', grey, speech)
  (folder / 'empty.mp4').touch()
  (folder / 'text.mp4').write_text('no film')
  return folder


@pytest.fixture(scope='module')
def prepared(films, tmp_path_factory) -> pathlib.Path:
  folder = tmp_path_factory.mktemp('records') / 'out'
  arguments = ['--input', str(films), '--output', str(folder), '--keep_parts']
  assert prepare.main(arguments + FLAGS) == 0
  return folder


def hashes(folder: pathlib.Path) -> dict[str, str]:
  """Of every record and of what says what they are."""
  result = {}
  for path in sorted(folder.glob('*/*.array_record-*')):
    reader = array_record_module.ArrayRecordReader(str(path))
    for i in range(reader.num_records()):
      (record,) = reader.read([i])
      result[f'{path.name} {i}'] = hashlib.sha256(record).hexdigest()
  manifest = json.loads((folder / 'manifest.json').read_text())
  result['splits'] = json.dumps(manifest['splits'])
  return result


def clips(folder: pathlib.Path) -> dict[str, dict]:
  found = {}
  for path in sorted((folder / 'clips').glob('clips-*.array_record-*')):
    reader = array_record_module.ArrayRecordReader(str(path))
    for record in reader.read_all():
      clip = schema.decode_clip(record)
      found[clip['id']] = clip
  return found


def test_every_shot_of_every_good_film_is_a_clip(prepared):
  found = clips(prepared)
  assert {i: c['num_frames'] for i, c in found.items()} == {
    'ann#one#00000#00000': 40,
    'bea#two#00000#00000': pytest.approx(42, abs=1),  # 50 frames at 30 a second
    'bea#two#00000#00001': pytest.approx(41, abs=1),
  }


def test_rejects_have_their_reasons(prepared):
  with (prepared / 'rejects.tsv').open() as file:
    rows = {
      r['video']: r['reason'] for r in csv.DictReader(file, delimiter='\t')
    }
  assert rows == {
    'cyd/silent.mp4': 'no_audio',
    'dan/again.mp4': 'duplicate',
    'eve/short.mp4': 'too_short',
    'eve/nobody.mp4': 'no_face',
    'empty.mp4': 'unreadable',
    'text.mp4': 'unreadable',
  }
  manifest = folders.read_manifest(prepared)
  assert manifest['rejects']['unreadable'] == 2


def test_clip_says_what_its_film_shows(prepared, speech):
  clip = clips(prepared)['ann#one#00000#00000']
  # The camera moved by half a pixel of the portrait, to the right.
  x0, y0, x1, y1 = clip['box']
  assert x1 - x0 == y1 - y0 > 100
  nose = clip['landmarks'][:, 30]
  pixel = 256 / (512 * 0.9) * 256 / (x1 - x0)
  steps = np.polyfit(np.arange(40), nose[:, 0], 1)[0]
  assert steps == pytest.approx(-0.5 * pixel, rel=0.15)
  # A face that is only moved neither turns nor changes.
  angles = np.degrees(clip['coefficients'][:, 224:227])
  assert angles.std(0).max() < 3
  assert clip['method'] == 'fit' and clip['morphable'] == 'makehuman'
  played = clip['audio'].astype(float)
  known = sound.to_int16(speech[: len(played)]).astype(float)
  assert np.corrcoef(played, known)[0, 1] > 0.98  # AAC
  assert clip['source_fps'] == 25


def test_frames_are_those_of_the_film(prepared, films):
  clip = clips(prepared)['ann#one#00000#00000']
  path = folders.shard_path(prepared, 'frames', 'train', 0, 1)
  split = next(
    s
    for s in folders.SPLITS
    if 'ann' in folders.read_manifest(prepared)['splits'][s]['speakers']
  )
  path = folders.shard_paths(prepared, 'frames', split)[0]
  reader = array_record_module.ArrayRecordReader(str(path))
  record = reader.read([clip['frame_offset'] + 7])[0]
  frame = schema.decode_frame(record)
  assert (frame['clip'], frame['index']) == (clip['id'], 7)
  with video.VideoReader(films / 'ann' / 'one.mp4') as film_:
    shown = list(film_)[7]
  box = tuple(float(v) for v in clip['box'])
  part = resize.window(shown, box, (256, 256))
  off = np.abs(image.from_jpeg(frame['image']) - part).mean()
  assert off < 2


def test_verify_finds_nothing_wrong(prepared, capsys):
  assert prepare.main(['--verify', str(prepared), '--workers', '1']) == 0
  last = capsys.readouterr().out.splitlines()[-1]
  assert '3 clips' in last and 'no faults' in last


@pytest.mark.parametrize('name', ['clips', 'frames'])
def test_verify_names_a_shard_cut_short(prepared, tmp_path, capsys, name):
  folder = shutil.copytree(prepared, tmp_path / 'copy')
  shard = next((folder / name).glob(f'{name}-*.array_record-*'))
  os.truncate(shard, shard.stat().st_size // 2)
  assert prepare.main(['--verify', str(folder), '--workers', '1']) == 1
  assert shard.name.split('-')[1] in capsys.readouterr().out


def test_inspection_shows_every_clip(prepared, tmp_path, capsys):
  folder = shutil.copytree(prepared, tmp_path / 'copy')
  assert prepare.main(['--inspect', str(folder)]) == 0
  assert 'unreadable 2' in capsys.readouterr().out
  page = (folder / 'inspection.html').read_text()
  for name in clips(folder):
    assert name in page
  strips = sorted((folder / 'sheets').iterdir())
  assert len(strips) == 3
  assert image.load(strips[0]).shape == (128, 8 * 128, 3)
  # The page is known to later runs.
  assert prepare.main(['--verify', str(folder), '--workers', '1']) == 0


def test_full_disk_is_told_and_nothing_is_lost(
  prepared, films, tmp_path, capsys, monkeypatch
):
  folder = tmp_path / 'again'
  shutil.copytree(prepared / '.work', folder / '.work')
  newest = max((folder / '.work' / 'parts').iterdir(), key=os.path.getsize)
  newest.unlink()

  def full(*_, **__):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(parts.PartWriter, 'add', full)
  arguments = ['--input', str(films), '--output', str(folder), '--keep_parts']
  assert prepare.main(arguments + FLAGS) == 2
  assert 'expected room' in capsys.readouterr().err
  left = sorted(p.name for p in (folder / '.work' / 'parts').iterdir())
  assert left == sorted(
    p.name
    for p in (prepared / '.work' / 'parts').iterdir()
    if p.name != newest.name
  )


def test_networks_of_ones_own_label(films, tmp_path):
  # Narrow ones, as `configs/*.py:test` train them; the face is the mean face.
  fields = {
    'recon': {'features': 4, 'blocks': (1, 1, 1, 1)},
    'wav2lip': dict(syncnet.get_config('wav2lip+test').model),
  }
  weights = {name: zoo.noise(name, **own) for name, own in fields.items()}
  params = weights['recon']['params']
  for head in params.keys() - {'backbone'}:
    params[head] = jax.tree.map(np.zeros_like, params[head])
  teachers = made.bundle(
    tmp_path / 'teachers', weights, fields, morphable='makehuman'
  )
  shutil.copytree(films / 'ann', tmp_path / 'films' / 'ann')
  output = tmp_path / 'out'
  arguments = ['--input', str(tmp_path / 'films'), '--output', str(output)]
  arguments += ['--bundle', str(teachers), '--teacher']
  assert prepare.main(arguments + FLAGS) == 0
  (clip,) = clips(output).values()
  assert (clip['method'], clip['morphable']) == ('recon', 'makehuman')
  assert clip['teacher'].shape == (40, 64) and not clip['teacher'].any()


def test_drawn_clips_are_what_they_say(speech, tmp_path, monkeypatch):
  monkeypatch.setattr(voices, 'SECONDS', (0.7, 0.75))
  folder = tmp_path / 'drawn'
  faint = np.rint(speech[:48000] * 3276.7).astype(np.int16)
  _write_speech(tmp_path / 'said', faint)
  arguments = ['--synthesise', '3', '--output', str(folder)]
  assert prepare.main([*arguments, '--speech', str(tmp_path / 'said')]) == 0
  assert prepare.main(['--verify', str(folder), '--workers', '1']) == 0
  found = clips(folder)
  assert {clip['speaker'] for clip in found.values()} == {'head0000'}
  bundle = bundle_lib.load()
  for clip in found.values():
    (path,) = folders.shard_paths(folder, 'frames', 'train')
    reader = array_record_module.ArrayRecordReader(str(path))
    record = reader.read([clip['frame_offset'] + 5])[0]
    picture = image.from_jpeg(schema.decode_frame(record)['image'])
    face = bundle.detector.detect(picture)[0]
    seen = landmarks.to_68(bundle.landmarker.detect(picture, face).points)
    told = clip['landmarks'][5]
    eyes = np.linalg.norm(told[36] - told[45])
    # Inner points: what the jaw's outline is, nobody agrees on.
    off = np.linalg.norm(seen[17:, :2] - told[17:], axis=1).mean() / eyes
    assert off < 0.08
    assert len(clip['teacher']) == clip['num_frames']
    # They say what they were given, not the packaged recording.
    loudest = np.abs(clip['audio'].astype(np.int32)).max()
    assert 100 < loudest < 1.2 * np.abs(faint.astype(np.int32)).max()


def _write_speech(folder: pathlib.Path, wave: np.ndarray) -> None:
  """A folder of speech with one utterance."""
  (folder / 'speech').mkdir(parents=True)
  ends = np.array([len(wave) / 16000], np.float32)
  said = speech_records.Utterance(
    wave, np.zeros(1, np.float32), ends, np.ones(1, np.uint8), 'voice', 'en'
  )
  speech_records.write(folder, 'one', [said])


def test_speech_is_for_drawn_clips(films, tmp_path, capsys):
  arguments = ['--input', str(films), '--output', str(tmp_path / 'out')]
  assert prepare.main([*arguments, '--speech', str(tmp_path)]) == 2
  assert '--synthesise' in capsys.readouterr().err
  arguments = ['--synthesise', '1', '--output', str(tmp_path / 'out')]
  assert prepare.main([*arguments, '--speech', str(tmp_path)]) == 2
  assert 'no speech here' in capsys.readouterr().err
  assert not (tmp_path / 'out').exists()


def test_finished_output_is_left_alone(prepared, films):
  before = (prepared / 'manifest.json').stat().st_mtime_ns
  arguments = ['--input', str(films), '--output', str(prepared), '--keep_parts']
  assert prepare.main(arguments + FLAGS) == 0
  assert (prepared / 'manifest.json').stat().st_mtime_ns == before


def test_other_options_are_refused(prepared, films, capsys):
  arguments = ['--input', str(films), '--output', str(prepared)]
  assert prepare.main([*arguments, *FLAGS, '--margin', '0.2']) == 2
  assert 'margin 0.1, not 0.2' in capsys.readouterr().err


def test_killed_run_goes_on_and_gives_the_same_records(
  prepared, films, tmp_path
):
  folder = tmp_path / 'again'
  shutil.copytree(prepared / '.work', folder / '.work')
  # As a kill leaves it: one video not done, pieces of another.
  parts = sorted((folder / '.work' / 'parts').iterdir())
  newest = max(parts, key=lambda p: p.stat().st_size)
  newest.unlink()
  (folder / '.work' / 'parts' / '.tmp-x').mkdir()
  (folder / '.work' / 'parts' / '.x.part.1').write_bytes(b'half')
  others = {p: p.stat().st_mtime_ns for p in parts if p != newest}
  arguments = ['--input', str(films), '--output', str(folder), '--keep_parts']
  assert prepare.main(arguments + FLAGS) == 0
  assert {p: p.stat().st_mtime_ns for p in others} == others
  assert newest.exists()
  assert hashes(folder) == hashes(prepared)


def test_videos_can_be_added_while_parts_are_kept(prepared, films, tmp_path):
  folder = shutil.copytree(prepared, tmp_path / 'more')
  more = tmp_path / 'films'
  shutil.copytree(films, more)
  (more / 'void.mp4').touch()
  arguments = ['--input', str(more), '--output', str(folder)]
  assert prepare.main(arguments + FLAGS) == 0
  manifest = folders.read_manifest(folder)
  assert manifest['rejects']['unreadable'] == 3
  assert not list((folder / '.work' / 'parts').iterdir())
  (more / 'void2.mp4').touch()
  assert prepare.main(arguments + FLAGS) == 2
