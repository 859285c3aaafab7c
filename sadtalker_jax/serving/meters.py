"""What Prometheus reads of a service."""

from collections.abc import Callable
import time
from typing import get_args

import prometheus_client
from prometheus_client import registry
from starlette import types

from sadtalker_jax.serving import job_table

_SECONDS = (0.5, 1, 2, 5, 10, 20, 60, 120, 300, 900)


class Meters:
  """Counters of one service, in a registry of its own.

  Attributes:
    frames: Frames drawn.
    streams: Streams that are open.
    requests: Requests by route, method and status.
    request_seconds: Durations of requests by route.
  """

  def __init__(self) -> None:
    self._registry = registry.CollectorRegistry()
    self.frames = prometheus_client.Counter(
      'sadtalker_frames', 'Frames drawn.', registry=self._registry
    )
    self.streams = prometheus_client.Gauge(
      'sadtalker_streams', 'Streams that are open.', registry=self._registry
    )
    self.requests = prometheus_client.Counter(
      'sadtalker_requests',
      'Requests that were answered.',
      ['route', 'method', 'status'],
      registry=self._registry,
    )
    self.request_seconds = prometheus_client.Histogram(
      'sadtalker_request_seconds',
      'Time from a request to its answer.',
      ['route'],
      registry=self._registry,
    )
    self._jobs = prometheus_client.Counter(
      'sadtalker_jobs',
      'Jobs that ended.',
      ['status'],
      registry=self._registry,
    )
    self._job_seconds = prometheus_client.Histogram(
      'sadtalker_job_seconds',
      'Time from acceptance to completion.',
      buckets=_SECONDS,
      registry=self._registry,
    )

  def watch(self, table: job_table.JobTable) -> None:
    """Has the numbers of waiting and running jobs of a table shown."""
    for status in get_args(job_table.Status)[:2]:  # queued, running
      gauge = prometheus_client.Gauge(
        f'sadtalker_jobs_{status}', f'Jobs {status}.', registry=self._registry
      )
      gauge.set_function(_counting(table, status))

  def job_ended(self, job: job_table.Job) -> None:
    """Counts a job that ended."""
    self._jobs.labels(job.status).inc()
    if job.status == 'completed' and job.finished is not None:
      self._job_seconds.observe(job.finished - job.created)

  def text(self) -> bytes:
    """All of it in the format of Prometheus."""
    return prometheus_client.generate_latest(self._registry)


def _counting(
  table: job_table.JobTable, status: job_table.Status
) -> Callable[[], float]:
  return lambda: float(table.count(status))


class RequestCounter:
  """The ASGI layer that counts requests by their routes, which are few."""

  def __init__(self, app: types.ASGIApp, meters: Meters):
    self._app = app
    self._meters = meters

  async def __call__(
    self, scope: types.Scope, receive: types.Receive, send: types.Send
  ) -> None:
    """Counts a request once it is answered."""
    if scope['type'] != 'http':
      await self._app(scope, receive, send)
      return
    started = time.monotonic()
    status = 500

    async def sent(message: types.Message) -> None:
      nonlocal status
      if message['type'] == 'http.response.start':
        status = message['status']
      await send(message)

    try:
      await self._app(scope, receive, sent)
    finally:
      route = getattr(scope.get('route'), 'path', 'none')
      seconds = time.monotonic() - started
      self._meters.request_seconds.labels(route).observe(seconds)
      self._meters.requests.labels(route, scope['method'], status).inc()
