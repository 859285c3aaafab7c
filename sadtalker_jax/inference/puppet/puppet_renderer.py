"""The puppet: a renderer without any network, which poses the photo itself.

A frame is the rig's surface (face and surroundings), posed and projected with
the camera of the face model, textured by the photo (`drawing`). Where the skin
is open, at the eyes and between the lips, there is what lies behind: the eyes
of the photo, and teeth, tongue and dark of the mouth (`openings`).

Conventions: coefficients are rows of 70 (`face3d.coeffs`); frames are uint8 RGB
[B, H, W, 3].
"""

from collections.abc import Callable, Sequence
import fractions
import functools
import math
from typing import Any, NamedTuple, Self

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import rendering, tracks
from sadtalker_jax.inference.puppet import (
  background_drawer,
  cutout,
  drawing,
  fitted_portrait,
  openings,
  skin,
)
from sadtalker_jax.inference.puppet import rig as rig_lib
from sadtalker_jax.media import video
from sadtalker_jax.typing import Array

WINDOW_STEP = 32  # pixels; few sizes of window, few compilations


class PreparedPuppet(NamedTuple):
  """The rig of a portrait, and the sizes of its frames."""

  rig: rig_lib.Rig  # on the device
  size: tuple[int, int]  # canvas height, width
  windows: tuple[int, ...]  # sides of those around eyes and mouth, pixels
  frame: tuple[int, int]  # height and width of the frames


class PuppetRenderer(rendering.Renderer):
  """Draws fitted portraits with the head model that they were fitted with.

  Free views become part of the coefficients.
  """

  mixes = False  # rigs differ in shape
  reach = 0

  def __init__(self, bundle: bundle_lib.Bundle):
    """A renderer for the head model of a bundle.

    Args:
      bundle: Any bundle; its model has teeth, tongue and an outer skin.
    """
    self._bundle = bundle
    self._model = bundle.model
    # The last of each: takes of one picture follow each other.
    self._fitted: tuple[bytes, fitted_portrait.FittedPortrait] | None = None
    self._rigged: (
      tuple[fitted_portrait.FittedPortrait, PreparedPuppet] | None
    ) = None

  @classmethod
  def from_bundle(
    cls, bundle: bundle_lib.Bundle, devices: rendering.Devices
  ) -> Self:
    """The renderer, on the default device and in float32."""
    del devices
    return cls(bundle)

  def portrait(
    self, picture: np.ndarray, options: options_lib.Options
  ) -> fitted_portrait.FittedPortrait:
    """The portrait in a picture [H, W, 3] uint8, fitted; the last is kept."""
    key = fitted_portrait.key(picture, options)
    kept = self._fitted
    if kept is None or kept[0] != key:
      own = picture.copy()  # the caller may write into it
      kept = key, fitted_portrait.prepare(own, self._bundle, options)
      self._fitted = kept
    return kept[1]

  def video_rows(
    self,
    path: video.Path,
    fps: fractions.Fraction,
    options: options_lib.Options,
  ) -> np.ndarray:
    """Coefficients [T, 70] of the face in a video, fitted."""
    del options
    return fitted_portrait.video_rows(path, fps, self._bundle)

  def adapted(self, track: tracks.Track) -> tracks.Track:
    """The track with its free views as part of the coefficients."""
    return tracks.turned(track)

  def host(
    self,
    portrait: fitted_portrait.FittedPortrait,
    options: options_lib.Options,
  ) -> np.ndarray | None:
    """The person before another background, if there is one."""
    if options.behind is None:
      return None
    return background_drawer.host(portrait, options.behind)

  def drawer(self, options: options_lib.Options) -> rendering.Drawer:
    """Itself, or what puts another background behind the person."""
    if options.behind is None:
      return self
    return background_drawer.BackgroundDrawer(self, options.behind)

  def before(
    self, prepared: PreparedPuppet, background: np.ndarray
  ) -> PreparedPuppet:
    """A portrait before another background, [Ht, Wt, 3] like its texture."""
    rig = prepared.rig._replace(background=jax.device_put(background))
    return prepared._replace(rig=rig)

  def prepare(self, portrait: fitted_portrait.FittedPortrait) -> PreparedPuppet:
    """The rig of a portrait; the last one is kept."""
    kept = self._rigged
    if kept is None or kept[0] is not portrait:
      kept = self._rigged = portrait, self._rig(portrait)
    return kept[1]

  def _rig(self, portrait: fitted_portrait.FittedPortrait) -> PreparedPuppet:
    width, height = portrait.canvas_size
    rig = rig_lib.build(portrait, self._model, cutout.build(portrait))
    windows = tuple(
      min(
        math.ceil(length * float(rig.pixels) / WINDOW_STEP) * WINDOW_STEP,
        width,
        height,
      )
      for length in openings.WINDOWS
    )
    return PreparedPuppet(
      jax.device_put(rig), (height, width), windows, portrait.frame_size[::-1]
    )

  def inputs(
    self, prepared: PreparedPuppet, track: tracks.Track, index: np.ndarray
  ) -> tuple[np.ndarray, ...]:
    """Coefficient rows [b, 70]."""
    return (track.coefficients[index],)

  def render(
    self, portraits: Sequence[PreparedPuppet], inputs: tuple[np.ndarray, ...]
  ) -> jax.Array:
    """Frames [B, H, W, 3] uint8 of one portrait and coefficient rows."""
    (prepared,), (rows,) = portraits, inputs
    rows = np.asarray(rows, np.float32)
    # A batch that was filled up ends with one row again and again.
    others = np.flatnonzero((rows != rows[-1]).any(1))
    count = others[-1] + 2 if len(others) else 1
    frames = _render(
      prepared.rig, rows, np.int32(count), prepared.size, prepared.windows
    )
    height, width = prepared.frame
    frames = frames[:, :height, :width]
    if count < len(rows):
      frames = frames[np.minimum(np.arange(len(rows)), count - 1)]
    return frames


