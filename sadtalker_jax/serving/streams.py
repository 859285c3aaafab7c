"""The socket of streams: sound in, frames and their sound out.

    WS /v1/stream
    > {"image": "upload_...", "sample_rate": 24000}
    < {"type": "ready", "fps": 25.0, "width": 256, "height": 256, ...}
    > binary: samples, 16 bits          < binary: parts or mp4, see `parts`
    > {"type": "end_segment"}, {"type": "interrupt"}, {"type": "end"}
    < {"type": "done"}, or {"error": {"message": ...}}

Whoever leaves, is silent for too long or does not read ends the stream, and
nothing of it is left.
"""

import asyncio
import collections
from collections.abc import Iterator
import contextlib

from absl import logging
import fastapi
from fastapi import responses
from starlette import concurrency, exceptions, websockets

from sadtalker_jax import errors
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.live import session as session_lib
from sadtalker_jax.serving import forms, parts, stream_messages
from sadtalker_jax.serving import requests as requests_lib
from sadtalker_jax.serving import service as service_lib
from sadtalker_jax.serving import tokens as tokens_lib

_OPENING_S = 10.0  # until the first message
_SENDING_S = 5.0  # until a message is taken
_MOST_SAMPLES = 1 << 18  # in a message
_REFUSED, _BROKEN = 1008, 1011  # why a socket is closed
_INTERNAL = 'an error of the server, which its log describes'


def router(
  service: service_lib.Service, tokens: tokens_lib.Tokens | None
) -> fastapi.APIRouter:
  """The route of the socket."""
  result = fastapi.APIRouter()
  room = _Room(service)

  @result.websocket('/stream')
  async def stream(socket: fastapi.WebSocket) -> None:
    try:
      name = requests_lib.owner_of_socket(socket.headers, tokens)
      entered = contextlib.ExitStack()
      entered.enter_context(room.entered(name))
    except exceptions.HTTPException as error:
      await _deny(socket, error.status_code, error.detail)
      return
    except service_lib.Busy as error:
      await _deny(socket, 429, str(error))
      return
    with entered:
      await socket.accept(requests_lib.token_protocol(socket.headers))
      await _answered(socket, service, name)

  return result


class _Room:
  """Streams that are open."""

  def __init__(self, service: service_lib.Service):
    self._service = service
    self._open: collections.Counter[str] = collections.Counter()

  @contextlib.contextmanager
  def entered(self, name: str) -> Iterator[None]:
    """Counts a stream while it is open.

    Raises:
      Busy: there are too many.
    """
    limits = self._service.limits
    for count, most, whose in (
      (self._open[name], limits.streams_of_one, 'of one token'),
      (self._open.total(), limits.streams, 'of all'),
    ):
      if count >= most:
        raise service_lib.Busy(f'expected at most {most} streams {whose}')
    self._open[name] += 1
    self._service.meters.streams.inc()
    try:
      yield
    finally:
      self._open[name] -= 1
      self._service.meters.streams.dec()


async def _answered(
  socket: fastapi.WebSocket, service: service_lib.Service, name: str
) -> None:
  """Serves a stream; says why where it ends before it is done."""
  try:
    start = await stream_messages.first(socket, _OPENING_S)
    live = await _opened(service, name, start)
    try:
      await live.warm_up()
      await _talk(socket, service, live, start)
    finally:
      live.close()
  except websockets.WebSocketDisconnect:
    return
  except errors.InputError as error:
    await _end(socket, str(error), _REFUSED)
  except TimeoutError:
    await _end(socket, 'stream: expected a client that reads', _REFUSED)
  except Exception:
    logging.exception('stream of %s', name)
    await _end(socket, _INTERNAL, _BROKEN)


