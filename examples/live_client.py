"""A client of streams: a recording is sent as a microphone would give it.

    sadtalker serve --api &
    python examples/live_client.py frames portrait.jpg speech.wav

What comes back is written as pictures and sound; FFmpeg makes a video of them:

    ffmpeg -framerate 25 -i frames/%05d.jpg -i frames/sound.wav live.mp4

It needs nothing of the package, and `websockets`. The recording is a WAV file
of one channel and 16 bits.
"""

import json
import pathlib
import struct
import sys
import threading
import time
import urllib.request
import wave

from websockets.sync import client

_HEADER = struct.Struct('<4sIQIIII')  # see docs/guides/live.md
_REPEATED = 2
_PIECE = 0.02  # seconds of sound in a message


def main(
  folder: str,
  image: str,
  audio: str,
  server: str = 'http://127.0.0.1:8000',
) -> None:
  """Streams a recording; writes what comes back into a folder."""
  with wave.open(audio, 'rb') as file:
    rate, sound = file.getframerate(), file.readframes(file.getnframes())
  start = {'image': _upload(server, image), 'sample_rate': rate}
  url = server.replace('http', 'ws', 1) + '/v1/stream'
  with client.connect(url, max_size=None) as socket:
    socket.send(json.dumps(start))
    ready = json.loads(socket.recv())
    if 'error' in ready:
      raise SystemExit(ready['error']['message'])
    speaking = threading.Thread(target=_speak, args=(socket, sound, rate))
    speaking.start()
    count, end = _receive(socket, pathlib.Path(folder), rate)
    speaking.join()
  print(f'{folder}: {count} frames, {end}')


def _upload(server: str, image: str) -> str:
  """The name of a picture that was uploaded."""
  body = (
    b'--part\r\nContent-Disposition: form-data; name="file"; '
    b'filename="image"\r\n\r\n'
    + pathlib.Path(image).read_bytes()
    + b'\r\n--part--\r\n'
  )
  request = urllib.request.Request(
    f'{server}/v1/uploads',
    body,
    {'Content-Type': 'multipart/form-data; boundary=part'},
  )
  with urllib.request.urlopen(request) as answer:
    return json.load(answer)['id']


def _speak(socket: client.ClientConnection, sound: bytes, rate: int) -> None:
  """Sends sound in time."""
  size = 2 * round(_PIECE * rate)
  started = time.monotonic()
  for number, at in enumerate(range(0, len(sound), size)):
    socket.send(sound[at : at + size])
    time.sleep(max(started + number * _PIECE - time.monotonic(), 0))
  socket.send(json.dumps({'type': 'end'}))


def _receive(
  socket: client.ClientConnection, folder: pathlib.Path, rate: int
) -> tuple[int, str]:
  """Writes parts; returns how many there were, and the last message."""
  folder.mkdir(parents=True, exist_ok=True)
  count, picture = 0, b''
  with wave.open(str(folder / 'sound.wav'), 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(rate)
    while isinstance(message := socket.recv(), bytes):
      _, flags, _, _, samples, _, _ = _HEADER.unpack_from(message)
      end = _HEADER.size + 2 * samples
      file.writeframes(message[_HEADER.size : end])
      if not flags & _REPEATED:
        picture = message[end:]
      count += 1
      (folder / f'{count:05d}.jpg').write_bytes(picture)
  found = json.loads(message)
  return count, found.get('type') or found['error']['message']


if __name__ == '__main__':
  main(*sys.argv[1:])
