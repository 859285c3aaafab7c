"""Jobs of a manifest whose files may lie in object stores, group by group.

A group is some lines of the manifest; a worker makes their videos together, as
`jobs.run_jobs` does, from local copies of the files. What becomes of a group is
noted in a file beside the summary, since workers elsewhere have no other
way to tell: `NOTES/FIRST_LINE.json`.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import json
import pathlib
import tempfile
from typing import Any

from sadtalker_jax import compile_cache, errors
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import pipeline, rendering
from sadtalker_jax.inference.batch import jobs as jobs_lib
from sadtalker_jax.inference.batch import manifest
from sadtalker_jax.stores import fetching, single_files

GROUP = 8  # jobs

_OF_FILES = ('image', 'video', 'audio', 'output')


@dataclasses.dataclass(frozen=True)
class Group:
  """Lines of a manifest that one worker makes together."""

  base: str  # folder of the manifest, an address
  lines: tuple[tuple[int, str], ...]  # number, from 1, and text

  def note(self, notes: str) -> str:
    """Address of what became of it."""
    return f'{notes}/{self.lines[0][0]}.json'


@dataclasses.dataclass(frozen=True)
class Work:
  """How groups are made; it is sent to workers."""

  bundle: str
  dtype: rendering.DtypeName
  options: options_lib.Options  # of lines that do not have them
  batch_size: int
  overwrite: bool
  notes: str  # address of the folder of notes


def is_elsewhere(path: str) -> bool:
  """Whether a manifest, or a file that it names, lies in a store."""
  if fetching.is_remote(path):
    return True
  source = pathlib.Path(path)
  return source.is_file() and b'://' in source.read_bytes()


def read(
  path: str, defaults: options_lib.Options, size: int = GROUP
) -> list[Group]:
  """The groups of a manifest, which is checked whole.

  Args:
    path: Address of the manifest.
    defaults: Options of lines that do not have them.
    size: Jobs of a group.

  Raises:
    InputError: as `manifest.read`, or it cannot be fetched.
  """
  base = path.rpartition('/')[0] or '.'
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    source = pathlib.Path(path)
    if fetching.is_remote(path):
      source = folder / 'manifest'
      single_files.fetch(path, source)
    lines = manifest.lines_of(source)
    # Checked with local names, which are as different as the addresses are.
    manifest.parsed(
      lines, folder, defaults, path, lambda text: _placed(text, base, folder)[0]
    )
  return [
    Group(base, tuple(lines[at : at + size]))
    for at in range(0, len(lines), size)
  ]


class Maker:
  """Makes groups; has one animator."""

  def __init__(self, work: Work):
    """Loads the networks."""
    compile_cache.enable()
    self._work = work
    self._animator = pipeline.Animator.from_pretrained(
      work.bundle, dtype=work.dtype
    )

  def make(self, group: Group) -> list[jobs_lib.JobResult]:
    """Makes the videos of a group that are not there; notes what became."""
    with tempfile.TemporaryDirectory() as name:
      folder = pathlib.Path(name)
      results = self._made(group, folder)
      note = folder / 'note.json'
      note.write_text(json.dumps([dataclasses.asdict(r) for r in results]))
      single_files.put(note, group.note(self._work.notes))
    return results

  def _made(
    self, group: Group, folder: pathlib.Path
  ) -> list[jobs_lib.JobResult]:
    results: dict[int, jobs_lib.JobResult] = {}
    todo: list[manifest.AnimationJob] = []
    addresses: dict[int, str] = {}
    for number, text in group.lines:
      line, files = _placed(text, group.base, folder)
      address = files.pop('output')[1]
      addresses[number] = address
      try:
        if not self._work.overwrite and single_files.exists(address):
          results[number] = _result(number, address, 'skipped')
          continue
        for local, given in files.values():
          if fetching.is_remote(given):
            single_files.fetch(given, local)
        job = manifest.one(number, line, folder, self._work.options)
        if job.options.encoding.kind.is_folder and fetching.is_remote(address):
          raise errors.InputError(
            f'codec: expected a file in a store, found {job.options.codec}'
          )
        todo.append(job)
      except errors.InputError as error:
        results[number] = _result(number, address, 'failed', str(error))
    for job in todo:
      if fetching.is_remote(addresses[job.line]):
        job.output.parent.mkdir(parents=True, exist_ok=True)
    for job, made in zip(todo, self._run(todo), strict=True):
      results[job.line] = self._stored(job, made, addresses[job.line])
    return [results[number] for number, _ in group.lines]

  def _run(
    self, todo: Sequence[manifest.AnimationJob]
  ) -> list[jobs_lib.JobResult]:
    return jobs_lib.run_jobs(
      self._animator,
      todo,
      batch_size=self._work.batch_size,
      overwrite=self._work.overwrite,
    )

  def _stored(
    self, job: manifest.AnimationJob, made: jobs_lib.JobResult, address: str
  ) -> jobs_lib.JobResult:
    """Puts a video where it belongs."""
    error = made.error and made.error.replace(str(job.output), address)
    result = dataclasses.replace(made, output=address, error=error)
    if made.status != 'done' or not fetching.is_remote(address):
      return result
    try:
      single_files.put(job.output, address)
    except errors.InputError as fault:
      return _result(job.line, address, 'failed', str(fault))
    finally:
      job.output.unlink(missing_ok=True)
    return result


def results_of(
  groups: Sequence[Group], notes: str
) -> Iterator[jobs_lib.JobResult]:
  """What became of all jobs, by the notes of their groups."""
  with tempfile.TemporaryDirectory() as name:
    copy = pathlib.Path(name, 'note')
    for group in groups:
      note = group.note(notes)
      if fetching.is_remote(note):
        single_files.fetch(note, copy)
      source = copy if fetching.is_remote(note) else pathlib.Path(note)
      for fields in json.loads(source.read_text()):
        yield jobs_lib.JobResult(**fields)


def _result(
  line: int, output: str, status: jobs_lib.Status, error: str | None = None
) -> jobs_lib.JobResult:
  return jobs_lib.JobResult(line, output, status, 0, 0.0, error)


def _placed(
  text: str, base: str, folder: pathlib.Path
) -> tuple[str, dict[str, tuple[pathlib.Path, str]]]:
  """A line with local names, and its files: local names and addresses.

  What is wrong with a value is left as it is, for the manifest to say.

  Raises:
    InputError: the line is no object.
  """
  files: dict[str, tuple[pathlib.Path, str]] = {}

  def local(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not value:
      return value
    address = single_files.joined(base, value)
    path = pathlib.Path(address).absolute()
    if fetching.is_remote(address):
      path = folder / address.replace('://', '/', 1)
    files[name] = path, address
    return str(path)

  fields = manifest.fields_of(text)
  specs = options_lib.by_name()
  for name, value in fields.items():
    kind = specs[name].kind if name in specs else ''
    if name in _OF_FILES or kind == 'path':
      fields[name] = local(name, value)
    elif kind == 'paths' and isinstance(value, list) and len(value) > 1:
      fields[name] = [local(f'{name}{i}', v) for i, v in enumerate(value)]
    elif kind == 'speakers' and isinstance(value, dict):
      fields[name] = {k: local(f'{name}{k}', v) for k, v in value.items()}
  return json.dumps(fields), files
