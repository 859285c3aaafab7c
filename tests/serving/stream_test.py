"""Streams over a socket, drawn with the default renderer."""

import fractions
import io
import struct
import threading
import time

import numpy as np
from PIL import Image
import pytest
from starlette import datastructures, exceptions, testclient, websockets

from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.live import core, session
from sadtalker_jax.marking import files
from sadtalker_jax.media import audio, video
from sadtalker_jax.serving import api, limits, parts, requests, tokens
from sadtalker_jax.serving import service as service_lib

_URL = 'ws://localhost/v1/stream'
_HEADER = struct.Struct('<4sIQIIII')


def _uploaded(client) -> str:
  files = {'file': bundle.SAMPLE_PORTRAIT.read_bytes()}
  return client.post('/v1/uploads', files=files).json()['id']


def _part(message: bytes) -> tuple[tuple, np.ndarray, bytes]:
  magic, *fields, count, size, _ = _HEADER.unpack(message[: _HEADER.size])
  assert magic == b'SJP1'
  end = _HEADER.size + 2 * count
  assert len(message) == end + size
  return (
    tuple(fields),
    np.frombuffer(message[_HEADER.size : end], '<i2'),
    (message[end:]),
  )


def _gone(client, tmp_path) -> None:
  """Nothing of a stream is left."""
  deadline = time.monotonic() + 20
  while 'sadtalker_streams 0.0' not in client.get('/metrics').text:
    assert time.monotonic() < deadline
    time.sleep(0.02)
  assert not list((tmp_path / 'server' / 'incoming').iterdir())
  while any(t.name.startswith('live') for t in threading.enumerate()):
    assert time.monotonic() < deadline
    time.sleep(0.02)


def test_sound_comes_back_with_marked_frames(client, tmp_path, monkeypatch):
  monkeypatch.setattr(session, '_LATE', 1e6)  # every frame is drawn
  wave = audio.load(bundle.SAMPLE_SPEECH)[: 16 * 640 - 100]
  sound = np.rint(wave * 32767).astype('<i2').tobytes()
  received = []
  with client.websocket_connect(_URL) as socket:
    socket.send_json({'image': _uploaded(client), 'consent': True})
    ready = socket.receive_json()
    assert (ready['type'], ready['fps']) == ('ready', 25.0)
    for at in range(0, len(sound), 998):
      socket.send_bytes(sound[at : at + 998])
    socket.send_json({'type': 'end'})
    while (message := socket.receive()).get('bytes'):
      received.append(_part(message['bytes']))
    assert '"done"' in message['text']
  starts = [start for (_, start, _), _, _ in received]
  assert starts == list(range(0, 640 * len(received), 640))
  said = [part for part in received if not part[0][0] & 1]
  heard = np.concatenate([samples for _, samples, _ in said])
  given = np.frombuffer(sound, '<i2')
  assert np.abs(heard[: len(given)] - given.astype(int)).max() <= 1
  assert len(said) == 16 and {segment for (_, _, segment), _, _ in said} == {0}
  frames = [
    np.asarray(Image.open(io.BytesIO(picture)))
    for (flags, _, _), _, picture in received
    if not flags & 2
  ]
  assert frames[0].shape == (ready['height'], ready['width'], 3)
  assert np.ptp(frames, axis=0).max() > 50  # it moves
  found = files.find_in_frames(frames)
  assert found.kind == 'payload'
  _gone(client, tmp_path)


@pytest.mark.parametrize('kind', parts.PICTURES)
def test_pictures_are_of_the_format_asked_for_and_sent_once(kind):
  frame = np.zeros((8, 16, 3), np.uint8)
  part = core.Part(
    frame, np.ones(3, np.float32), fractions.Fraction(2, 5), 7, True, False
  )
  fields, sound, picture = _part(parts.packed(part, 100, kind))
  assert fields == (1, 40, 7) and list(sound) == [32767] * 3
  found = Image.open(io.BytesIO(picture))
  assert (found.format, found.size) == (kind.upper(), (16, 8))
  again = part._replace(repeated=True)
  fields, _, picture = _part(parts.packed(again, 100, kind))
  assert (fields[0], picture) == (3, b'')


def test_mp4_is_one_file_in_fragments(tmp_path):
  packer = parts.packer('mp4', (65, 49), 25.0, 16_000, 90)
  assert packer.mime is not None and packer.mime.startswith('video/mp4; codecs')
  data = packer.begin()
  for i in range(10):
    frame = np.full((49, 65, 3), 240 * (i >= 6), np.uint8)
    wave = np.sin(np.arange(640), dtype=np.float32)
    sound = 0.5 * (i >= 6) * wave
    at = fractions.Fraction(i, 25)
    data += packer.pack(core.Part(frame, sound, at, 0, False, i == 5))
  (tmp_path / 'all.mp4').write_bytes(data + packer.finish())
  with video.VideoReader(tmp_path / 'all.mp4') as reader:
    frames = list(reader)
  # Odd rows and columns are left out; a repeated picture is there again.
  assert len(frames) == 10 and frames[0].shape == (48, 64, 3)
  # What is seen is heard at that time.
  flash = next(i for i, frame in enumerate(frames) if frame.mean() > 120) / 25
  heard = audio.load(tmp_path / 'all.mp4')
  click = int(np.argmax(np.abs(heard) > 0.1)) / 16_000
  assert abs(flash - click) < 0.02, (flash, click)


