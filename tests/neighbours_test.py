"""The examples for other frameworks.

Those of livekit-agents and pipecat run against the real packages (extra
`neighbours`) and skip without them, with the drawer of the tests of streams.
ComfyUI is no package: its host is played here.
"""

import asyncio
import importlib.util
import pathlib
import sys
import types
from typing import Any

import numpy as np
import pytest

from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.live import session
from tests.inference.live import streams

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / 'examples'
_RATE = 24_000

pytestmark = [
  pytest.mark.filterwarnings('ignore::DeprecationWarning'),
  pytest.mark.filterwarnings('ignore::ResourceWarning'),
]


def _example(name: str) -> types.ModuleType:
  spec = importlib.util.spec_from_file_location(name, EXAMPLES / f'{name}.py')
  assert spec is not None and spec.loader is not None
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def _session() -> session.LiveSession:
  clock = streams.clock(bundle_lib.load(), rate=_RATE, ahead=0.08)
  return session.LiveSession(clock)


def _speech(seconds: float) -> np.ndarray:
  times = np.arange(round(seconds * _RATE)) / _RATE
  return np.rint(9000 * np.sin(2 * np.pi * 200 * times)).astype('<i2')


def test_a_livekit_agent_has_a_portrait():
  rtc = pytest.importorskip('livekit.rtc')
  avatar = pytest.importorskip('livekit.agents.voice.avatar')
  told = []

  class Room(rtc.Room):
    """Connected to nobody."""

    def isconnected(self):
      return True

    @property
    def local_participant(self):
      return self

    async def publish_track(self, track, options):
      return self

    async def wait_for_subscription(self):
      pass

  async def run() -> None:
    live = _session()
    generator = _example('livekit_avatar').PortraitGenerator(live)
    await generator.start()
    receiver = avatar.QueueAudioOutput(sample_rate=_RATE)
    receiver.on('playback_finished', told.append)
    runner = avatar.AvatarRunner(
      Room(),
      audio_recv=receiver,
      video_gen=generator,
      options=generator.options,
    )
    await runner.start()
    speech = _speech(0.2)
    for _ in range(2):  # said to its end; interrupted
      count = len(told)
      for at in range(0, len(speech), 480):
        data = speech[at : at + 480].tobytes()
        await receiver.capture_frame(rtc.AudioFrame(data, _RATE, 1, 480))
      receiver.flush()
      if count:
        await asyncio.sleep(0.05)
        receiver.clear_buffer()
      async with asyncio.timeout(20):
        while len(told) == count:
          await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    generator.close()
    await runner.aclose()

  asyncio.run(run())
  assert [event.interrupted for event in told] == [False, True]
  assert told[0].playback_position == pytest.approx(0.2, abs=0.041)


def test_a_pipecat_pipeline_has_a_portrait():
  frames = pytest.importorskip('pipecat.frames.frames')
  tests_utils = pytest.importorskip('pipecat.tests.utils')
  speech = _speech(0.2)

  async def run() -> list:
    service = _example('pipecat_avatar').PortraitService(_session())
    sent = [
      frames.TTSAudioRawFrame(speech[at : at + 1200].tobytes(), _RATE, 1)
      for at in range(0, len(speech), 1200)
    ]
    sent.append(frames.TTSStoppedFrame())
    sent.append(tests_utils.SleepFrame(1.0))
    down, _ = await tests_utils.run_test(service, frames_to_send=sent)
    return list(down)

  down = asyncio.run(run())
  pictures = [f for f in down if isinstance(f, frames.OutputImageRawFrame)]
  sounds = [f for f in down if isinstance(f, frames.TTSAudioRawFrame)]
  heard = np.frombuffer(b''.join(f.audio for f in sounds), '<i2')
  assert np.abs(heard[: len(speech)] - speech.astype(int)).max() <= 1
  assert len(sounds) == 5 and not heard[len(speech) :].any()
  assert [f.pts for f in pictures] == [
    40_000_000 * i for i in range(len(pictures))
  ]
  assert len(pictures) > len(sounds)  # it is idle before or after
  assert pictures[0].size == (64, 64) and len(pictures[0].image) == 64 * 64 * 3


