"""What the HTTP API answers, as it is written in its OpenAPI description."""

from typing import Any, Literal

import pydantic

from sadtalker_jax.serving import job_table, service


class Fault(pydantic.BaseModel):
  """What was wrong."""

  message: str = pydantic.Field(
    examples=['size: expected 256, 512 or another multiple of 64, found 100']
  )


class Failure(pydantic.BaseModel):
  """The answer to a request that was refused."""

  error: Fault


class Video(pydantic.BaseModel):
  """A job."""

  id: str = pydantic.Field(examples=['video_0123456789abcdef0123456789abcdef'])
  object: Literal['video'] = 'video'
  status: job_table.Status
  progress: float = pydantic.Field(
    description='Share of the frames that are drawn, 0 to 1.', examples=[0.25]
  )
  position: int | None = pydantic.Field(
    description='Number of jobs before this one, while it is queued.'
  )
  created_at: float = pydantic.Field(description='Seconds since 1970.')
  started_at: float | None
  finished_at: float | None
  frames: int = pydantic.Field(description='Frames of the finished video.')
  mark: str | None = pydantic.Field(
    description='Number in the invisible mark of the finished video.'
  )
  options: dict[str, Any] = pydantic.Field(examples=[{'still': True}])
  consent: bool = pydantic.Field(
    description='Whether the sender said that the person shown agrees.'
  )
  error: Fault | None = pydantic.Field(description='Why the job failed.')


class Videos(pydantic.BaseModel):
  """Jobs of one token, the newest first."""

  data: list[Video]


class Upload(pydantic.BaseModel):
  """A file that waits for a job."""

  id: str = pydantic.Field(examples=['upload_0123456789abcdef0123456789abcdef'])
  bytes: int


class Found(pydantic.BaseModel):
  """What was found of the invisible mark."""

  found: Literal['payload', 'mark', 'nothing'] = pydantic.Field(
    description="'mark' is one whose number cannot be read. 'nothing' proves "
    'nothing: a mark can be removed, and others have none.'
  )
  score: float
  job: str | None = pydantic.Field(description='Number of the job.')
  model: str | None = pydantic.Field(description='Number of the bundle.')


class Health(pydantic.BaseModel):
  """Whether jobs are drawn."""

  status: Literal['ok', 'stopped']


def video(of: service.Service, job: job_table.Job) -> Video:
  """The answer about a job."""
  waits = job.status == 'queued'
  return Video(
    id=job.id,
    status=job.status,
    progress=round(of.progress(job), 3),
    position=of.table.position(job) if waits else None,
    created_at=job.created,
    started_at=job.started,
    finished_at=job.finished,
    frames=job.frames,
    mark=job.mark,
    options=dict(job.options),
    consent=job.consent,
    error=Fault(message=job.error) if job.error else None,
  )
