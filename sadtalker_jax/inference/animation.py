"""A clip that is ready to be rendered: frames, files, size."""

from collections.abc import Callable, Iterable, Iterator
import dataclasses
import fractions
import pathlib
from typing import Self

import numpy as np

from sadtalker_jax import jax_settings
from sadtalker_jax.faces import crop
from sadtalker_jax.inference import (
  framing,
  geometry_video,
  inputs,
  rendering,
  tracks,
)
from sadtalker_jax.inference import marks as marks_lib
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.inference.enhance import enhancers
from sadtalker_jax.marking import embedding, statements
from sadtalker_jax.media import encoder, video
from sadtalker_jax.media import encoding as encoding_lib

Path = inputs.Path
Sound = inputs.Sound


@dataclasses.dataclass(frozen=True, eq=False)
class Animation:
  """A clip that is ready to be rendered; frames are made as they are asked."""

  portrait: portrait_lib.Portrait
  motion: tracks.Track
  fps: fractions.Fraction
  sound: encoder.Sound | None
  drawer: rendering.Drawer
  batch_size: int
  enhancer: enhancers.Enhancer | None = None
  geometry: geometry_video.GeometryRenderer | None = None
  marks: marks_lib.Marks | None = None  # None: frames and file say nothing
  crop: framing.IntBox | None = None  # of a frame before it is enhanced
  encoding: encoding_lib.Encoding = encoding_lib.Encoding()
  host: np.ndarray | None = None  # what frames look like, if not the portrait

  @property
  def track(self) -> np.ndarray:
    """Coefficients [T, 70]."""
    return self.motion.coefficients

  @property
  def marker(self) -> embedding.Marker | None:
    """The invisible mark of the frames; None if there is none."""
    return self.marks.marker if self.marks else None

  @property
  def source_type(self) -> str:
    """Word of IPTC for how its frames came to be."""
    return statements.GENERATED

  @property
  def num_frames(self) -> int:
    """T."""
    return len(self.track)

  @property
  def size(self) -> tuple[int, int]:
    """Width and height of the frames that come out."""
    width, height = self._whole
    if self.crop is not None:
      x0, y0, x1, y1 = self.crop
      width, height = x1 - x0, y1 - y0
    scale = self.enhancer.upscale if self.enhancer else 1
    return width * scale, height * scale

  @property
  def shown(self) -> framing.Share:
    """The part of drawn or pasted frames that comes out."""
    if self.crop is None:
      return framing.WHOLE
    width, height = self._whole
    x0, y0, x1, y1 = self.crop
    return x0 / width, y0 / height, x1 / width, y1 / height

  @property
  def _whole(self) -> tuple[int, int]:
    """Width and height of drawn or pasted frames."""
    if self.portrait.window.paste:
      height, width = self.portrait.picture.shape[:2]
      return width, height
    return self.portrait.frame_size

  def render_job(self) -> rendering.RenderJob:
    """What is drawn, with the work on the portrait alone done."""
    with jax_settings.standard():
      prepared = self.drawer.prepare(self.portrait)
    return rendering.RenderJob(self.drawer, prepared, self.motion)

  def finished(self, drawn: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """What the renderer drew, shaped, pasted, enhanced, marked.

    Args:
      drawn: frames in order, batches [b, H, W, 3] uint8.
    """
    batches = iter(drawn)
    window = self.portrait.window
    if window.paste:
      paster = framing.paster(self.portrait)
      batches = (paster.paste(batch) for batch in batches)
    else:
      batches = (_shaped(batch, self.portrait.frame_size) for batch in batches)
    if self.crop is not None:
      left, top, right, bottom = self.crop
      batches = (batch[:, top:bottom, left:right] for batch in batches)
    if self.enhancer is not None:
      batches = self.enhancer.stream(batches)
    if self.marks is not None:
      batches = self.marks.stream(batches)
    return jax_settings.each(batches)

  def batches(self) -> Iterator[np.ndarray]:
    """Frames in batches [b, H, W, 3] uint8 RGB, T in all.

    Where the background is transparent they have a fourth channel, opacity.
    """
    parts = rendering.stream([self.render_job()], self.batch_size)
    return self.finished(part.frames for part in parts)

  def frames(self) -> Iterator[np.ndarray]:
    """Frames [H, W, 3] uint8 RGB one by one."""
    for batch in self.batches():
      yield from batch

  def sheet(self, columns: int = 4, lines: int = 3) -> np.ndarray:
    """Some of the frames side by side, without drawing the others.

    Args:
      columns: Frames in a line.
      lines: Lines; the frames are spread evenly over the clip.

    Returns:
      [lines H, columns W, 3 or 4] uint8; one frame for each place, or fewer
      lines where the clip has fewer frames, the rest of the last one black.
    """
    count = min(columns * lines, self.num_frames)
    place = np.linspace(0, self.num_frames - 1, count).round().astype(int)
    shown = np.concatenate(list(self.only(place).batches()))
    lines = -(-count // columns)
    blank = np.zeros((lines * columns - count, *shown.shape[1:]), np.uint8)
    rows = np.split(np.concatenate([shown, blank]), lines)
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])

  def only(self, places: np.ndarray) -> Self:
    """The clip with some of its frames, numbers [k] in order."""
    few = tracks.Track(*(part[places] for part in self.motion))
    return dataclasses.replace(self, motion=few)

  def keeping(self, path: Path) -> Self:
    """The clip as it is drawn for a file; some keep frames beside it."""
    del path
    return self

  def save(
    self,
    path: Path,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
  ) -> pathlib.Path:
    """Renders into a file with the sound; whole or not at all.

    Where `Options.face3dvis` asked for it, the geometry goes into a second one,
    `<name>_face3dvis.mp4`, afterwards.

    Args:
      path: the file, ending in .mp4, or as files of the codec do.
      overwrite: whether an existing file may be replaced.
      progress: called with the number of frames of every finished batch.

    Returns:
      The path.

    Raises:
      InputError: the file cannot be written.
    """
    return self.write(
      self.batches(), path, overwrite=overwrite, progress=progress
    )

  def write(
    self,
    batches: Iterable[np.ndarray],
    path: Path,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
  ) -> pathlib.Path:
    """Writes finished frames as `save` does."""
    if self.geometry is None:
      return self._encode(batches, path, overwrite, progress)
    second = video.check_target(
      geometry_video.beside(path),
      overwrite=overwrite,
      suffix=self.encoding.suffix,
    )
    first = self._encode(batches, path, overwrite, progress)
    with jax_settings.standard():
      prepared = self.geometry.prepare(self.portrait)
    clip = rendering.RenderJob(self.geometry, prepared, self.motion)
    parts = rendering.stream([clip], self.batch_size)
    drawn: Iterable[np.ndarray] = (part.frames for part in parts)
    if self.marker is not None:
      panels = self.geometry.still(prepared)
      drawn = self.marker.replanned(panels).stream(drawn)
    self._encode(drawn, second, overwrite, None)
    return first

  def _encode(
    self,
    batches: Iterable[np.ndarray],
    path: Path,
    overwrite: bool,
    progress: Callable[[int], None] | None,
  ) -> pathlib.Path:
    """A file of frames and the sound."""
    writer = video.VideoWriter(
      path,
      fps=self.fps,
      audio=self.sound,
      overwrite=overwrite,
      tags=self.marks.tags_of(self.encoding) if self.marks else None,
      seal=self.marks.seal if self.marks else None,
      encoding=self.encoding,
    )
    with writer:
      for batch in batches:
        for frame in batch:
          writer.write(frame)
        if progress is not None:
          progress(len(batch))
    return pathlib.Path(path)


def _shaped(batch: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Frames [b, H, W, 3] at a width and height, the crop's shape."""
  if batch.shape[1:3] == size[::-1]:
    return batch
  return np.stack([crop.resize_plain(frame, size) for frame in batch])
