"""The page as a Space of the Hugging Face Hub, for everybody.

    python app.py

Limits are tight, since there are no tokens; frames of the Hub may show it.
"""

import os
import tempfile

from starlette import datastructures, types
import uvicorn

from sadtalker_jax import compile_cache
from sadtalker_jax.app import page
from sadtalker_jax.inference import pipeline
from sadtalker_jax.serving import api, limits, service

_PORT = int(os.environ.get('GRADIO_SERVER_PORT', '7860'))


def application(folder: str) -> types.ASGIApp:
  """The page and its API.

  Args:
    folder: Folder of jobs and videos.
  """
  compile_cache.enable()
  served = service.Service(
    pipeline.Animator.from_pretrained('default'),
    folder,
    limits=limits.Limits(
      request_bytes=20_000_000,
      seconds=30,
      video_seconds=8,
      pasted_pixels=1_000_000,
      size=256,
      active=64,  # all are one owner here
      keep_hours=1,
    ),
  )
  return _framed(
    page.mounted(api.application(served, hosts=None), served, None)
  )


def _framed(app: types.ASGIApp) -> types.ASGIApp:
  """An application that a page of the Hub may show in a frame."""

  async def framed(
    scope: types.Scope, receive: types.Receive, send: types.Send
  ) -> None:
    async def sent(message: types.Message) -> None:
      if message['type'] == 'http.response.start':
        headers = datastructures.MutableHeaders(scope=message)
        del headers['X-Frame-Options']
        headers['Content-Security-Policy'] = (
          'frame-ancestors https://huggingface.co https://*.hf.space'
        )
      await send(message)

    await app(scope, receive, sent)

  return framed


if __name__ == '__main__':
  with tempfile.TemporaryDirectory() as temporary:
    uvicorn.run(application(temporary), host='0.0.0.0', port=_PORT)
