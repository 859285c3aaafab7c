"""What the tab Detect does."""

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
    with (
      animating.shown_errors(),
      animating.copied(self._service, path, 'file') as copy,
    ):
      self._service.limits.check_detected(copy)
      return _line(files.detect(copy))


def _line(report: files.Report) -> str:
  if report.payload:
    return f'marked: job {report.payload.job_id}, model {report.payload.model}'
  if report.mark:
    return 'marked, but what the mark says cannot be read'
  if report:
    return 'no mark found, but the file says that a program made it'
  return 'no mark found, which proves nothing'
