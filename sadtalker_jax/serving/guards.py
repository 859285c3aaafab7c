"""What is refused before any route sees a request.

- Bodies over the limit, whether or not they state their length (413).
- Requests that a page of another site makes a browser send (403): those whose
  Origin is not the host that was asked. There are no CORS headers.
- Hosts that are not this machine, where no token protects the service (421): a
  name of a stranger may have been pointed at it (DNS rebinding).
"""

from collections.abc import Sequence
import urllib.parse

from starlette import datastructures, exceptions, responses, types

LOOPBACK = ('localhost', '127.0.0.1', '[::1]')

_SAFE = ('GET', 'HEAD', 'OPTIONS')
_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'SAMEORIGIN',
  'Referrer-Policy': 'no-referrer',
}


class Guard:
  """The ASGI layer around the routes."""

  def __init__(
    self, app: types.ASGIApp, most_bytes: int, hosts: Sequence[str] | None
  ):
    """Wraps an application.

    Args:
      app: Application.
      most_bytes: Limit of a body.
      hosts: Names under which it may be asked, without port; None for any.
    """
    self._app = app
    self._most_bytes = most_bytes
    self._hosts = hosts

  async def __call__(
    self, scope: types.Scope, receive: types.Receive, send: types.Send
  ) -> None:
    """Answers a request, or hands it on."""
    if scope['type'] not in ('http', 'websocket'):
      await self._app(scope, receive, send)
      return
    headers = datastructures.Headers(scope=scope)
    if refusal := self._refusal(scope, headers):
      status, message = refusal
      if scope['type'] == 'websocket':
        await receive()
        await send({'type': 'websocket.close', 'code': 1008, 'reason': message})
      else:
        await _answer(status, message)(scope, receive, send)
      return
    if scope['type'] == 'websocket':
      await self._app(scope, receive, send)
      return
    await self._app(scope, self._counted(receive), _with_headers(send))

  def _refusal(
    self, scope: types.Scope, headers: datastructures.Headers
  ) -> tuple[int, str] | None:
    """Status and message where a request is refused."""
    host = headers.get('host', '')
    if self._hosts is not None and _without_port(host) not in self._hosts:
      names = ', '.join(self._hosts)
      return 421, f'host: expected one of {names}'
    origin = headers.get('origin')
    changes = scope['type'] == 'websocket' or scope['method'] not in _SAFE
    if changes and origin is not None:
      if urllib.parse.urlsplit(origin).netloc.lower() != host.lower():
        return 403, 'origin: expected a page of this server'
    length = headers.get('content-length', '')
    if length.isdecimal() and int(length) > self._most_bytes:
      return 413, too_large(self._most_bytes)
    return None

  def _counted(self, receive: types.Receive) -> types.Receive:
    """Receives a body up to the limit."""
    count = 0

    async def counted() -> types.Message:
      nonlocal count
      message = await receive()
      count += len(message.get('body', b''))
      if count > self._most_bytes:
        raise exceptions.HTTPException(413, too_large(self._most_bytes))
      return message

    return counted


def too_large(most: int) -> str:
  """The message about a body over the limit."""
  return f'body: expected at most {most / 1e6:g} MB, found more'


def _without_port(host: str) -> str:
  name, _, port = host.lower().rpartition(':')
  return name if name and port.isdecimal() else host.lower()


def _answer(status: int, message: str) -> responses.Response:
  return responses.JSONResponse({'error': {'message': message}}, status)


def _with_headers(send: types.Send) -> types.Send:
  async def sent(message: types.Message) -> None:
    if message['type'] == 'http.response.start':
      headers = datastructures.MutableHeaders(scope=message)
      for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    await send(message)

  return sent
