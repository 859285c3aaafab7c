"""A service with the default renderer, and a client of its HTTP API."""

from collections.abc import Iterator
import pathlib
import time
from typing import Any
import wave

import numpy as np
import pytest
from starlette import testclient

from sadtalker_jax.inference import bundle, pipeline
from sadtalker_jax.serving import api
from sadtalker_jax.serving import service as service_lib


@pytest.fixture(scope='session')
def animator() -> pipeline.Animator:
  return pipeline.Animator()


@pytest.fixture(scope='session')
def speech(tmp_path_factory) -> pathlib.Path:
  """A sound of three frames."""
  return write_speech(tmp_path_factory.mktemp('sound') / 'speech.wav', 0.12)


@pytest.fixture
def service(animator, tmp_path) -> service_lib.Service:
  return service_lib.Service(animator, tmp_path / 'server')


@pytest.fixture
def client(service) -> Iterator[testclient.TestClient]:
  with testclient.TestClient(
    api.application(service), base_url='http://localhost'
  ) as result:
    yield result


def write_speech(path: pathlib.Path, seconds: float) -> pathlib.Path:
  times = np.arange(int(16000 * seconds)) / 16000
  samples = 0.3 * np.sin(2 * np.pi * 180 * times)
  with wave.open(str(path), 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(16000)
    file.writeframes((samples * 32767).astype('<i2').tobytes())
  return path


def sent(speech: pathlib.Path) -> dict[str, Any]:
  """The files of a good request."""
  return {
    'image': ('p.jpg', bundle.SAMPLE_PORTRAIT.read_bytes()),
    'audio': ('s.wav', speech.read_bytes()),
  }


def ended(client: testclient.TestClient, id: str) -> dict[str, Any]:
  """A job, when it has ended."""
  deadline = time.monotonic() + 300
  while time.monotonic() < deadline:
    job = client.get(f'/v1/videos/{id}').json()
    if job['status'] not in ('queued', 'running'):
      return job
    time.sleep(0.02)
  raise AssertionError(f'has not ended: {job}')


def files_below(folder: pathlib.Path) -> set[str]:
  """Files below a folder, without those of SQLite and the lock."""
  return {
    str(path.relative_to(folder))
    for path in folder.rglob('*')
    if path.is_file() and not path.name.startswith(('jobs.sqlite', 'lock'))
  }
