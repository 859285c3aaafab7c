"""From videos to records: parts of those that lack one, then the records."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
import multiprocessing
from typing import Any, TypeVar

from sadtalker_jax.preparation.input import video_files
from sadtalker_jax.preparation.run import finish, output, runner

_Item = TypeVar('_Item')
_Result = TypeVar('_Result')

# Prepares videos; given are those without a part, and the number of all.
PrepareVideos = Callable[[Sequence[runner.VideoTask], int], None]


def make(
  sources: Iterable[video_files.VideoSource],
  out: output.OutputFolder,
  prepare_videos: PrepareVideos,
  write_shards: finish.WriteShards,
  *,
  keep_parts: bool = False,
) -> dict[str, Any]:
  """The manifest of the records, which are made if they do not exist.

  Args:
    sources: All videos.
    out: Output folder.
    prepare_videos: Function that makes the parts of videos.
    write_shards: Function that writes all shards.
    keep_parts: Whether parts are kept, so that videos can be added later.

  Raises:
    InputError: A part is damaged, no clip is left, the disk is full, or the
      folder has records of other videos.
  """
  keys = {source.key(out.digest): source for source in sources}
  manifest = finish.finished(keys, out)
  if manifest is not None:
    return manifest
  todo = [
    runner.VideoTask(source, out.part(key))
    for key, source in keys.items()
    if not out.part(key).exists()
  ]
  prepare_videos(todo, len(keys))
  return finish.finish(list(keys), out, write_shards, keep_parts=keep_parts)


def each(
  function: Callable[[_Item], _Result], items: Sequence[_Item], workers: int
) -> Iterator[_Result]:
  """Results of a function in order, by several processes if there are many.

  Args:
    function: Function that can be pickled.
    items: Arguments of the calls.
    workers: Number of processes.
  """
  if workers <= 1 or len(items) == 1:
    yield from map(function, items)
    return
  context = multiprocessing.get_context('spawn')
  with futures.ProcessPoolExecutor(workers, context) as pool:
    yield from pool.map(function, items)
