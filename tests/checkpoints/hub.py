"""A Hugging Face Hub of one repository, on this machine.

It answers what `huggingface_hub.snapshot_download` asks for, with ranges, and
can break off or refuse, so that interrupted downloads can be tested.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import hashlib
import http.server
import json
import pathlib
import re
import threading
from typing import Any

REPOSITORY = 'someone/talking'
COMMIT = '0123456789abcdef0123456789abcdef01234567'


@dataclasses.dataclass
class Hub:
  """The server's state.

  Attributes:
    url: its address.
    piece: most bytes that a connection gets of a file; it is cut after them.
    refused: paths that get an error instead of content.
    gets: (path, range) of the files that were asked for.
  """

  url: str = ''
  piece: int | None = None
  refused: set[str] = dataclasses.field(default_factory=set)
  gets: list[tuple[str, str]] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def serving(folder: pathlib.Path) -> Iterator[Hub]:
  """Serves a folder as the repository."""
  hub = Hub()
  server = http.server.ThreadingHTTPServer(
    ('127.0.0.1', 0), _handler(folder, hub)
  )
  hub.url = f'http://127.0.0.1:{server.server_port}'
  thread = threading.Thread(target=server.serve_forever, daemon=True)
  thread.start()
  try:
    yield hub
  finally:
    server.shutdown()
    server.server_close()
    thread.join()


def _handler(folder: pathlib.Path, hub: Hub) -> type:
  files = {
    path.relative_to(folder).as_posix(): path.read_bytes()
    for path in sorted(folder.rglob('*'))
    if path.is_file()
  }

  class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args: Any) -> None:
      pass

    def do_HEAD(self) -> None:
      self._answer(body=False)

    def do_GET(self) -> None:
      self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
      path = self.path.partition('?')[0]
      api = f'/api/models/{REPOSITORY}'
      if path in (api, f'{api}/revision/main', f'{api}/revision/{COMMIT}'):
        names = [{'rfilename': name} for name in files]
        self._json({'id': REPOSITORY, 'sha': COMMIT, 'siblings': names})
      elif path == f'{api}/tree/{COMMIT}':
        self._json(
          [
            {'type': 'file', 'path': n, 'size': len(c), 'oid': _hash(c)}
            for n, c in files.items()
          ]
        )
      elif found := re.fullmatch(
        rf'/{REPOSITORY}/resolve/(?:main|{COMMIT})/(.*)', path
      ):
        self._file(found[1], body=body)
      else:
        self._error(404, 'RepoNotFound')

    def _file(self, name: str, *, body: bool) -> None:
      if name not in files:
        self._error(404, 'EntryNotFound')
        return
      content = files[name]
      wanted = self.headers.get('Range', '') if body else ''
      start = int(re.fullmatch(r'bytes=(\d+)-', wanted)[1]) if wanted else 0
      if body:
        hub.gets.append((name, wanted))
        if name in hub.refused:
          self._error(500, '')
          return
      self.send_response(206 if wanted else 200)
      self.send_header('ETag', f'"{_hash(content)}"')
      self.send_header('X-Repo-Commit', COMMIT)
      self.send_header('Content-Length', str(len(content) - start))
      if wanted:
        end = len(content)
        self.send_header('Content-Range', f'bytes {start}-{end - 1}/{end}')
      self.end_headers()
      if body:
        rest = content[start:]
        self.wfile.write(rest[: hub.piece])
        if hub.piece is not None and len(rest) > hub.piece:
          self.close_connection = True

    def _json(self, value: Any) -> None:
      body = json.dumps(value).encode()
      self.send_response(200)
      self.send_header('Content-Type', 'application/json')
      self.send_header('Content-Length', str(len(body)))
      self.end_headers()
      if self.command == 'GET':
        self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
      self.send_response(status)
      if code:
        self.send_header('X-Error-Code', code)
      self.send_header('Content-Length', '0')
      self.end_headers()

  return Handler


def _hash(content: bytes) -> str:
  return hashlib.sha1(content).hexdigest()
