"""Refusals of the HTTP API, all of one form."""

from typing import Any

import fastapi
from fastapi import responses
from starlette import exceptions

from sadtalker_jax import errors
from sadtalker_jax.serving import service as service_lib


def answer_errors(app: fastapi.FastAPI) -> None:
  """Gives every refusal one form."""

  def answer(
    status: int, message: str, headers: Any = None
  ) -> responses.JSONResponse:
    body = {'error': {'message': message}}
    return responses.JSONResponse(body, status, headers)

  @app.exception_handler(errors.InputError)
  async def bad_input(_: Any, error: Exception) -> responses.JSONResponse:
    return answer(422, str(error))

  @app.exception_handler(service_lib.Busy)
  async def busy(_: Any, error: Exception) -> responses.JSONResponse:
    return answer(429, str(error), {'Retry-After': '10'})

  @app.exception_handler(exceptions.HTTPException)
  async def refused(_: Any, error: Exception) -> responses.JSONResponse:
    assert isinstance(error, exceptions.HTTPException)
    return answer(error.status_code, error.detail, error.headers)
