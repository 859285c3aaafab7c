"""Figures and checks of one item, on disk as soon as they are known.

A file of JSON that is replaced whole with every entry, so that what a child had
found before it died is not lost.
"""

import json
import os
import pathlib
from typing import Any

import numpy as np


class Skipped(Exception):  # noqa: N818 - no error
  """The item cannot be done here; the message says why, in one line."""


class Record:
  """What an item has found so far."""

  def __init__(
    self,
    path: pathlib.Path,
    goldens: dict[str, np.ndarray] | None = None,
    peer: pathlib.Path | None = None,
  ):
    """A record without entries.

    Args:
      path: File to write.
      goldens: Arrays of a CPU, by name; None where there are none.
      peer: Checkout of the published program; None where there is none.
    """
    self.peer = peer
    self._path = path
    self._goldens = goldens
    self.content: dict[str, Any] = {'state': 'running', 'checks': []}
    self._write()

  def put(self, **figures: Any) -> None:
    """Adds figures by name: plain values for JSON."""
    self.content.update(figures)
    self._write()

  def check(self, name: str, found: float, limit: float) -> None:
    """Adds a check: `found` must be a number of at most `limit`.

    Args:
      name: What is checked.
      found: Error that was found.
      limit: Largest error that passes.
    """
    self.content['checks'].append(
      {
        'name': name,
        'found': float(found) if np.isfinite(found) else str(found),
        'limit': limit,
        'passed': bool(np.isfinite(found) and found <= limit),
      }
    )
    self._write()

  def golden(self, name: str) -> np.ndarray | None:
    """The CPU's array of a name; without goldens None, and the record says so.

    Raises:
      KeyError: The file of goldens has none of that name.
    """
    if self._goldens is None:
      self.put(compared='not with a CPU: no --golden')
      return None
    return self._goldens[name]

  def end(self, state: str, reason: str | None = None) -> None:
    """Closes the record; a failed check makes 'done' 'failed'."""
    wrong = [c['name'] for c in self.content['checks'] if not c['passed']]
    if state == 'done' and wrong:
      state, reason = 'failed', f'beyond the limit: {", ".join(wrong)}'
    self.content['state'] = state
    if reason is not None:
      self.content['reason'] = reason
    self._write()

  def _write(self) -> None:
    part = self._path.with_suffix('.part')
    part.write_text(json.dumps(self.content))
    os.replace(part, self._path)


def relative_error(found: Any, expected: Any) -> float:
  """The largest difference over the largest expected value."""
  found, expected = np.asarray(found, float), np.asarray(expected, float)
  if found.shape != expected.shape:
    raise ValueError(f'expected {expected.shape}, found {found.shape}')
  scale = float(np.abs(expected).max(initial=0)) or 1.0
  return float(np.abs(found - expected).max(initial=0)) / scale
