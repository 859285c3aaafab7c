"""Messages that a client sends to the socket of streams, checked."""

import asyncio
import dataclasses
import json
from typing import Any

import fastapi
from starlette import websockets

from sadtalker_jax import conventions, errors
from sadtalker_jax.media import fragments
from sadtalker_jax.serving import parts


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
  """The first message: what is streamed, and how."""

  image: Any = None
  sample_rate: Any = conventions.SAMPLE_RATE
  look_ahead: Any = 0.16
  format: Any = 'jpeg'
  quality: Any = 90
  consent: Any = False
  options: Any = dataclasses.field(default_factory=dict)

  def __post_init__(self) -> None:
    """Checks what `Animator.stream` does not."""
    names = ', '.join(parts.FORMATS)
    _expect('format', self.format in parts.FORMATS, names, self.format)
    whole = type(self.quality) is int and 1 <= self.quality <= 100
    _expect('quality', whole, '1 to 100', self.quality)
    number = type(self.look_ahead) in (int, float)
    _expect('look_ahead', number, 'a number of seconds', self.look_ahead)
    number = type(self.sample_rate) is int
    _expect('sample_rate', number, 'a whole number', self.sample_rate)
    if self.format == 'mp4':
      rates = ', '.join(map(str, fragments.RATES))
      taken = self.sample_rate in fragments.RATES
      _expect('sample_rate', taken, f'one of {rates} for mp4', self.sample_rate)
    flag = isinstance(self.consent, bool)
    _expect('consent', flag, 'true or false', self.consent)
    named = isinstance(self.options, dict)
    _expect('options', named, 'an object', self.options)


async def first(socket: fastapi.WebSocket, within_s: float) -> Start:
  """The first message.

  Raises:
    InputError: it is none of its kind, or does not come in time.
    WebSocketDisconnect: the client has left.
  """
  fields = json_object(await received(socket, within_s))
  known = [field.name for field in dataclasses.fields(Start)]
  if unknown := [each for each in fields if each not in known]:
    raise errors.InputError(
      f'stream: expected fields among {", ".join(known)}; found '
      f'{errors.shown(unknown[0])}'
    )
  return Start(**fields)


async def received(socket: fastapi.WebSocket, within_s: float) -> str | bytes:
  """The next message.

  Raises:
    InputError: it does not come in time.
    WebSocketDisconnect: there is none: the client has left.
  """
  try:
    message = await asyncio.wait_for(socket.receive(), within_s)
  except TimeoutError as error:
    raise errors.InputError(
      f'stream: expected a message within {within_s:g} s'
    ) from error
  if message['type'] == 'websocket.disconnect':
    raise websockets.WebSocketDisconnect(message.get('code') or 1000)
  text = message.get('text')
  return text if text is not None else message.get('bytes') or b''


def json_object(message: str | bytes) -> dict[str, Any]:
  """The object that a message is.

  Raises:
    InputError: it is none.
  """
  try:
    found = json.loads(message) if isinstance(message, str) else None
  except (ValueError, RecursionError):
    found = None
  if not isinstance(found, dict):
    raise errors.InputError('message: expected a JSON object')
  return found


def _expect(name: str, holds: bool, expected: str, found: object) -> None:
  if not holds:
    raise errors.InputError(
      f'{name}: expected {expected}, found {errors.shown(found)}'
    )