@functools.partial(jax.jit, static_argnames=('size', 'windows'))
def _render(
  rig: rig_lib.Rig,
  rows: Array,
  count: Array,
  size: tuple[int, int],
  windows: tuple[int, ...],
) -> jax.Array:
  """Frames [B, H, W, 3] uint8 of the first `count` rows of [B, 70]."""
  # Several loops, not one: results of each are then stored, and not computed
  # again for every use (XLA on CPU fuses without regard to cost).
  each = functools.partial(_each, count)
  found = each(lambda row: skin.places(rig, row, size), rows)
  layers = [
    each(lambda points: drawing.read(rig, points), points)
    for points in (found.face, found.around)
  ]
  skins = each(lambda parts: skin.colours(rig, *parts), (found, *layers))
  skins = each(lambda parts: skin.softened(*parts), (skins, found))
  return each(
    lambda frame: openings.fill(rig, frame, windows),
    (rows, skins, found.opened),
  )


def _each(count: Array, function: Callable[[Any], Any], parts: Any) -> Any:
  """What a function makes of each of some parts [B, ...], as `lax.map` does.

  XLA does not know the number of rounds: loops of one it would take apart, and
  a frame alone would take ten times as long.
  """

  def one(index: Array) -> Any:
    return function(
      jax.tree.map(
        lambda part: lax.dynamic_index_in_dim(part, index, keepdims=False),
        parts,
      )
    )

  def round_(index: Array, stored: Any) -> Any:
    return jax.tree.map(
      lambda all_, new: lax.dynamic_update_index_in_dim(all_, new, index, 0),
      stored,
      one(index),
    )

  length = len(jax.tree.leaves(parts)[0])
  room = jax.tree.map(
    lambda like: jnp.zeros((length, *like.shape), like.dtype),
    jax.eval_shape(one, jnp.int32(0)),
  )
  return lax.fori_loop(jnp.int32(0), count, round_, room)
