"""The HTTP door of a service, as the usual APIs that make videos have it.

    POST /v1/videos                 a job, 202
    GET /v1/videos/{id}             what became of it; /content: the mp4 file
    POST /v1/videos/{id}/cancel     DELETE /v1/videos/{id}
    WS /v1/stream                   sound in, frames out, see `streams`

Every refusal is `{"error": {"message": ...}}` with one line. The description
for programs is at /openapi.json.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
import contextlib
from typing import Annotated

import anyio
import fastapi
from fastapi import responses
from starlette import concurrency, exceptions

from sadtalker_jax import errors
from sadtalker_jax.marking import files as marking_files
from sadtalker_jax.serving import (
  answers,
  documents,
  given_files,
  guards,
  job_table,
  meters,
  refusals,
  streams,
)
from sadtalker_jax.serving import requests as requests_lib
from sadtalker_jax.serving import service as service_lib
from sadtalker_jax.serving import tokens as tokens_lib

_DETECTIONS = 2  # at once


def application(
  service: service_lib.Service,
  tokens: tokens_lib.Tokens | None = None,
  *,
  hosts: Sequence[str] | None = guards.LOOPBACK,
) -> fastapi.FastAPI:
  """The application that answers for a service, which it starts and ends.

  Args:
    service: Service that is not started yet.
    tokens: Tokens; None lets everybody in who reaches the server.
    hosts: Names under which it may be asked; None for any.
  """

  @contextlib.asynccontextmanager
  async def lifespan(_: fastapi.FastAPI) -> AsyncIterator[None]:
    service.start()
    try:
      yield
    finally:
      await concurrency.run_in_threadpool(service.close)

  app = fastapi.FastAPI(
    title='sadtalker_jax',
    description='A portrait and a recording become a talking video.',
    version='1',
    lifespan=lifespan,
    docs_url=None,  # its page would load programs from another server
    redoc_url=None,
  )
  refusals.answer_errors(app)

  async def owner(request: fastapi.Request) -> str:
    return requests_lib.owner(request.headers, tokens)

  app.include_router(_videos(service, owner), prefix='/v1')
  app.include_router(_others(service, owner), prefix='/v1')
  app.include_router(streams.router(service, tokens), prefix='/v1')
  app.include_router(_watching(service, owner))
  app.add_middleware(meters.RequestCounter, meters=service.meters)
  app.add_middleware(
    guards.Guard, most_bytes=service.limits.request_bytes, hosts=hosts
  )
  return app


_Owner = Callable[[fastapi.Request], Awaitable[str]]


def _videos(service: service_lib.Service, owner: _Owner) -> fastapi.APIRouter:
  """The routes of jobs."""
  router = fastapi.APIRouter(tags=['videos'], responses=documents.REFUSALS)
  Owner = Annotated[str, fastapi.Depends(owner)]

  def found(name: str, id: str) -> job_table.Job:
    job = service.job(name, id)
    if job is None:
      raise exceptions.HTTPException(404, 'id: expected that of a job of yours')
    return job

  @router.post('/videos', status_code=202, openapi_extra=documents.new_video())
  async def create(request: fastapi.Request, name: Owner) -> answers.Video:
    """Accepts a job: a form with files, or JSON with names of uploads."""
    service.check_room(name)
    with service.receiving() as folder:
      if request.headers.get('content-type', '').startswith('application/json'):
        fields = await requests_lib.json_object(request)
        requests_lib.take_uploads(service, name, fields, folder)
      else:
        async with requests_lib.form(request) as form:
          await requests_lib.save_all(form, folder)
          fields = requests_lib.texts(form)
      consent = requests_lib.consent(fields)
      job = await concurrency.run_in_threadpool(
        service.submit,
        name,
        given_files.kept_in(folder),
        fields,
        consent=consent,
      )
    return answers.video(service, job)

  @router.get('/videos')
  def listed(name: Owner) -> answers.Videos:
    """Jobs of the token, the newest first."""
    jobs = service.table.of_owner(name)
    return answers.Videos(data=[answers.video(service, job) for job in jobs])

  @router.get('/videos/{id}')
  def state(id: str, name: Owner) -> answers.Video:
    """What became of a job."""
    return answers.video(service, found(name, id))

  @router.get('/videos/{id}/content', response_class=responses.FileResponse)
  def content(id: str, name: Owner) -> responses.FileResponse:
    """The mp4 file of a completed job; ranges are served."""
    job = found(name, id)
    path = service.files(job.id).video
    if job.status != 'completed' or not path.is_file():
      raise exceptions.HTTPException(
        409, f'status: expected completed, found {job.status}'
      )
    return responses.FileResponse(
      path, media_type='video/mp4', filename=f'{job.id}.mp4'
    )

  @router.post('/videos/{id}/cancel')
  def cancel(id: str, name: Owner) -> answers.Video:
    """Cancels a job that waits or runs; nothing for one that has ended."""
    service.cancel(found(name, id))
    return answers.video(service, found(name, id))

  @router.delete('/videos/{id}', status_code=204)
  def delete(id: str, name: Owner) -> None:
    """Removes a job that has ended, and its video."""
    job = found(name, id)
    if not service.remove(job):
      raise exceptions.HTTPException(
        409, f'status: expected a job that has ended, found {job.status}'
      )

  return router


def _others(service: service_lib.Service, owner: _Owner) -> fastapi.APIRouter:
  """The routes of uploads and of the mark."""
  router = fastapi.APIRouter(tags=['files'], responses=documents.REFUSALS)
  Owner = Annotated[str, fastapi.Depends(owner)]
  free = anyio.Semaphore(_DETECTIONS)

  @router.post('/uploads', openapi_extra=documents.one_file())
  async def upload(request: fastapi.Request, name: Owner) -> answers.Upload:
    """Keeps a file for jobs of the next hour."""
    with service.receiving() as folder:
      async with requests_lib.form(request) as form:
        path = await requests_lib.save(form, 'file', folder)
      size = path.stat().st_size
      return answers.Upload(id=service.keep_upload(name, path), bytes=size)

  @router.post('/detect', openapi_extra=documents.one_file())
  async def detect(request: fastapi.Request, name: Owner) -> answers.Found:
    """Looks for the invisible mark in a picture or a video."""
    del name
    with service.receiving() as folder:
      async with requests_lib.form(request) as form:
        path = await requests_lib.save(form, 'file', folder)
      service.limits.check_detected(path)
      async with free:
        try:
          finding = await concurrency.run_in_threadpool(
            marking_files.detect, path
          )
        except errors.InputError as error:
          raise errors.InputError(
            str(error).replace(str(path), 'file')
          ) from error
    payload = finding.payload
    return answers.Found(
      found=finding.mark.kind,
      score=round(float(finding.score), 2),
      job=payload.job_id if payload else None,
      model=str(payload.model) if payload else None,
      words=finding.statement is not None and finding.statement.generated,
      signature=finding.signature.state,
    )

  return router


def _watching(service: service_lib.Service, owner: _Owner) -> fastapi.APIRouter:
  """The routes of those who run the service."""
  router = fastapi.APIRouter(tags=['service'])
  Owner = Annotated[str, fastapi.Depends(owner)]

  @router.get('/healthz')
  def health(response: fastapi.Response) -> answers.Health:
    """Whether jobs are drawn; 503 where they are not."""
    if service.is_healthy():
      return answers.Health(status='ok')
    response.status_code = 503
    return answers.Health(status='stopped')

  @router.get('/metrics', response_class=responses.PlainTextResponse)
  def metrics(name: Owner) -> responses.PlainTextResponse:
    """Counters for Prometheus."""
    del name
    return responses.PlainTextResponse(
      service.meters.text(), media_type='text/plain; version=0.0.4'
    )

  return router
