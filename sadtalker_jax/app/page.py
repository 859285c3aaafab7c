"""The page: tabs, controls, and what they call.

Everything that Gradio offers to others or to the network is off: sharing,
monitoring, analytics, the history that keeps inputs in the browser, rendering
by Node, fonts of another server. Its endpoints have names that stay.
"""

import os

import fastapi
import gradio

from sadtalker_jax.app import (
  animating,
  batches,
  controls,
  detecting,
  speaking,
  texts,
)
from sadtalker_jax.serving import service as service_lib
from sadtalker_jax.serving import tokens as tokens_lib

_WAITING = 16  # events of one kind that may wait
_CACHE_S = 3600  # how long files of the page are kept, and between looks
_CSS = """
.gradio-container {
  box-sizing: border-box; max-width: min(1100px, 100vw) !important;
  margin: 0 auto !important
}
@media (max-width: 480px) {
  .gradio-container {padding: 8px !important}
  .tab-container button {padding: 8px !important}
}
"""
_FONT = ('system-ui', 'sans-serif')


def mounted(
  app: fastapi.FastAPI,
  service: service_lib.Service,
  tokens: tokens_lib.Tokens | None,
) -> fastapi.FastAPI:
  """The application with the page at its root.

  Args:
    app: Application of the HTTP API, with its routes.
    service: Its service.
    tokens: Tokens; a name and its token log in. None lets everybody in.
  """
  os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
  os.environ['GRADIO_TEMP_DIR'] = str(service.page_folder)
  auth = None
  if tokens is not None:
    known = tokens

    def auth(name: str, token: str) -> bool:
      return known.owner(token) == name

  return gradio.mount_gradio_app(
    app,
    _blocks(service, tokens is not None),
    path='/',
    auth=auth,
    auth_message='Name and token',
    run_history=False,
    footer_links=['api'],
    allowed_paths=[],
    show_error=True,
    max_file_size=service.limits.request_bytes,
    ssr_mode=False,
    enable_monitoring=False,
    pwa=False,
    mcp_server=False,
    i18n=texts.I18N,
    theme=gradio.themes.Default(font=_FONT, font_mono=('monospace',)),
    css=_CSS,
  )


def _blocks(service: service_lib.Service, has_tokens: bool) -> gradio.Blocks:
  with gradio.Blocks(
    title='sadtalker_jax',
    analytics_enabled=False,
    delete_cache=(_CACHE_S, _CACHE_S),
  ) as blocks:
    gradio.Markdown(texts.shown('title'))
    with gradio.Tab(texts.shown('animate'), id='animate'):
      _animate(animating.Animating(service), service)
    with gradio.Tab(texts.shown('live'), id='live'):
      speaking.component(has_tokens)
    with gradio.Tab(texts.shown('batch'), id='batch'):
      _batch(batches.Batching(service))
    with gradio.Tab(texts.shown('detect'), id='detect'):
      _detect(detecting.Detecting(service))
  blocks.queue(max_size=_WAITING, default_concurrency_limit=4)
  return blocks


def _animate(doing: animating.Animating, service: service_lib.Service) -> None:
  with gradio.Row():
    with gradio.Column():
      image = gradio.Image(
        type='filepath',
        sources=['upload', 'webcam'],
        label=texts.shown('portrait'),
        height=320,
        buttons=[],
        elem_id='portrait',
      )
      audio = gradio.Audio(
        type='filepath',
        sources=['upload', 'microphone'],
        label=texts.shown('speech'),
        buttons=[],
        elem_id='speech',
      )
      choices = controls.build(service.limits)
      consent = gradio.Checkbox(
        False, label=texts.shown('consent'), elem_id='consent'
      )
      with gradio.Row():
        start = gradio.Button(texts.shown('animate'), variant='primary')
        preview = gradio.Button(texts.shown('preview'))
        cancel = gradio.Button(texts.shown('cancel'))
        number = gradio.Button(texts.shown('number_faces'))
        example = gradio.Button(texts.shown('example'))
    with gradio.Column():
      state = gradio.Textbox(
        label=texts.shown('state'), interactive=False, elem_id='state'
      )
      video = gradio.Video(
        label=texts.shown('result'),
        interactive=False,
        buttons=['download'],
        elem_id='result',
      )
      frame = gradio.Image(
        label=texts.shown('first_frame'),
        interactive=False,
        buttons=[],
        elem_id='first_frame',
      )
  job = gradio.State('')
  start.click(
    doing.animate,
    [image, audio, consent, *choices],
    [video, state, job],
    api_name='animate',
    concurrency_limit=_WAITING,
    show_progress='hidden',
  )
  cancel.click(doing.cancel, job, None, api_name='cancel', queue=False)
  example.click(
    doing.example, None, [image, audio], api_visibility='private', queue=False
  )
  preview.click(
    doing.preview,
    [image, *choices],
    frame,
    api_name='preview',
    concurrency_limit=1,
  )
  number.click(
    doing.number_faces,
    image,
    frame,
    api_name='number_faces',
    concurrency_limit=1,
  )
  face = choices[controls.FIRST.index('face_index')]
  image.select(
    doing.face_at, image, face, api_visibility='private', show_progress='hidden'
  )


def _batch(doing: batches.Batching) -> None:
  archive = gradio.File(
    label=texts.shown('archive'), file_types=['.zip'], elem_id='archive'
  )
  consent = gradio.Checkbox(False, label=texts.shown('consent'))
  make = gradio.Button(texts.shown('make'), variant='primary')
  state = gradio.Textbox(label=texts.shown('state'), interactive=False)
  videos = gradio.File(label=texts.shown('videos'), interactive=False)
  make.click(
    doing.batch,
    [archive, consent],
    [videos, state],
    api_name='batch',
    concurrency_limit=2,
    show_progress='hidden',
  )


def _detect(doing: detecting.Detecting) -> None:
  file = gradio.File(label=texts.shown('file'), elem_id='file')
  look = gradio.Button(texts.shown('look'), variant='primary')
  finding = gradio.Textbox(
    label=texts.shown('finding'), interactive=False, elem_id='finding'
  )
  look.click(
    doing.detect, file, finding, api_name='detect', concurrency_limit=1
  )
