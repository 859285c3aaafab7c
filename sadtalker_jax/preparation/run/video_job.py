"""The work on one video: from its file to its part.

A fault of a video is recorded in its part as a reject; only a full disk and
defects of the machine are errors.
"""

from collections.abc import Callable
import errno
import pathlib
import tempfile

from absl import logging

from sadtalker_jax import errors
from sadtalker_jax.preparation import experts as experts_lib
from sadtalker_jax.preparation import options as options_lib
from sadtalker_jax.preparation import parts, rejects
from sadtalker_jax.preparation.input import video_files
from sadtalker_jax.preparation.run import video_passes

Reason = rejects.Reason
_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFullError(errors.InputError):
  """There is no room left on the disk; finished videos are kept."""


def prepare(
  source: video_files.VideoSource,
  options: options_lib.PreparationOptions,
  experts: experts_lib.MeasuringNetworks,
  target: pathlib.Path,
  progress: Callable[[], None] = lambda: None,
) -> parts.PartSummary:
  """Prepares one video.

  Args:
    source: Video to prepare.
    options: Options of the preparation.
    experts: Networks and face model.
    target: File of its part; the folder exists.
    progress: Function called after every window of frames and every clip.

  Returns:
    The index of the part.

  Raises:
    DiskFullError: There is no room for the part.
  """
  try:
    with (
      tempfile.TemporaryDirectory(dir=target.parent, prefix='.tmp-') as folder,
      parts.PartWriter(target) as writer,
    ):
      job = video_passes.VideoPasses(
        source, options, experts, writer, pathlib.Path(folder), progress
      )
      try:
        job.run()
      except video_passes.VideoLeftOut as stop:
        job.reject(stop.reason, str(stop))
      except errors.InputError as error:
        job.reject(Reason.UNREADABLE, str(error))
      except OSError as error:
        if error.errno in _FULL or not pathlib.Path(folder).exists():
          raise  # a fault of the folder, not of the video
        job.reject(Reason.UNREADABLE, str(error))
      except Exception as error:  # a defect must not stop 100,000 videos
        logging.exception('%s: defect while it was prepared', source.name)
        job.reject(Reason.CRASHED, f'{type(error).__name__}: {error}'[:500])
      return writer.finish(
        source.name, job.rejects, job.frames, job.clock.seconds
      )
  except OSError as error:
    if error.errno not in _FULL:
      raise
    raise DiskFullError(
      f'{target.parent}: expected room for the part of {source.name}, found '
      'none; finished videos are kept, run the same command again'
    ) from error
