"""Many jobs in one run, end to end with the puppet."""

import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import sys
import wave

import av
import numpy as np
import pytest

import infer
import sadtalker_jax
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.batch import jobs, manifest


def _speech(path: pathlib.Path, seconds: float) -> pathlib.Path:
  time = np.arange(int(16000 * seconds)) / 16000
  samples = 0.3 * np.sin(2 * np.pi * 180 * time)
  with wave.open(str(path), 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(16000)
    file.writeframes((samples * 32767).astype('<i2').tobytes())
  return path


def _frames(path: pathlib.Path) -> int:
  with av.open(str(path)) as file:
    return sum(1 for _ in file.decode(video=0))


@pytest.fixture(scope='module')
def animator() -> sadtalker_jax.Animator:
  return sadtalker_jax.Animator()


@pytest.fixture
def listed(tmp_path) -> list[manifest.AnimationJob]:
  """Five jobs; the second has no portrait, the fourth no sound."""
  lines = []
  for i, seconds in enumerate((0.12, 0.1, 0.2, 0.1, 0.04)):
    sound = _speech(tmp_path / f'{i}.wav', seconds)
    image = str(bundle.SAMPLE_PORTRAIT)
    line = {'image': image, 'audio': sound.name, 'output': f'{i}.mp4'}
    lines.append(line)
  lines[1]['image'] = 'nowhere.png'
  lines[3]['audio'] = 'nowhere.wav'
  path = tmp_path / 'jobs.jsonl'
  path.write_text('\n'.join(json.dumps(line) for line in lines))
  return manifest.read(path)


def test_good_jobs_are_made_and_bad_ones_reported(tmp_path, animator, listed):
  reported = []
  results = jobs.run_jobs(
    animator, listed, batch_size=4, report=reported.append
  )
  assert [r.status for r in results] == [
    'done', 'failed', 'done', 'failed', 'done'
  ]  # fmt: skip
  assert [r.frames for r in results] == [3, 0, 5, 0, 1]
  assert 'nowhere.png' in results[1].error
  assert 'nowhere.wav' in results[3].error
  assert sorted(r.line for r in reported) == [1, 2, 3, 4, 5]
  assert all(r.seconds > 0 for r in results)
  assert _frames(tmp_path / '0.mp4') == 3
  assert _frames(tmp_path / '2.mp4') == 5
  assert not list(tmp_path.glob('.*')), 'hidden files are left'


def test_a_second_run_skips_what_is_done(tmp_path, animator, listed):
  jobs.run_jobs(animator, listed[:1], batch_size=4)
  before = (tmp_path / '0.mp4').stat().st_mtime_ns
  first, third = jobs.run_jobs(animator, [listed[0], listed[2]], batch_size=4)
  assert (first.status, third.status) == ('skipped', 'done')
  assert (tmp_path / '0.mp4').stat().st_mtime_ns == before
  (again,) = jobs.run_jobs(animator, listed[:1], batch_size=4, overwrite=True)
  assert again.status == 'done'


def test_a_file_that_cannot_be_written_fails_alone(tmp_path, animator, listed):
  (tmp_path / 'folder').mkdir()
  bad = dataclasses.replace(
    listed[1], line=9, output=tmp_path / 'missing' / 'a.mp4'
  )
  results = jobs.run_jobs(animator, [bad, listed[4]], batch_size=4)
  assert [r.status for r in results] == ['failed', 'done']
  # Its picture is not there, either: the output is looked at first.
  assert 'missing' in results[0].error


def test_a_stopped_run_leaves_no_half_files(
  tmp_path, animator, listed, monkeypatch
):
  def stop(result):
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    jobs.run_jobs(animator, [listed[0], listed[2]], batch_size=4, report=stop)
  made = {p.name for p in tmp_path.iterdir() if p.suffix == '.mp4'}
  assert made <= {'0.mp4', '2.mp4'}
  for name in made:
    assert _frames(tmp_path / name) in (3, 5)
  assert not list(tmp_path.glob('.*'))


def test_command_line_writes_a_summary(tmp_path, listed, capsys):
  path = tmp_path / 'jobs.jsonl'
  assert infer.main(['--manifest', str(path), '--batch_size', '4']) == 1
  summary = json.loads((tmp_path / 'jobs.jsonl.summary.json').read_text())
  assert [job['status'] for job in summary['jobs']] == [
    'done', 'failed', 'done', 'failed', 'done'
  ]  # fmt: skip
  assert summary['frames'] == 9
  assert summary['fps'] == pytest.approx(9 / summary['seconds'])
  assert '3 done, 0 skipped, 2 failed' in capsys.readouterr().out


@pytest.mark.parametrize(
  'flags, message',
  [
    (['--manifest', 'nowhere.jsonl'], 'nowhere.jsonl'),
    (['--manifest', 'x', '--output', 'a.mp4'], '--output: expected without'),
    (['--summary', 's.json'], '--summary: expected with --manifest'),
    (['--process_id', '0'], '--process_id: expected with --manifest'),
    # A shell's variable without a value does not stand for the sample.
    (['--source_image', ''], "--source_image: expected a path, found ''"),
    (['--driven_audio', ''], "--driven_audio: expected a path, found ''"),
    (['--result_dir', ''], "--result_dir: expected a path, found ''"),
    (['--result_dir', 'a\0'], 'a\\x00: expected a folder to write to, found'),
    (['--manifest', ''], "--manifest: expected a path, found ''"),
  ],
)
def test_flags_that_do_not_go_together_are_refused(capsys, flags, message):
  assert infer.main(flags) == 2
  assert message in capsys.readouterr().err


@pytest.mark.slow
def test_processes_share_a_manifest(tmp_path, listed):
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    address = f'127.0.0.1:{free.getsockname()[1]}'
  # With the flags of this process: its programs are theirs.
  environment = {**os.environ, 'JAX_PLATFORMS': 'cpu'}
  processes = [
    subprocess.Popen(
      [
        *(sys.executable, 'infer.py', '--manifest', tmp_path / 'jobs.jsonl'),
        *('--coordinator_address', address, '--num_processes', '2'),
        *('--process_id', str(i)),
      ],
      cwd=pathlib.Path(infer.__file__).parent,
      env=environment,
    )
    for i in range(2)
  ]
  try:
    # The bad jobs are lines 2 and 4, both of the second process.
    assert [process.wait(timeout=300) for process in processes] == [0, 1]
  finally:
    for process in processes:
      process.kill()
      process.wait()
  lines = []
  for i in range(2):
    name = f'jobs.jsonl.summary.{i}-of-2.json'
    summary = json.loads((tmp_path / name).read_text())
    lines.append([job['line'] for job in summary['jobs']])
  assert lines == [[1, 3, 5], [2, 4]]
  assert sorted(p.name for p in tmp_path.glob('*.mp4')) == [
    '0.mp4', '2.mp4', '4.mp4'
  ]  # fmt: skip
