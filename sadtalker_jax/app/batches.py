"""What the tab Batch does: a zip of jobs in, a zip of videos out.

The archive holds `jobs.jsonl`, lines as `inference.batch.manifest` reads them,
and the files that they name. It is unpacked by our own names: what its entries
are called decides nothing, and what they state of their size is not believed.
"""

from collections.abc import Iterator
import json
import pathlib
import secrets
import time
from typing import IO, Any, NamedTuple
import zipfile

import gradio

from sadtalker_jax import errors
from sadtalker_jax.app import animating
from sadtalker_jax.serving import given_files, job_table
from sadtalker_jax.serving import service as service_lib

MANIFEST = 'jobs.jsonl'

_MOST_LINES = 100
_MOST_TEXT = 1_000_000  # bytes of the manifest
_BLOCK = 1 << 20
_POLL_S = 0.25


class Line(NamedTuple):
  """A line of the manifest."""

  files: dict[str, Any]  # names in the archive, by those of `given_files`
  output: str
  options: dict[str, Any]


class Batching:
  """Batches of one service."""

  def __init__(self, service: service_lib.Service):
    self._service = service

  def batch(
    self, archive: Any, consent: bool, request: gradio.Request
  ) -> Iterator[tuple[Any, str]]:
    """Makes the videos; yields their archive, and a line about the state."""
    owner = animating.owner(request)
    with animating.shown_errors(), self._service.receiving() as folder:
      if not consent:
        raise errors.InputError(
          'consent: expected a tick, which says that all persons shown agree'
        )
      path = animating.given(archive, 'archive')
      with _opened(path) as file:
        lines = read(file)
        jobs: list[job_table.Job | str] = []
        try:
          for number, line in enumerate(lines, 1):
            for _ in self._waiting(owner):
              yield gradio.skip(), f'line {number} of {len(lines)} waits'
            jobs.append(self._submitted(file, line, owner, folder))
            yield gradio.skip(), f'{number} of {len(lines)} accepted'
          for job in jobs:
            if isinstance(job, job_table.Job):
              for now in animating.followed(self._service, job):
                state = animating.line(self._service, now)
                yield gradio.skip(), f'line {jobs.index(job) + 1}: {state}'
          result = self._service.page_folder / f'{secrets.token_hex(16)}.zip'
          self._pack(lines, jobs, result)
          yield str(result), f'{len(lines)} lines, see summary.json'
        finally:
          for job in jobs:
            if isinstance(job, job_table.Job):
              self._service.cancel(job)  # of those that have not ended

  def _waiting(self, owner: str) -> Iterator[None]:
    """Waits for room for one job more."""
    while True:
      try:
        self._service.check_room(owner)
      except service_lib.Busy:
        yield
        time.sleep(_POLL_S)
      else:
        return

  def _submitted(
    self,
    file: zipfile.ZipFile,
    line: Line,
    owner: str,
    folder: pathlib.Path,
  ) -> job_table.Job | str:
    """The job of a line, or why there is none."""
    paths = {kind: folder / kind for kind in line.files}
    try:
      for kind, name in line.files.items():
        self._unpack(file, name, paths[kind])
      return self._service.submit(owner, paths, line.options, consent=True)
    except errors.InputError as error:
      return str(error)

  def _unpack(
    self, file: zipfile.ZipFile, name: str, target: pathlib.Path
  ) -> None:
    """Writes an entry under a name of ours, up to the limit of a request."""
    most = self._service.limits.request_bytes
    try:
      with file.open(name) as source, open(target, 'wb') as copy:
        _copy(source, copy, most, name)
    except (KeyError, *_DAMAGE) as error:
      raise errors.InputError(
        f'{errors.shown(name)}: expected a whole entry of the archive, '
        f'found {"none" if isinstance(error, KeyError) else "a damaged one"}'
      ) from error

  def _pack(
    self,
    lines: list[Line],
    jobs: list[job_table.Job | str],
    target: pathlib.Path,
  ) -> None:
    """Writes the archive of results."""
    summary = []
    with zipfile.ZipFile(target, 'w') as archive:
      for line, job in zip(lines, jobs, strict=True):
        fact: dict[str, Any] = {'output': line.output, 'status': 'failed'}
        if isinstance(job, str):
          fact['error'] = job
        elif (ended := self._service.job(job.owner, job.id)) is not None:
          fact |= {
            'status': ended.status,
            'frames': ended.frames,
            'mark': ended.mark,
            'consent': ended.consent,
            'error': ended.error,
          }
          if ended.status == 'completed':
            archive.write(self._service.files(job.id).video, line.output)
        summary.append(fact)
      archive.writestr('summary.json', json.dumps(summary, indent=2))


_DAMAGE = (
  zipfile.BadZipFile,
  NotImplementedError,
  RuntimeError,  # encrypted
  EOFError,
  OSError,
)


def read(file: zipfile.ZipFile) -> list[Line]:
  """The lines of an archive's manifest.

  Raises:
    InputError: there is no manifest, or lines are faulty.
  """
  try:
    with file.open(MANIFEST) as source:
      text = source.read(_MOST_TEXT + 1).decode('utf-8-sig')
  except (KeyError, UnicodeDecodeError, *_DAMAGE) as error:
    raise errors.InputError(
      f'archive: expected the text {MANIFEST} at its top'
    ) from error
  rows = [row for row in text.splitlines() if row.strip()]
  if len(text) > _MOST_TEXT or not 1 <= len(rows) <= _MOST_LINES:
    raise errors.InputError(
      f'{MANIFEST}: expected 1 to {_MOST_LINES} lines, found {len(rows)}'
    )
  lines = [_line(number, row) for number, row in enumerate(rows, 1)]
  outputs = [line.output for line in lines]
  if len(set(outputs)) < len(outputs):
    raise errors.InputError(f'{MANIFEST}: expected every output once')
  return lines


def _line(number: int, row: str) -> Line:
  where = f'{MANIFEST}: line {number}'
  try:
    fields = json.loads(row)
  except (ValueError, RecursionError):
    fields = None
  if not isinstance(fields, dict):
    raise errors.InputError(f'{where}: expected a JSON object')
  try:
    files = given_files.taken(fields)
  except errors.InputError as error:
    raise errors.InputError(f'{where}: {error}') from None
  output = fields.pop('output', None)
  for name, value in {**files, 'output': output}.items():
    if not isinstance(value, str) or not value:
      raise errors.InputError(f'{where}: {name}: expected a name')
  is_plain = output == pathlib.PurePosixPath(output).name
  if not is_plain or not output.endswith('.mp4') or '\\' in output:
    raise errors.InputError(
      f'{where}: output: expected a name that ends in .mp4, without folders, '
      f'found {errors.shown(output)}'
    )
  return Line(files, output, fields)


def _opened(path: pathlib.Path) -> zipfile.ZipFile:
  try:
    return zipfile.ZipFile(path)
  except _DAMAGE as error:
    raise errors.InputError('archive: expected a zip file') from error


def _copy(source: IO[bytes], copy: IO[bytes], most: int, name: str) -> None:
  count = 0
  while block := source.read(_BLOCK):
    count += len(block)
    if count > most:
      raise errors.InputError(
        f'{errors.shown(name)}: expected at most {most / 1e6:g} MB unpacked'
      )
    copy.write(block)
