"""The example scripts run, on a recording of some frames."""

import importlib.util
import pathlib
import threading
import time
import wave

import av
import numpy as np
import pytest
import uvicorn

from sadtalker_jax.inference import bundle, pipeline
from sadtalker_jax.serving import api, service

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / 'examples'


@pytest.fixture
def sound(tmp_path) -> str:
  """Two frames of silence."""
  path = tmp_path / 'short.wav'
  with wave.open(str(path), 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(16000)
    file.writeframes(np.zeros(1280, '<i2').tobytes())
  return str(path)


def _run(name: str, *arguments: str) -> None:
  spec = importlib.util.spec_from_file_location(name, EXAMPLES / f'{name}.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  module.main(*arguments)


def _count(path: pathlib.Path) -> int:
  with av.open(str(path)) as file:
    return sum(1 for _ in file.decode(video=0))


def test_talking_portrait(tmp_path, sound):
  output = tmp_path / 'talking.mp4'
  _run('talking_portrait', str(output), str(bundle.SAMPLE_PORTRAIT), sound)
  assert _count(output) == 2


def test_many_takes(tmp_path, sound, capsys):
  folder = tmp_path / 'takes'
  _run('many_takes', str(folder), str(bundle.SAMPLE_PORTRAIT), sound)
  assert capsys.readouterr().out.count('done, 2') == 3
  assert {_count(path) for path in folder.iterdir()} == {2}


def test_live_client(tmp_path, sound, capsys):
  served = service.Service(pipeline.Animator(), tmp_path / 'server')
  config = uvicorn.Config(api.application(served), port=0, log_config=None)
  server = uvicorn.Server(config)
  thread = threading.Thread(target=server.run)
  thread.start()
  try:
    while not server.started:
      time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    folder = tmp_path / 'frames'
    image, url = str(bundle.SAMPLE_PORTRAIT), f'http://127.0.0.1:{port}'
    _run('live_client', str(folder), image, sound, url)
  finally:
    server.should_exit = True
    thread.join()
  assert capsys.readouterr().out.endswith('frames, done\n')
  assert len(list(folder.glob('*.jpg'))) >= 2
  with wave.open(str(folder / 'sound.wav'), 'rb') as file:
    assert file.getnframes() >= 1280
