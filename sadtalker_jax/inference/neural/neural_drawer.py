"""Frames of the neural renderer, drawn batch by batch.

Keypoints move a feature volume, and a generator turns it into a picture.

One jitted function draws a batch of frames, each with the features of its own
portrait, so frames of different clips share batches. Over several devices the
frames of a batch are split (`NamedSharding`), and each device runs the program
of its own frames: `shard_map`, without its check of replication, which loops of
the CPU form do not pass and which matters to gradients alone. No frame depends
on another, so neither the number of devices nor the batch changes a frame.

Portraits are prepared once: canonical keypoints, source keypoints, appearance
volume. Conventions: see `neural_portrait`; angles are degrees.
"""

from collections.abc import Callable, Sequence
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.inference import tracks
from sadtalker_jax.inference.neural import neural_portrait
from sadtalker_jax.models.fused import fused_render
from sadtalker_jax.typing import PyTree

AXIS = 'frames'  # of the mesh


class NeuralDrawer:
  """Draws portraits with the networks of a bundle; a `rendering.Drawer`."""

  mixes = True
  reach = conventions.WINDOW_RADIUS

  def __init__(
    self,
    params: PyTree,
    *,
    row_size: int,
    devices: Sequence[jax.Device] | None = None,
  ):
    """A drawer whose weights are on the devices.

    Args:
      params: Weights as `fused_render` takes them, networks and mapping.
      row_size: C, 70, or 73 where the crop is part of the coefficients.
      devices: Devices that share every batch; None for all local ones.
    """
    mesh = _mesh(devices)
    self._num_devices = mesh.size
    self._split = NamedSharding(mesh, PartitionSpec(AXIS))
    self._whole = NamedSharding(mesh, PartitionSpec())
    self._render = _over(mesh, fused_render.render)
    self._render_one = _over(mesh, _render_one)
    self._params = place(params, devices)
    self._row_size = row_size

  def prepare(
    self, portrait: neural_portrait.SquarePortrait
  ) -> tuple[fused_render.PortraitFeatures, np.ndarray]:
    """Features of a portrait, on the devices, and its crop [3]."""
    image = jnp.asarray(portrait.square[None], jnp.float32) / 255
    row = portrait.row[: self._row_size]
    window = np.tile(row, (1, conventions.WINDOW, 1))
    return _prepare(
      self._params, *jax.device_put((image, window), self._whole)
    ), portrait.row[conventions.ROW_CROP]

  def inputs(
    self, prepared: Any, track: tracks.Track, index: np.ndarray
  ) -> tuple[np.ndarray, ...]:
    """Windows [b, 27, C] of coefficients and angles [b, 3]."""
    rows = track.coefficients
    near = conventions.window_places(index, len(rows))
    windows = rows[near].astype(np.float32)
    if self._row_size > conventions.ROW_SIZE:
      crop = np.broadcast_to(prepared[1], (*windows.shape[:2], 3))
      windows = np.concatenate([windows, crop.astype(np.float32)], axis=-1)
    return windows, track.angles[index].astype(np.float32)

  def render(
    self, portraits: Sequence[Any], inputs: tuple[np.ndarray, ...]
  ) -> jax.Array:
    """Frames [B, S, S, 3] uint8; B is rounded up to the devices and cut."""
    count = len(inputs[0])
    missing = -count % self._num_devices
    windows, angles = (
      np.pad(a, ((0, missing), *[(0, 0)] * (a.ndim - 1)), mode='edge')
      for a in inputs
    )
    arrays = jax.device_put((windows, angles), self._split)
    if len(portraits) == 1:
      frames = self._render_one(self._params, portraits[0][0], *arrays)
    else:
      padded = [*portraits, *[portraits[-1]] * missing]
      sources = _stack([source for source, _ in padded])
      sources = jax.device_put(sources, self._split)
      frames = self._render(self._params, sources, *arrays)
    return frames[:count] if missing else frames


def place(params: PyTree, devices: Sequence[jax.Device] | None) -> PyTree:
  """Weights on every device; those that are there already are not copied."""
  return jax.device_put(params, NamedSharding(_mesh(devices), PartitionSpec()))


def platform(devices: Sequence[jax.Device] | None) -> str:
  """The platform of devices, of all local ones for None."""
  return _mesh(devices).devices.flat[0].platform


def _mesh(devices: Sequence[jax.Device] | None) -> Mesh:
  return Mesh(np.array(devices or jax.local_devices()), (AXIS,))


_prepare = jax.jit(fused_render.prepare_source)


def _render_one(
  params: PyTree,
  source: fused_render.PortraitFeatures,
  windows: jax.Array,
  angles: jax.Array,
) -> jax.Array:
  """Frames of one portrait."""
  count = len(windows)
  sources = jax.tree.map(
    lambda x: jnp.broadcast_to(x, (count, *x.shape[1:])), source
  )
  return fused_render.render(params, sources, windows, angles)


@functools.cache
def _over(mesh: Mesh, function: Callable[..., jax.Array]) -> Any:
  """A render function whose frames are split over a mesh."""
  whole, split = PartitionSpec(), PartitionSpec(AXIS)
  sources = split if function is fused_render.render else whole
  return jax.jit(
    jax.shard_map(
      function,
      mesh=mesh,
      in_specs=(whole, sources, split, split),
      out_specs=split,
      check_vma=False,
    )
  )


@jax.jit
def _stack(
  sources: Sequence[fused_render.PortraitFeatures],
) -> fused_render.PortraitFeatures:
  """Features of several portraits as one batch."""
  return jax.tree.map(lambda *xs: jnp.concatenate(xs), *sources)