def test_pages_bring_their_token_as_a_protocol(tmp_path):
  listed = tmp_path / 'tokens.txt'
  listed.write_text('one ' + 'a' * 16)
  listed.chmod(0o600)
  known = tokens.Tokens.read(listed)

  def owner(protocol: str) -> str:
    headers = datastructures.Headers({'sec-websocket-protocol': protocol})
    return requests.owner_of_socket(headers, known)

  assert owner('other, token.' + 'a' * 16) == 'one'
  for wrong in ('token.' + 'b' * 16, 'a' * 16, ''):
    with pytest.raises(exceptions.HTTPException, match='401'):
      owner(wrong)


def test_a_client_that_leaves_leaves_nothing(client, tmp_path):
  with client.websocket_connect(_URL) as socket:
    socket.send_json({'image': _uploaded(client)})
    socket.receive_json()
    socket.send_bytes(bytes(320_000))
    socket.receive_bytes()
  _gone(client, tmp_path)


@pytest.mark.parametrize(
  ('first', 'then', 'message'),
  [
    ('{"image": "/etc/passwd"}', None, 'image: expected a name that'),
    ('{"picture": 1}', None, 'stream: expected fields among image,'),
    ('[1', None, 'message: expected a JSON object'),
    (b'\0\0', None, 'message: expected a JSON object'),
    ('{"format": "gif"}', None, 'format: expected jpeg, webp, mp4'),
    (
      '{"format": "mp4", "sample_rate": 16001}',
      None,
      'sample_rate: expected one of 8000',
    ),
    ('{"look_ahead": "1"}', None, 'look_ahead: expected a number'),
    ('{"options": {"mark": "off"}}', None, 'options: expected names among'),
    ('{"options": {"size": 1024}}', None, 'size: expected at most 512'),
    ({'sample_rate': 10}, None, 'sample_rate: expected'),
    ({'look_ahead': 3}, None, 'look_ahead: expected 0 to 0.52 s, found 3'),
    ({'options': {'input_yaw': [3]}}, None, 'input_yaw: expected none'),
    ({}, b'123', 'sound: expected up to'),
    ({}, '{"type": "stop"}', 'type: expected one of end_segment'),
  ],
)
def test_bad_messages_end_a_stream_with_one_line(
  client, tmp_path, first, then, message
):
  with client.websocket_connect(_URL) as socket:
    if isinstance(first, bytes):
      socket.send_bytes(first)
    elif isinstance(first, str):
      socket.send_text(first)
    else:
      socket.send_json({'image': _uploaded(client)} | first)
    if then is not None:
      assert socket.receive_json()['type'] == 'ready'
      (socket.send_bytes if isinstance(then, bytes) else socket.send_text)(then)
    while (answer := socket.receive()).get('bytes'):
      pass
    assert answer['text'].startswith('{"error":{"message":"' + message), answer
    with pytest.raises(websockets.WebSocketDisconnect) as closed:
      socket.receive_json()
    assert closed.value.code == 1008
  _gone(client, tmp_path)


def test_strangers_and_more_than_there_is_room_for_are_denied(
  animator, tmp_path
):
  listed = tmp_path / 'tokens.txt'
  listed.write_text('one ' + 'a' * 16 + '\n')
  service = service_lib.Service(
    animator,
    tmp_path / 'server',
    limits=limits.Limits(streams_of_one=1, stream_idle_s=0.2),
  )
  app = api.application(service, tokens.Tokens.read(listed), hosts=None)
  with testclient.TestClient(app) as client:

    def denied() -> int:
      with pytest.raises(testclient.WebSocketDenialResponse) as refused:
        with client.websocket_connect(_URL):
          pass
      assert 'expected' in refused.value.json()['error']['message']
      return refused.value.status_code

    assert denied() == 401
    client.headers['Authorization'] = 'Bearer ' + 'a' * 16
    with client.websocket_connect(_URL) as socket:
      assert denied() == 429
      socket.send_json({'image': _uploaded(client)})
      socket.receive_json()
      while (answer := socket.receive()).get('bytes'):
        pass
      assert 'expected a message within 0.2 s' in answer['text']  # it is silent
    origin = {'Origin': 'http://elsewhere.example'}
    with pytest.raises(websockets.WebSocketDisconnect):
      with client.websocket_connect(_URL, headers=origin):
        pass
    _gone(client, tmp_path)
