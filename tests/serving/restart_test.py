"""A server that ends in any way loses no job and makes none twice."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import httpx

from sadtalker_jax.serving import given_files, job_table
from sadtalker_jax.serving import service as service_lib
from tests.serving import conftest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _submitted(service, speech) -> job_table.Job:
  with service.receiving() as folder:
    for kind, (_, content) in conftest.sent(speech).items():
      (folder / kind).write_bytes(content)
    return service.submit('local', given_files.kept_in(folder), {})


def test_a_killed_server_has_lost_nothing(animator, speech, tmp_path):
  folder = tmp_path / 'server'
  command = [sys.executable, '-m', 'sadtalker_jax.cli.serve', '--api']
  with subprocess.Popen(
    [*command, '--port', '0', '--folder', str(folder)],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    text=True,
  ) as process:
    try:
      assert process.stdout is not None
      address = (
        process.stdout.readline().split()[1].removesuffix('/openapi.json')
      )
      for _ in range(2):
        answer = httpx.post(
          f'{address}/v1/videos', files=conftest.sent(speech), timeout=60
        )
        assert answer.status_code == 202
    finally:
      process.send_signal(signal.SIGKILL)
  (folder / 'incoming' / 'half').mkdir()
  (folder / 'jobs' / 'video_of_nobody').mkdir()
  service = service_lib.Service(animator, folder)
  assert service.table.count('queued', 'completed') == 2
  assert os.listdir(folder / 'incoming') == []
  assert len(os.listdir(folder / 'jobs')) == 2
  service.close()


def test_a_job_that_ran_waits_again_but_not_for_ever(
  animator, speech, tmp_path
):
  service = service_lib.Service(animator, tmp_path)
  job = _submitted(service, speech)
  for attempt in (1, 2):
    claimed = service.table.claim()
    assert (claimed.id, claimed.attempts) == (job.id, attempt)
    (service.files(job.id).folder / '.video.mp4.00.part').touch()
    service.close()
    service = service_lib.Service(animator, tmp_path)
    assert not list(service.files(job.id).folder.glob('.*'))
  ended = service.table.get(job.id)
  assert (ended.status, ended.error) == (
    'failed',
    'the server ended 2 times while this ran',
  )
  assert service.table.claim() is None
  assert conftest.files_below(tmp_path) == set()
  service.close()


def test_a_server_that_is_stopped_hands_its_job_back(animator, tmp_path):
  long = conftest.write_speech(tmp_path / 'long.wav', 16)
  service = service_lib.Service(animator, tmp_path / 'server')
  service.start()
  job = _submitted(service, long)
  while not service.progress(service.table.get(job.id)):
    time.sleep(0.02)
  service.close(grace_s=0)
  again = service_lib.Service(animator, tmp_path / 'server')
  found = again.table.get(job.id)
  assert (found.status, found.attempts) == ('queued', 0)
  files = again.files(job.id)
  assert conftest.files_below(files.folder) == {'image', 'audio'}
  again.close()


def test_what_is_old_is_removed(animator, speech, tmp_path):
  service = service_lib.Service(animator, tmp_path)
  job = _submitted(service, speech)
  upload = tmp_path / 'sound'
  upload.write_bytes(b'0')
  name = service.keep_upload('local', upload)
  service.cancel(job)
  service.tidy()
  assert service.table.get(job.id).status == 'cancelled'
  long_ago = time.time() - 7200
  (kept,) = (tmp_path / 'uploads').glob(f'*/{name}')
  os.utime(kept, (long_ago, long_ago))
  service.table._rows('UPDATE jobs SET finished = 0 RETURNING *')
  service.tidy()
  assert service.table.get(job.id) is None
  assert conftest.files_below(tmp_path) == set()
  service.close()
