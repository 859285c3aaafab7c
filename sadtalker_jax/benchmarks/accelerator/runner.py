"""Items one after the other, each in a child process with a deadline.

The parent never touches the card: a device that falls over takes one child with
it. After every item the whole report is replaced.
"""

from collections.abc import Callable, Sequence
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.benchmarks import folders
from sadtalker_jax.benchmarks.accelerator import plan, report

Command = Callable[[pathlib.Path], list[str]]
_TAIL = 3  # lines of a child's stderr that the report keeps
_LEAST = 5.0  # seconds of budget below which no item is started


def command(request: pathlib.Path) -> list[str]:
  """What starts a child."""
  module = 'sadtalker_jax.benchmarks.accelerator.child'
  return [sys.executable, '-m', module, str(request)]


def run(
  folder: pathlib.Path,
  items: Sequence[plan.Item],
  *,
  scale: str,
  budget: float,
  golden: pathlib.Path | None = None,
  peer: pathlib.Path | None = None,
  tell: Callable[[str], None] = lambda line: None,
  start: Command = command,
) -> dict[str, Any]:
  """The report of all items; written to `folder` after each.

  Args:
    folder: Folder of the report; made if it is not there.
    items: What to find out, in order.
    scale: Name of the sizes, 'full' or 'small'.
    budget: Seconds for all items together.
    golden: File of a CPU's arrays.
    peer: Checkout of the published program.
    tell: Called with one line after every item.
    start: Command of a child, from the file of its request.

  Raises:
    InputError: The folder cannot be made.
  """
  folders.make(folder, '--out')
  found: dict[str, Any] = {
    'scale': scale,
    'budget_seconds': budget,
    'golden': golden.name if golden else None,
    'items': [],
  }
  end = time.monotonic() + budget
  with tempfile.TemporaryDirectory() as scratch:
    for number, item in enumerate(items):
      request = {'run': item.run, 'scale': scale}
      if golden is not None:
        request['golden'] = str(golden.resolve())
      if peer is not None:
        request['peer'] = str(peer.resolve())
      place = pathlib.Path(scratch) / str(number)
      place.mkdir()
      done = _one(item, request, place, end - time.monotonic(), start)
      found['items'].append(done)
      report.write(folder, found)
      tell(report.line(done))
  return found


def _one(
  item: plan.Item,
  request: dict[str, Any],
  place: pathlib.Path,
  left: float,
  start: Command,
) -> dict[str, Any]:
  """What became of an item."""
  head = {'name': item.name, 'title': item.title}
  if left < _LEAST:
    return {**head, 'state': 'skipped', 'reason': 'the budget is spent'}
  output = place / 'found.json'
  file = place / 'request.json'
  file.write_text(json.dumps({**request, 'output': str(output)}))
  deadline = min(item.seconds, left)
  began = time.monotonic()
  code, stderr = _wait(start(file), deadline, place)
  content: dict[str, Any] = {'checks': []}
  if output.exists():
    content = json.loads(output.read_text())
  content['seconds'] = round(time.monotonic() - began, 2)
  if content.get('state') not in ('done', 'failed', 'skipped'):
    content |= _unfinished(code, deadline, deadline < item.seconds)
  elif code is not None and code < 0:
    # It fell over while it ended: nothing of it can be relied on.
    content |= {'state': 'failed', 'reason': _signal(code)}
  if content['state'] == 'failed' and stderr:
    content['stderr'] = stderr
  return {**head, **content}


def _wait(
  call: list[str], deadline: float, place: pathlib.Path
) -> tuple[int | None, list[str]]:
  """Exit code of a child, None where it was not done; its last lines."""
  path = place / 'stderr'
  with path.open('wb') as stderr:
    child = subprocess.Popen(
      call,
      stdout=stderr,
      stderr=stderr,
      stdin=subprocess.DEVNULL,
      start_new_session=True,
    )
    code: int | None = None
    try:
      code = child.wait(timeout=deadline)
    except subprocess.TimeoutExpired:
      pass
    finally:  # also after Ctrl-C: with all that it has started
      try:
        os.killpg(child.pid, signal.SIGKILL)
      except ProcessLookupError:
        pass
      child.wait()
  lines = path.read_text(errors='replace').splitlines()
  return code, [line for line in lines if line.strip()][-_TAIL:]


def _unfinished(
  code: int | None, deadline: float, out_of_budget: bool
) -> dict[str, str]:
  """State of an item whose child ended before it said how."""
  if code is None and out_of_budget:
    reason = f'the budget ended after {deadline:.0f} s of it'
    return {'state': 'skipped', 'reason': reason}
  if code is None:
    reason = f'not done after {deadline:.0f} s'
    return {'state': 'failed', 'reason': reason}
  if code < 0:
    return {'state': 'failed', 'reason': _signal(code)}
  return {'state': 'failed', 'reason': f'ended with code {code}'}


def _signal(code: int) -> str:
  name = signal.Signals(-code).name
  return f'killed by {name}'


def write_golden(path: pathlib.Path, scale: str) -> None:
  """Has a CPU compute what `goldens` lists, and writes it.

  Args:
    path: File to write, .npz.
    scale: Name of the sizes.

  Raises:
    InputError: The file cannot be written, or nothing came out.
  """
  if path.suffix != '.npz' or not path.parent.is_dir():
    raise errors.InputError(
      f'--write_golden: expected a file .npz in a folder, found {path}'
    )
  with tempfile.TemporaryDirectory() as scratch:
    file = pathlib.Path(scratch) / 'request.json'
    file.write_text(
      json.dumps({'write_golden': str(path.resolve()), 'scale': scale})
    )
    environment = {**os.environ, 'JAX_PLATFORMS': 'cpu'}
    done = subprocess.run(
      command(file), env=environment, capture_output=True, text=True
    )
  if done.returncode:
    lines = done.stderr.strip().splitlines() or ['nothing said']
    raise errors.InputError(
      f'--write_golden: expected arrays of a CPU, found: {lines[-1]}'
    )