class _Tensor:
  """What a node uses of a tensor."""

  def __init__(self, array: np.ndarray):
    self.array = array

  def __getitem__(self, index: int) -> '_Tensor':
    return _Tensor(self.array[index])

  def detach(self) -> '_Tensor':
    return self

  def cpu(self) -> '_Tensor':
    return self

  def numpy(self) -> np.ndarray:
    return self.array


class _Input:
  """An input or an output of a node, as it was declared."""

  def __init__(self, id: str = '', **rest: Any):
    self.id, self.rest = id, rest

  @classmethod
  def kind(cls) -> types.SimpleNamespace:
    return types.SimpleNamespace(Input=cls, Output=cls)


def _host(folder: pathlib.Path) -> dict[str, types.ModuleType]:
  """ComfyUI's modules, as far as a node uses them."""
  io = types.SimpleNamespace(
    ComfyNode=object,
    Schema=types.SimpleNamespace,
    NodeOutput=lambda *values: values,
  )
  for name in ('Image', 'Audio', 'Video', 'String', 'Boolean', 'Combo', 'Int',
               'Float'):  # fmt: skip
    setattr(io, name, _Input.kind())
  latest = types.ModuleType('comfy_api.latest')
  latest.io, latest.ComfyExtension = io, object
  latest.InputImpl = types.SimpleNamespace(VideoFromFile=str)
  paths = types.ModuleType('folder_paths')
  paths.get_temp_directory = lambda: str(folder)
  return {
    'comfy_api': types.ModuleType('comfy_api'),
    'comfy_api.latest': latest,
    'folder_paths': paths,
  }


def test_a_node_of_comfyui_has_every_option(tmp_path, monkeypatch):
  for name, module in _host(tmp_path).items():
    monkeypatch.setitem(sys.modules, name, module)
  node_module = _example('comfyui/portrait_node')
  extension = asyncio.run(node_module.comfy_entrypoint())
  (node,) = asyncio.run(extension.get_node_list())
  schema = node.define_schema()
  defaults = {each.id: each.rest.get('default') for each in schema.inputs[3:]}
  assert {'emotion', 'still', 'seed', 'crop', 'motion'} <= set(defaults)
  assert not {'sign', 'mark_key', 'drive'} & set(defaults)
  made = []

  class Animator:
    def animate(self, picture, sound, **chosen):
      made.append((picture, sound, options_lib.changed(None, chosen)))
      return types.SimpleNamespace(save=lambda path: path)

  monkeypatch.setattr(node_module, '_animator', lambda bundle: Animator())
  picture = np.linspace(-0.1, 1.1, 4 * 5 * 4, dtype=np.float32)
  picture = picture.reshape(1, 4, 5, 4)
  (path,) = node.execute(_Tensor(picture), **defaults | {'idle': '0.08'})
  assert pathlib.Path(path).parent == tmp_path and path.endswith('.mp4')
  assert made[0][0].shape == (4, 5, 3) and made[0][0].dtype == np.uint8
  assert made[0][1] is None
  assert made[0][2] == options_lib.Options(idle=0.08)
  sound = {
    'waveform': _Tensor(np.zeros((1, 2, 1920), np.float32)),
    'sample_rate': 24_000,
  }
  chosen = defaults | {'gaze': '3, 1', 'emotion': 'happy 0.5', 'seed': '3'}
  node.execute(_Tensor(picture), audio=sound, **chosen)
  assert made[1][1][0].shape == (2, 1920) and made[1][1][1] == 24_000
  assert made[1][2] == options_lib.Options(
    gaze=(3.0, 1.0), emotion=('happy', 0.5), seed=3
  )
