"""Serves animations to others: a web page, and an HTTP API.

    sadtalker serve
    sadtalker serve --api
    sadtalker serve --host 0.0.0.0 --token_file tokens.txt

By default only this machine is let in. Other hosts need a file of tokens, a
line each: a name, a token of 16 characters or more, and perhaps the last day on
which it is taken. Ctrl-C and SIGTERM end the server; jobs that are not done in
a few seconds wait for the next start.
"""

import argparse
from collections.abc import Sequence
import os
import socket
import sys
from typing import TYPE_CHECKING

from sadtalker_jax import errors
from sadtalker_jax.cli import command, range_flags

if TYPE_CHECKING:
  import uvicorn

  from sadtalker_jax.serving import limits as limits_lib

_LOOPBACK = ('127.0.0.1', 'localhost', '::1')
_MESSAGE = 1 << 20  # bytes of a message to a socket
_CONNECTIONS = 200  # at once; more are answered with 503


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = command.parser('serve', __doc__)
  add = result.add_argument
  add('--api', action='store_true', help='the HTTP API alone, without the page')
  add('--host', default='127.0.0.1', help='address that is listened on')
  add(
    '--port',
    type=range_flags.whole(0, 65_535),
    default=8000,
    help='0 takes one that is free',
  )
  add('--token_file', metavar='FILE', help='tokens of those who are let in')
  add(
    '--folder',
    default='./results/server',
    help='jobs and videos; one server at a time uses it',
  )
  add('--bundle', default='default', help='as of `sadtalker animate`')
  few = range_flags.whole(1, 1_000_000)
  add(
    '--batch_size',
    type=range_flags.whole(1, 4096),
    default=8,
    help='frames drawn together',
  )
  add('--cpu', action='store_true', help='do not use an accelerator')
  add = result.add_argument_group('limits').add_argument
  add(
    '--max_megabytes',
    type=range_flags.positive(1e6),
    default=50,
    help='of a request',
  )
  add(
    '--max_seconds',
    type=range_flags.positive(1e6),
    default=120,
    help='of a recording',
  )
  add(
    '--max_video_seconds',
    type=range_flags.positive(1e6),
    default=30,
    help='of a video that is re-voiced or followed',
  )
  add('--max_jobs', type=few, default=8, help='of a token, at once')
  add('--max_queue', type=few, default=64, help='waiting jobs of all')
  add('--max_streams', type=few, default=4, help='open at once')
  add(
    '--keep_hours',
    type=range_flags.positive(1e6),
    default=24,
    help='of a finished video',
  )
  return result


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  if flags.cpu:
    os.environ['JAX_PLATFORMS'] = 'cpu'  # before jax starts
  return command.run(lambda: _run(flags), 'serve')


def _run(flags: argparse.Namespace) -> int:
  import uvicorn

  from sadtalker_jax import compile_cache
  from sadtalker_jax.inference import pipeline
  from sadtalker_jax.serving import api, guards, service, tokens

  if not flags.api:
    import gradio  # noqa: F401  (before any work, if it is not there)
  limits = _limits(flags)
  is_local = flags.host in _LOOPBACK
  known = None
  if flags.token_file is not None:
    known = tokens.Tokens.read(flags.token_file)
  elif not is_local:
    raise errors.InputError(
      f'--token_file: expected one with --host {flags.host}, which others '
      'can reach'
    )
  listener = _listener(flags.host, flags.port)
  with listener:
    compile_cache.enable()
    animator = pipeline.Animator.from_pretrained(flags.bundle)
    served = service.Service(
      animator, flags.folder, limits=limits, batch_size=flags.batch_size
    )
    app = api.application(
      served, known, hosts=guards.LOOPBACK if known is None else None
    )
    if not flags.api:
      from sadtalker_jax.app import page

      app = page.mounted(app, served, known)
    host = f'[{flags.host}]' if ':' in flags.host else flags.host
    port = listener.getsockname()[1]
    command.say(
      f'serve: http://{host}:{port}/{"openapi.json" if flags.api else ""}'
    )
    uvicorn.Server(_config(app)).run(sockets=[listener])
  return 0


def _config(app: object) -> 'uvicorn.Config':
  import uvicorn

  return uvicorn.Config(
    app,  # type: ignore[arg-type]
    log_level='warning',
    limit_concurrency=_CONNECTIONS,
    ws_max_size=_MESSAGE,
    ws_max_queue=8,
    timeout_graceful_shutdown=5,
    server_header=False,
    proxy_headers=False,
  )


def _limits(flags: argparse.Namespace) -> 'limits_lib.Limits':
  from sadtalker_jax.serving import limits

  return limits.Limits(
    request_bytes=round(flags.max_megabytes * 1e6),
    seconds=flags.max_seconds,
    video_seconds=flags.max_video_seconds,
    active=flags.max_jobs,
    queued=flags.max_queue,
    streams=flags.max_streams,
    keep_hours=flags.keep_hours,
  )


def _listener(host: str, port: int) -> socket.socket:
  """A socket that listens.

  Raises:
    InputError: it cannot.
  """
  family = socket.AF_INET6 if ':' in host else socket.AF_INET
  try:
    return socket.create_server((host, port), family=family, backlog=128)
  except (OSError, OverflowError) as error:
    reason = getattr(error, 'strerror', None) or str(error)
    raise errors.InputError(
      f'--host, --port: expected an address that is free, found {host} port '
      f'{port}: {reason}'
    ) from error


if __name__ == '__main__':
  sys.exit(main())
