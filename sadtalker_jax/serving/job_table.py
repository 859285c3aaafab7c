"""The jobs of a service, in an SQLite file that outlives the process.

A job is accepted when its row is committed, and every change of its status is
one statement that names the status it starts from: a job ends once.

    queued -> running -> completed | failed | cancelled
    queued -> cancelled          running -> queued (handed back)
"""

from collections.abc import Iterable, Mapping
import contextlib
import dataclasses
import json
import pathlib
import sqlite3
import threading
import time
from typing import Any, Literal, get_args

Status = Literal['queued', 'running', 'completed', 'failed', 'cancelled']
ENDED: tuple[Status, ...] = ('completed', 'failed', 'cancelled')

MOST_ATTEMPTS = 2  # a job whose process died that often is not tried again

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  status TEXT NOT NULL,
  options TEXT NOT NULL,
  consent INTEGER NOT NULL,
  created REAL NOT NULL,
  started REAL,
  finished REAL,
  frames INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  mark TEXT,
  attempts INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS by_status ON jobs (status, number);
"""


@dataclasses.dataclass(frozen=True)
class Job:
  """A row of the table.

  Attributes:
    number: Place in the order of acceptance.
    id: Name that is hard to guess.
    owner: Name of the token that brought it.
    status: What became of it.
    options: Options that were chosen, by name.
    consent: Whether its owner said that the person shown agrees.
    created: Time of acceptance; all times are seconds since 1970.
    started: Time of the last start.
    finished: Time of its end.
    frames: Frames of the video, where completed.
    error: Reason of a failure.
    mark: Number in the invisible mark, where completed.
    attempts: Number of starts.
  """

  number: int
  id: str
  owner: str
  status: Status
  options: Mapping[str, Any]
  consent: bool
  created: float
  started: float | None
  finished: float | None
  frames: int
  error: str | None
  mark: str | None
  attempts: int


class JobTable:
  """The table; its methods may be called from any thread."""

  def __init__(self, path: pathlib.Path):
    """Opens or makes the file.

    Args:
      path: Name of the file, in a folder that exists.
    """
    self._lock = threading.Lock()
    self._database = sqlite3.connect(
      path, check_same_thread=False, isolation_level=None
    )
    self._database.row_factory = sqlite3.Row
    self._database.execute('PRAGMA journal_mode=WAL')
    self._database.execute('PRAGMA synchronous=FULL')
    self._database.executescript(_SCHEMA)

  def close(self) -> None:
    """Closes the file."""
    with self._lock:
      self._database.close()

  def add(
    self, id: str, owner: str, options: Mapping[str, Any], consent: bool
  ) -> Job:
    """Accepts a job."""
    row = (id, owner, json.dumps(options), int(consent), time.time())
    (job,) = self._rows(
      'INSERT INTO jobs (id, owner, status, options, consent, created) '
      "VALUES (?, ?, 'queued', ?, ?, ?) RETURNING *",
      *row,
    )
    return job

  def get(self, id: str) -> Job | None:
    """A job; None if there is none of that name."""
    return next(iter(self._rows('SELECT * FROM jobs WHERE id = ?', id)), None)

  def of_owner(self, owner: str) -> list[Job]:
    """Jobs of a token, the newest first."""
    return self._rows(
      'SELECT * FROM jobs WHERE owner = ? ORDER BY number DESC', owner
    )

  def ids(self) -> set[str]:
    """Names of all jobs."""
    return {job.id for job in self._rows('SELECT * FROM jobs')}

  def count(self, *statuses: Status, owner: str | None = None) -> int:
    """Number of jobs with one of these statuses."""
    where, values = _where(statuses, owner)
    return self._number(f'SELECT count(*) FROM jobs WHERE {where}', values)

  def position(self, job: Job) -> int:
    """Number of jobs that wait before this one."""
    return self._number(
      "SELECT count(*) FROM jobs WHERE status = 'queued' AND number < ?",
      [job.number],
    )

  def claim(self) -> Job | None:
    """The next job, which now runs; None if none waits."""
    jobs = self._rows(
      "UPDATE jobs SET status = 'running', started = ?, "
      'attempts = attempts + 1 WHERE number = (SELECT min(number) FROM jobs '
      "WHERE status = 'queued') AND status = 'queued' RETURNING *",
      time.time(),
    )
    return next(iter(jobs), None)

  def finish(
    self,
    id: str,
    status: Status,
    *,
    frames: int = 0,
    error: str | None = None,
    mark: str | None = None,
  ) -> bool:
    """Ends a job that runs; false if it does not run."""
    assert status in ENDED
    return bool(
      self._rows(
        'UPDATE jobs SET status = ?, finished = ?, frames = ?, error = ?, '
        "mark = ? WHERE id = ? AND status = 'running' RETURNING *",
        status,
        time.time(),
        frames,
        error,
        mark,
        id,
      )
    )

  def cancel_queued(self, id: str) -> bool:
    """Cancels a job that waits; false if it does not wait."""
    return bool(
      self._rows(
        "UPDATE jobs SET status = 'cancelled', finished = ? "
        "WHERE id = ? AND status = 'queued' RETURNING *",
        time.time(),
        id,
      )
    )

  def hand_back(self, id: str) -> None:
    """Lets a job that runs wait again, as if it had not been started."""
    self._rows(
      "UPDATE jobs SET status = 'queued', started = NULL, "
      "attempts = attempts - 1 WHERE id = ? AND status = 'running' RETURNING *",
      id,
    )

  def recover(self) -> tuple[list[Job], list[Job]]:
    """Deals with jobs that ran when the process died.

    Returns:
      Jobs that wait again, and jobs that failed for having died too often.
    """
    failed = self._rows(
      "UPDATE jobs SET status = 'failed', finished = ?, error = ? "
      "WHERE status = 'running' AND attempts >= ? RETURNING *",
      time.time(),
      f'the server ended {MOST_ATTEMPTS} times while this ran',
      MOST_ATTEMPTS,
    )
    again = self._rows(
      "UPDATE jobs SET status = 'queued', started = NULL "
      "WHERE status = 'running' RETURNING *"
    )
    return again, failed

  def remove(self, id: str) -> bool:
    """Removes a job that has ended; false if it has not."""
    where, values = _where(ENDED, None)
    return bool(
      self._rows(f'DELETE FROM jobs WHERE {where} AND id = ? RETURNING *',
                 *values, id)
    )  # fmt: skip

  def ended_before(self, time_: float) -> list[Job]:
    """Jobs that ended before a time."""
    return self._rows('SELECT * FROM jobs WHERE finished < ?', time_)

  def _rows(self, statement: str, *values: Any) -> list[Job]:
    with self._lock, contextlib.closing(self._database.cursor()) as cursor:
      return [_job(r) for r in cursor.execute(statement, values).fetchall()]

  def _number(self, statement: str, values: Iterable[Any]) -> int:
    with self._lock, contextlib.closing(self._database.cursor()) as cursor:
      return int(cursor.execute(statement, tuple(values)).fetchone()[0])


def _where(
  statuses: tuple[Status, ...], owner: str | None
) -> tuple[str, list[str]]:
  """A condition, and its values."""
  assert set(statuses) <= set(get_args(Status))
  condition = f'status IN ({", ".join("?" * len(statuses))})'
  if owner is None:
    return condition, [*statuses]
  return f'{condition} AND owner = ?', [*statuses, owner]


def _job(row: sqlite3.Row) -> Job:
  fields = dict(row)
  fields['options'] = json.loads(fields['options'])
  fields['consent'] = bool(fields['consent'])
  return Job(**fields)