async def _opened(
  service: service_lib.Service, name: str, start: stream_messages.Start
) -> session_lib.LiveSession:
  """The session of a picture that was uploaded."""
  values = forms.read(start.options)
  options = options_lib.changed(None, values)
  service.limits.check_options(options)
  logging.info('stream of %s, consent %s', name, start.consent)
  with service.receiving() as folder:
    path = folder / 'image'
    service.take_upload(name, start.image, path)
    try:
      service.limits.check_picture(path, options)
      return await concurrency.run_in_threadpool(
        service.animator.stream,
        path,
        options,
        sample_rate=start.sample_rate,
        look_ahead=start.look_ahead,
      )
    except errors.InputError as error:
      raise errors.InputError(str(error).replace(str(path), 'image')) from error


async def _talk(
  socket: fastapi.WebSocket,
  service: service_lib.Service,
  live: session_lib.LiveSession,
  start: stream_messages.Start,
) -> None:
  width, height = live.size
  packer = parts.packer(
    start.format, live.size, live.fps, live.sample_rate, start.quality
  )
  ready = {
    'type': 'ready',
    'fps': live.fps,
    'width': width,
    'height': height,
    'sample_rate': live.sample_rate,
    'format': start.format,
    'mime': packer.mime,
  }
  await asyncio.wait_for(socket.send_json(ready), _SENDING_S)
  limits = service.limits
  tasks = {
    asyncio.create_task(_listen(socket, live, limits.stream_idle_s)),
    asyncio.create_task(_show(socket, service, live, packer)),
  }
  try:
    done, _ = await asyncio.wait(
      tasks, timeout=limits.stream_s, return_when=asyncio.FIRST_COMPLETED
    )
    for task in done:
      task.result()
    if not done:
      raise errors.InputError(
        f'stream: expected an end within {limits.stream_s:g} s'
      )
  finally:
    for task in tasks:
      task.cancel()
    # Not `gather`: it would answer a cancellation of this task by one of its
    # own, which whoever cancels does not know.
    await asyncio.wait(tasks)
    for task in tasks:
      if not task.cancelled():
        task.exception()  # is taken notice of


async def _listen(
  socket: fastapi.WebSocket, live: session_lib.LiveSession, idle_s: float
) -> None:
  """Hands on what is sent, until the client leaves."""
  acts = {
    'end_segment': live.end_segment,
    'interrupt': live.interrupt,
    'end': live.end,
  }
  while True:
    message = await stream_messages.received(socket, idle_s)
    if isinstance(message, bytes):
      await live.push(parts.samples(message, _MOST_SAMPLES))
      continue
    kind = stream_messages.json_object(message).get('type')
    if not isinstance(kind, str) or kind not in acts:
      raise errors.InputError(
        f'type: expected one of {" ".join(acts)}, found {errors.shown(kind)}'
      )
    acts[kind]()


async def _show(
  socket: fastapi.WebSocket,
  service: service_lib.Service,
  live: session_lib.LiveSession,
  packer: parts.Packer,
) -> None:
  """Sends parts until all is said."""

  async def send(message: bytes) -> None:
    if message:
      await asyncio.wait_for(socket.send_bytes(message), _SENDING_S)

  await send(packer.begin())
  async for part in live:
    await send(await concurrency.run_in_threadpool(packer.pack, part))
    service.meters.frames.inc(not part.repeated)
  await send(packer.finish())
  await asyncio.wait_for(socket.send_json({'type': 'done'}), _SENDING_S)
  await socket.close()


async def _deny(socket: fastapi.WebSocket, status: int, message: str) -> None:
  """Answers before there is a socket, as other routes do."""
  answer = responses.JSONResponse({'error': {'message': message}}, status)
  await socket.send_denial_response(answer)


async def _end(socket: fastapi.WebSocket, message: str, code: int) -> None:
  """Says why a stream ends; a client that has left does not hear it."""
  with contextlib.suppress(Exception):
    answer = {'error': {'message': message}}
    await asyncio.wait_for(socket.send_json(answer), _SENDING_S)
    await socket.close(code)
