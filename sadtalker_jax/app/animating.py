"""What the tab Animate does."""

from collections.abc import Iterator, Sequence
import contextlib
import pathlib
import shutil
import threading
import time
from typing import Any

import gradio

from sadtalker_jax import errors
from sadtalker_jax.app import controls
from sadtalker_jax.inference import bundle, face_list, inputs
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.serving import forms, given_files, job_table, tokens
from sadtalker_jax.serving import service as service_lib

_POLL_S = 0.25
_SILENCE = 1600  # samples at 16 kHz of a first frame's sound


def owner(request: gradio.Request | None) -> str:
  """Name of who is logged in."""
  name = getattr(request, 'username', None)
  return name if isinstance(name, str) else tokens.LOCAL


@contextlib.contextmanager
def shown_errors() -> Iterator[None]:
  """Shows what a user caused in the page."""
  try:
    yield
  except (errors.InputError, service_lib.Busy) as error:
    raise gradio.Error(str(error), print_exception=False) from error


class Animating:
  """Jobs and previews of one service."""

  def __init__(self, service: service_lib.Service):
    self._service = service
    self._drawing = threading.Lock()  # one preview at a time

  def animate(
    self,
    image: Any,
    audio: Any,
    consent: bool,
    request: gradio.Request,
    *values: Any,
  ) -> Iterator[tuple[Any, str, str]]:
    """Makes a video; yields it, a line about the state, and the job's name.

    The job is cancelled when nobody waits for it any more.
    """
    with shown_errors():
      accepted = job = self._submit(image, audio, consent, values, request)
    done = False
    try:
      for job in followed(self._service, accepted):
        yield gradio.skip(), line(self._service, job), job.id
      done = True
      if job.status == 'failed':
        raise gradio.Error(str(job.error), print_exception=False)
      video = None
      if job.status == 'completed':
        video = str(self._service.page_folder / f'{job.id}.mp4')
        shutil.copyfile(self._service.files(job.id).video, video)
      yield video, line(self._service, job), ''
    finally:
      if not done:  # the page was closed
        self._service.cancel(job)

  def cancel(self, id: str, request: gradio.Request) -> None:
    """Cancels the job of this page."""
    job = self._service.job(owner(request), id)
    if job is not None:
      self._service.cancel(job)

  def example(self) -> tuple[str, str]:
    """Copies of what ships, where the page may show them."""
    folder = self._service.page_folder
    copies = [
      shutil.copyfile(path, folder / path.name)
      for path in (bundle.SAMPLE_PORTRAIT, bundle.SAMPLE_SPEECH)
    ]
    return str(copies[0]), str(copies[1])

  def preview(self, image: Any, *values: Any) -> Any:
    """The first frame [H, W, 3] uint8 of a job, but for others' motion."""
    import numpy as np

    with shown_errors(), copied(self._service, image, 'image') as path:
      chosen = controls.read(values)
      chosen.values.pop('idle', None)
      files = {n: p for n, p in chosen.files.items() if n == 'keyframes'}
      read = forms.read(chosen.values) | given_files.options_of(files)
      options = options_lib.changed(None, read)
      self._service.limits.check_options(options)
      self._service.limits.check_files(files | {'image': path}, options)
      silence = (np.zeros(_SILENCE, np.float32), 16_000)
      with self._drawing:
        clip = self._service.animator.animate(path, silence, options)
        return next(clip.frames())

  def number_faces(self, image: Any) -> Any:
    """The picture [H, W, 3] uint8 with the numbers of its faces."""
    with shown_errors(), copied(self._service, image, 'image') as path:
      self._service.limits.check_picture(path, options_lib.Options())
      with self._drawing:
        bundle_ = self._service.animator.bundle
        return face_list.numbered(inputs.picture(path), bundle_)

  def face_at(self, image: Any, event: gradio.SelectData) -> int:
    """Number of the face at the place that was clicked, 0 for the largest."""
    with shown_errors(), copied(self._service, image, 'image') as path:
      self._service.limits.check_picture(path, options_lib.Options())
      return self._face_at(path, event.index)

  def _face_at(self, path: pathlib.Path, place: Sequence[float]) -> int:
    detector = self._service.animator.bundle.detector
    with self._drawing:
      boxes = [face.box for face in detector.detect(inputs.picture(path))]
    if not boxes:
      raise errors.InputError('image: expected a face, found none')
    x, y = place
    middles = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in boxes]
    # Boxes may overlap: the face whose middle is nearest.
    apart = [(x - mx) ** 2 + (y - my) ** 2 for mx, my in middles]
    return apart.index(min(apart))

  def _submit(
    self,
    image: Any,
    audio: Any,
    consent: bool,
    values: Sequence[Any],
    request: gradio.Request,
  ) -> job_table.Job:
    if not consent:
      raise errors.InputError(
        'consent: expected a tick, which says that the person shown agrees'
      )
    name = owner(request)
    self._service.check_room(name)
    chosen = controls.read(values)
    files = chosen.files | {
      kind: pathlib.Path(path)
      for kind, path in (('image', image), ('audio', audio))
      if path
    }
    with self._service.receiving() as folder:
      for kind, path in files.items():
        shutil.copyfile(path, folder / kind)
      return self._service.submit(
        name, given_files.kept_in(folder), chosen.values, consent=True
      )


def followed(
  service: service_lib.Service, job: job_table.Job
) -> Iterator[job_table.Job]:
  """A job again and again until it has ended."""
  while True:
    found = service.job(job.owner, job.id)
    if found is None:
      return
    yield found
    if found.status in job_table.ENDED:
      return
    time.sleep(_POLL_S)


def line(service: service_lib.Service, job: job_table.Job) -> str:
  """What the page says of a job."""
  if job.status == 'queued':
    return f'queued, {service.table.position(job)} before it'
  if job.status == 'running':
    return f'running, {round(100 * service.progress(job))} %'
  if job.status == 'completed':
    return f'completed, {job.frames} frames, mark {job.mark}'
  return job.status


@contextlib.contextmanager
def copied(
  service: service_lib.Service, path: Any, name: str
) -> Iterator[pathlib.Path]:
  """A copy of a file under a name of ours, while it is read.

  Under its own name it could be a play list, by which FFmpeg opens other files
  of this machine.

  Raises:
    InputError: there is none; or what is raised by whoever reads it, with the
      name in place of the path.
  """
  source = given(path, name)
  with service.receiving() as folder:
    copy = folder / name
    shutil.copyfile(source, copy)
    try:
      yield copy
    except errors.InputError as error:
      raise errors.InputError(str(error).replace(str(copy), name)) from error


def given(path: Any, name: str) -> pathlib.Path:
  """The path of a file that the page was given.

  Raises:
    InputError: there is none.
  """
  if not path:
    raise errors.InputError(f'{name}: expected a file, found none')
  return pathlib.Path(path)
