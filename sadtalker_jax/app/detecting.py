"""What the tab Detect does."""

import pathlib
from typing import Any

from sadtalker_jax.app import animating
from sadtalker_jax.marking import files
from sadtalker_jax.serving import service as service_lib


class Detecting:
  """Looks for marks within the limits of a service."""

  def __init__(self, service: service_lib.Service):
    self._service = service

  def detect(self, path: Any) -> str:
    """What was found in a file, one line."""
    with animating.shown_errors():
      given = animating.given(path, 'file')
      self._service.limits.check_detected(given)
      return _line(files.detect(pathlib.Path(given)))


def _line(finding: Any) -> str:
  if finding.payload:
    return (
      f'marked: job {finding.payload.job_id}, model {finding.payload.model}'
    )
  if finding:
    return 'marked, but what the mark says cannot be read'
  return 'no mark found, which proves nothing'
