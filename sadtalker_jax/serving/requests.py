"""Requests of the HTTP API: who asks, and the files and fields that are sent.

Files are sent as files. A text where a file belongs (a path, a URL) is refused,
never opened.
"""

from collections.abc import AsyncIterator
import contextlib
import json
import pathlib
import shutil
from typing import Any

from starlette import (
  concurrency,
  datastructures,
  exceptions,
  formparsers,
  requests,
)

from sadtalker_jax import errors
from sadtalker_jax.serving import given_files
from sadtalker_jax.serving import service as service_lib
from sadtalker_jax.serving import tokens as tokens_lib

_PROTOCOL = 'token.'
_MOST_JSON = 64_000  # bytes
_MOST_FIELDS = 60
_FLAGS = {'true': True, 'false': False}


def owner(
  headers: datastructures.Headers, tokens: tokens_lib.Tokens | None
) -> str:
  """Name of the token that a request brings.

  Raises:
    HTTPException: 401, there is none, or it is not known any more.
  """
  if tokens is None:
    return tokens_lib.LOCAL
  scheme, _, token = headers.get('authorization', '').partition(' ')
  return _known(token.strip() if scheme.lower() == 'bearer' else '', tokens)


def owner_of_socket(
  headers: datastructures.Headers, tokens: tokens_lib.Tokens | None
) -> str:
  """As `owner`; a page, which cannot set headers, names a protocol instead.

  Raises:
    HTTPException: 401, there is no token, or it is not known any more.
  """
  protocol = token_protocol(headers)
  if tokens is None or protocol is None:
    return owner(headers, tokens)
  return _known(protocol.removeprefix(_PROTOCOL), tokens)


def token_protocol(headers: datastructures.Headers) -> str | None:
  """The protocol of a socket that names a token; None where there is none."""
  given = headers.get('sec-websocket-protocol', '').split(',')
  names = (name.strip() for name in given)
  return next((name for name in names if name.startswith(_PROTOCOL)), None)


def _known(token: str, tokens: tokens_lib.Tokens) -> str:
  name = tokens.owner(token)
  if name is None:
    raise exceptions.HTTPException(
      401,
      'token: expected the header "Authorization: Bearer TOKEN" with a token '
      'that is known and whose time is not over',
      {'WWW-Authenticate': 'Bearer'},
    )
  return name


@contextlib.asynccontextmanager
async def form(
  request: requests.Request,
) -> AsyncIterator[datastructures.FormData]:
  """The fields of a form; its files are gone afterwards.

  Raises:
    HTTPException: 400, it is no form.
  """
  kind = request.headers.get('content-type', '')
  if not kind.startswith('multipart/form-data'):
    raise exceptions.HTTPException(
      415, 'content-type: expected multipart/form-data or application/json'
    )
  try:
    async with request.form(
      max_files=given_files.MOST,
      max_fields=_MOST_FIELDS,
      max_part_size=_MOST_JSON,
    ) as fields:
      yield fields
  except formparsers.MultiPartException as error:
    raise exceptions.HTTPException(400, f'body: {error.message}') from error


async def save(
  fields: datastructures.FormData, name: str, folder: pathlib.Path
) -> pathlib.Path:
  """Writes the file of a form into a folder; returns its path.

  Raises:
    InputError: the field is missing, or no file.
  """
  given = fields.get(name)
  if not isinstance(given, datastructures.UploadFile):
    found = 'none' if given is None else 'a text (send the file itself)'
    raise errors.InputError(f'{name}: expected a file, found {found}')
  target = folder / name
  await concurrency.run_in_threadpool(_copy, given, target)
  if not target.stat().st_size:
    raise errors.InputError(f'{name}: expected a file, found an empty one')
  return target


def texts(fields: datastructures.FormData) -> dict[str, Any]:
  """The fields of a form that are no files.

  Raises:
    InputError: a name is there twice, or a file has an unknown name.
  """
  result: dict[str, Any] = {}
  for name, value in fields.multi_items():
    if name in result or len(fields.getlist(name)) > 1:
      raise errors.InputError(
        f'{errors.shown(name)}: expected once, found twice'
      )
    if given_files.is_name(name):
      continue
    if not isinstance(value, str):
      raise errors.InputError(
        f'{errors.shown(name)}: expected a text, found a file'
      )
    result[name] = value
  return result


async def json_object(request: requests.Request) -> dict[str, Any]:
  """The object that a request is.

  Raises:
    HTTPException: 413, it is too large; 400, it is none.
  """
  body = b''
  async for part in request.stream():
    body += part
    if len(body) > _MOST_JSON:
      raise exceptions.HTTPException(413, 'body: expected less JSON')
  try:
    found = json.loads(body)
  except (ValueError, RecursionError) as error:
    raise exceptions.HTTPException(
      400, 'body: expected a JSON object'
    ) from error
  if not isinstance(found, dict):
    raise exceptions.HTTPException(400, 'body: expected a JSON object')
  return found


def consent(fields: dict[str, Any]) -> bool:
  """Takes the consent out of fields; false where nothing is said.

  Raises:
    InputError: it is neither true nor false.
  """
  given = fields.pop('consent', False)
  said = _FLAGS.get(given.lower()) if isinstance(given, str) else given
  if not isinstance(said, bool):
    raise errors.InputError(
      f'consent: expected true or false, found {errors.shown(given)}'
    )
  return said


async def save_all(
  fields: datastructures.FormData, folder: pathlib.Path
) -> None:
  """Writes all files that jobs may have into a folder, as `save`."""
  for name in fields:
    if given_files.is_name(name):
      await save(fields, name, folder)


def take_uploads(
  service: service_lib.Service,
  name: str,
  fields: dict[str, Any],
  folder: pathlib.Path,
) -> None:
  """Puts the uploads that fields name into a folder, and removes the fields.

  Raises:
    InputError: there is no such upload, or there are too many.
  """
  for kind, upload in given_files.taken(fields).items():
    service.take_upload(name, upload, folder / kind)


def _copy(given: datastructures.UploadFile, target: pathlib.Path) -> None:
  with open(target, 'wb') as file:
    shutil.copyfileobj(given.file, file, 1 << 20)
