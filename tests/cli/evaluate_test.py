"""The command of the evaluation."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from sadtalker_jax.cli import evaluate
from sadtalker_jax.faces import landmarks
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.batch import jobs
from sadtalker_jax.media import image
from sadtalker_jax.ops import resize
from tests.evaluation import stubs

T = 34
CONFIG = 'configs/evaluation.py'
FLAGS = ['--resamples', '50', '--metrics', 'psnr', 'lip_correlation']


@pytest.fixture(scope='module')
def films(tmp_path_factory):
  root = tmp_path_factory.mktemp('films')
  for name in ('a', 'b'):
    pictures = list(stubs.frames(T, seed=ord(name)))
    stubs.write(root / f'real/{name}.mp4', pictures, stubs.sound(T))
  for system in ('one', 'two'):
    shutil.copytree(root / 'real', root / system)
  return root


@pytest.fixture
def stubbed(monkeypatch):
  """Without the networks of landmarks."""
  monkeypatch.setattr(landmarks, 'FaceMesh', stubs.Landmarker)


def run(films, output, *flags):
  return evaluate.main(
    ['--real', str(films / 'real'), '--output', str(output), *FLAGS, *flags]
  )


def read(output):
  return json.loads((output / 'metrics.json').read_text())


def test_folder_is_scored_against_itself(films, tmp_path, stubbed, capsys):
  out = tmp_path / 'out'
  assert run(films, out, '--generated', str(films / 'one')) == 0
  content = read(out)
  assert content['metrics']['psnr']['value'] == 100
  assert content['metrics']['psnr']['n'] == 2
  assert [clip['name'] for clip in content['clips']] == ['a', 'b']
  assert content['left_out'] == [] and list(content['systems']) == ['one']
  assert 'lip_correlation' in capsys.readouterr().out
  assert run(films, out, '--generated', str(films / 'one')) == 2
  assert 'overwrite' in capsys.readouterr().err


def test_exit_code_tells_of_too_many_failures(films, tmp_path, stubbed):
  two = tmp_path / 'two'
  shutil.copytree(films / 'two', two)
  (two / 'b.mp4').write_bytes(b'no film')
  flags = ['--compare', str(films / 'one'), f'mine={two}']
  assert run(films, tmp_path / 'out', *flags) == 1
  content = read(tmp_path / 'out')
  assert [c['name'] for c in content['clips']] == ['a']
  assert [c['reason'] for c in content['left_out']] == ['unreadable']
  assert list(content['systems']) == ['one', 'mine']
  flags += ['--max_failures', '1', '--no_players', '--overwrite']
  assert run(films, tmp_path / 'out', *flags) == 0


@pytest.mark.parametrize(
  'flags, said',
  [
    ([], 'expected --generated'),
    (['--generated', 'gone'], 'nothing there'),
    (['--compare', 'a/x', 'b/x'], 'names of their own'),
    (['--compare', 'real=a'], 'names of their own'),
    (['--compare', 'mine='], 'NAME=DIR'),
    (['--generated', 'a', '--metrics', 'beauty'], 'expected names'),
    (['--generated', 'a', '--bundle', 'gone'], 'gone'),
    (['--generated', 'a', '--protocol', f'{CONFIG}:mine'], 'hdtf'),
    (['--generated', 'a', '--protocol', 'gone.py'], 'no such file'),
    (['--generate', 'x', '--render_options', '[]'], 'JSON object'),
    (
      ['--generate', 'x', '--render_options', '[' * 5000 + ']' * 5000],
      'too deep',
    ),
    (['--generate', 'x', '--render_options', '{"size": "x"}'], 'size: '),
    (['--generate', 'x', '--render_bundle', '/gone'], "found '/gone'"),
  ],
)
def test_bad_flags_end_with_a_line(films, tmp_path, capsys, flags, said):
  assert run(films, tmp_path / 'out', *flags) == 2
  error = capsys.readouterr().err
  assert said in error and error.count('\n') == 1
  assert not (tmp_path / 'out').exists() and not pathlib.Path('x').exists()


def test_an_empty_bundle_is_no_folder(films, tmp_path, capsys):
  with pytest.raises(SystemExit, match='2'):
    run(films, tmp_path / 'out', '--bundle', '')
  assert "--bundle: expected a path, found ''" in capsys.readouterr().err


def test_stopped_run_leaves_nothing(films, tmp_path, stubbed, monkeypatch):
  def stop(self, frames, **_):
    raise KeyboardInterrupt

  monkeypatch.setattr(stubs.Landmarker, 'track', stop)
  out = tmp_path / 'out'
  assert run(films, out, '--generated', str(films / 'one')) == 130
  assert list(tmp_path.iterdir()) == []


def test_manifest_alone_can_be_made(films, tmp_path, stubbed):
  test = tmp_path / 'test'
  flags = ['--generate', str(test), '--manifest_only']
  assert run(films, tmp_path / 'out', *flags) == 0
  assert len((test / 'manifest.jsonl').read_text().splitlines()) == 2
  assert not (tmp_path / 'out').exists()


def test_rendered_test_is_scored(tmp_path, capsys, monkeypatch):
  """Landmarks of the real networks; a renderer that gives its input back."""

  def render(animator, todo, *, batch_size, report):
    for job in todo:
      shutil.copy(job.image, job.output)
      report(jobs.JobResult(1, str(job.output), 'done', T, 1.0))

  monkeypatch.setattr(jobs, 'run_jobs', render)
  picture = image.load(bundle.SAMPLE_PORTRAIT)
  height, width = picture.shape[:2]
  part = (0.05 * width, 0.0, 0.95 * width, min(0.9 * width, height))
  shot = np.rint(resize.window(picture, part, (192, 192))).astype(np.uint8)
  moved = [np.roll(shot, t // 8, 1) for t in range(T)]
  stubs.write(tmp_path / 'real/a.mp4', moved, stubs.sound(T))
  flags = ['--generate', str(tmp_path / 'test'), '--protocol', CONFIG]
  assert run(tmp_path, tmp_path / 'out', *flags) == 0, capsys.readouterr()
  content = read(tmp_path / 'out')
  assert content['protocol']['crop'] == 'whole'
  assert 'square of the real clip' in content['protocol']['source']
  entry = content['metrics']['psnr']
  assert entry['n'] == 1 and entry['ci'] is None and entry['value'] == 100
  (clip,) = content['clips']
  assert clip['boxes']['generated'] == [0, 0, 256, 256]
