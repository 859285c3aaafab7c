"""Which sound of a file is meant: its parts, its track, its channels.

`examine` decides and says in one warning what a user may not expect; `audio`
then reads a `Recording` without deciding or warning again, however often.

- Of several sound tracks the first is taken that can be decoded and is not
  silent; tracks that the file marks as default go before the others.
- Files that were pasted together are read one after the other.
- Channels that cancel each other (stereo in antiphase) have no useful mean; the
  louder one then stands for all of them where one channel is wanted.
"""

from collections.abc import Generator, Iterator, Sequence
import contextlib
import dataclasses
import os

from absl import logging
import av.stream
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.media import containers, joined_files, limits, resampling

Path = str | os.PathLike[str]

_SILENT = 1e-3  # peak of a track that says nothing, -60 dB
# Channels cancel in a frame where their mean has less than this share of the
# loudest channel's energy (one of eight channels alone: 1 / 64), and in a file
# where such frames hold this share of the energy.
_CANCELLED, _CANCELLED_SHARE = 0.01, 0.1


@dataclasses.dataclass(frozen=True)
class Recording:
  """A sound track of a file, after the choices that it needs.

  Attributes:
    path: Name of the file.
    track: Number of the track among those with sound, from 0.
    parts: Files that it was pasted together from; most often one, all of it.
    lone_channel: Channel that stands for all where one is wanted; None for
      their mean.
  """

  path: Path
  track: int
  parts: tuple[joined_files.Part, ...]
  lone_channel: int | None = None

  @contextlib.contextmanager
  def opened(
    self, part: joined_files.Part | None = None
  ) -> Iterator[tuple[containers.Container, containers.Stream]]:
    """A part of the file, open, and its stream of sound; None for the first."""
    file = None
    if part is not None and len(self.parts) > 1:
      file = joined_files.PartReader(self.path, part)
    with contextlib.ExitStack() as stack:
      if file is not None:
        stack.enter_context(file)
      container = stack.enter_context(
        containers.open_media(self.path, 'an audio file', file=file)
      )
      yield container, _streams(container, self.path)[self.track]


def examine(path: Path, track: int | None = None) -> Recording:
  """The sound of a file that is meant.

  Args:
    path: Name of the file.
    track: Number of its sound track, from 0; None for the best one.

  Raises:
    InputError: the file is missing, a directory, empty, not media, has no
      sound, or no such track.
  """
  with containers.open_media(path, 'an audio file') as container:
    streams = _streams(container, path)
    names = [_name(number, stream) for number, stream in enumerate(streams)]
    if track is not None and track >= len(streams):
      raise errors.InputError(
        f'audio_track: expected one of {", ".join(names)} of {path}, '
        f'found {track}'
      )
    preferred = [
      bool(s.disposition & av.stream.Disposition.default) for s in streams
    ]
    has_pictures = containers.video_stream(container) is not None
  found = joined_files.split(path)
  parts = found.parts
  if has_pictures or len(streams) > 1:
    parts = (joined_files.Part(0, parts[-1].end),)
  if track is None and len(streams) > 1:
    order = sorted(range(len(streams)), key=lambda n: not preferred[n])
    track = _choose(path, order, parts)
    logging.warning(
      '%s: %d sound tracks, track %s is taken (audio_track chooses another)',
      path,
      len(streams),
      names[track],
    )
  recording = Recording(path, track or 0, parts)
  if len(found.parts) > len(parts):
    logging.warning(
      '%s: %d files pasted together, only the first is read',
      path,
      len(found.parts),
    )
  if found.left_out:
    logging.warning(
      '%s: %d bytes after the end of the sound were left out',
      path,
      found.left_out,
    )
  lone = _lone_channel(recording)
  if lone is not None:
    logging.warning(
      '%s: its channels cancel each other; channel %d alone moves the lips',
      path,
      lone,
    )
  return dataclasses.replace(recording, lone_channel=lone)


def frames(
  recording: Recording, *, report: bool = False
) -> Generator[tuple[containers.Frame, bool], None, None]:
  """Decoded frames of all parts, and whether their time stamps hold.

  Those of later parts start again at 0, so they do not.

  Raises:
    InputError: a sample rate or channels beyond `limits`.
  """
  for number, part in enumerate(recording.parts):
    try:
      with recording.opened(part) as (container, stream):
        for frame in containers.decode(
          container, stream, recording.path, report=report
        ):
          limits.check_rate(frame.sample_rate, recording.path)
          limits.check_channels(frame.layout.nb_channels, recording.path)
          yield frame, number == 0
    except errors.InputError:
      if number == 0:
        raise
      logging.warning(
        '%s: expected sound in all of %d files pasted together, found none '
        'in number %d',
        recording.path,
        len(recording.parts),
        number + 1,
      )


def _streams(
  container: containers.Container, path: Path
) -> Sequence[containers.Stream]:
  """The sound tracks whose format FFmpeg knows, at least one."""
  streams = [s for s in container.streams.audio if s.codec_context is not None]
  if not streams:
    kinds = sorted({s.type for s in container.streams}) or ['nothing']
    raise errors.InputError(
      f'{path}: expected a file with sound, found only {", ".join(kinds)}'
    )
  return streams


def _name(number: int, stream: containers.Stream) -> str:
  """A track's number, and what the file says of it."""
  facts = [stream.metadata.get(key, '') for key in ('language', 'title')]
  facts = [fact for fact in facts if fact and fact != 'und']
  return f'{number} ({", ".join([stream.codec_context.name, *facts])})'


def _choose(
  path: Path, order: Sequence[int], parts: tuple[joined_files.Part, ...]
) -> int:
  """The first track with sound, or else the first that can be decoded."""
  decoded = []
  for track in order:
    with contextlib.suppress(errors.InputError):  # a rate beyond the limits
      for frame, _ in frames(Recording(path, track, parts)):
        if track not in decoded:
          decoded.append(track)
        sound = resampling.samples(frame)
        if np.abs(sound).max(initial=0) > _SILENT:
          return track
  return (decoded or list(order))[0]


def _lone_channel(recording: Recording) -> int | None:
  """The loudest channel if the channels cancel each other, or else None."""
  with recording.opened() as (_, stream):
    if stream.codec_context.channels == 1 and len(recording.parts) == 1:
      return None
  energies = np.zeros(0)
  cancelled = 0.0
  for frame, _ in frames(recording):
    with np.errstate(invalid='ignore'):  # signalling NaN, of damaged files
      sound = resampling.samples(frame).astype(np.float64)
    here = np.einsum('cn,cn->c', sound, sound)
    mean = sound.mean(axis=0)
    if not np.isfinite(here).all():
      return None  # refused when it is read
    longest = max(len(here), len(energies))
    energies = np.pad(energies, (0, longest - len(energies)))
    energies[: len(here)] += here
    if mean @ mean < _CANCELLED * here.max(initial=0):
      cancelled += here.sum()
  if len(energies) < 2 or cancelled <= _CANCELLED_SHARE * energies.sum():
    return None
  return int(np.argmax(energies))
