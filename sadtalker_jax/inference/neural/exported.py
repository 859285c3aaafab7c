"""The render function as files that run without this package.

The files are two programs (`jax.export`: StableHLO and its calling convention),
the weights, and a card with the shapes of inputs and outputs:

    prepare.bin   weights, image, window -> source
    render.bin    weights, source, windows, angles -> frames
    weights.npz   arrays w0000, w0001, ...
    card.json     shapes, types, versions

Weights and programs have the form that suits a platform. For several platforms
there is a folder for each, DIR/cpu, DIR/cuda, ..., with these files.

Programs take and return flat lists of arrays. To run them anywhere that has the
same or a newer jax:

    import jax, json, numpy as np

    def program(name):
      with open(name, 'rb') as file:
        return jax.export.deserialize(bytearray(file.read())).call

    weights = list(np.load('weights.npz').values())
    source = program('prepare.bin')(weights, image, window)
    frames = program('render.bin')(weights, source, windows, angles)

Weights in bfloat16, which numpy lacks, are stored as their bits, uint16.
"""

from collections.abc import Callable, Sequence
import json
import os
import pathlib
import shutil
import tempfile
from typing import Any, NamedTuple, Self

import jax
from jax import export, lax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.models.fused import fused_render
from sadtalker_jax.typing import PyTree

FORMAT = 1


def save(
  params: Callable[[str], PyTree],
  folder: str | os.PathLike[str],
  *,
  size: int,
  batch_size: int,
  row_size: int,
  platforms: Sequence[str] = (),
) -> pathlib.Path:
  """Writes the folder, whole or not at all.

  Args:
    params: Function from a platform to weights packed for it, as
      `fused_render.render` takes them.
    folder: New folder; must not exist yet.
    size: S, side of the frames in pixels.
    batch_size: B, frames drawn together.
    row_size: C, coefficients of a frame, 70 or 73.
    platforms: Platforms of the programs: 'cpu', 'cuda', 'tpu', ...; empty for
      the one that runs here. None of them need be at hand.

  Returns:
    The folder.

  Raises:
    InputError: the folder exists or cannot be written.
  """
  target = pathlib.Path(folder)
  if os.path.lexists(target):
    raise errors.InputError(
      f'{target}: expected no such folder yet, found one (not overwritten)'
    )
  where = tuple(platforms) or (export.default_export_platform(),)
  try:
    part = pathlib.Path(
      tempfile.mkdtemp(prefix=f'.{target.name}.', dir=target.parent)
    )
  except OSError as error:
    raise errors.InputError(
      f'{target}: expected a folder to write to, found: {error.strerror}'
    ) from error
  try:
    for platform in where:
      own = part if len(where) == 1 else part / platform
      own.mkdir(exist_ok=True)
      programs = _programs(
        params(platform), platform, size, batch_size, row_size
      )
      _write(own, *programs, _card(platform, size, batch_size, row_size))
    part.chmod(0o755)
    part.rename(target)
  except BaseException:
    shutil.rmtree(part, ignore_errors=True)
    raise
  return target


def _programs(
  params: PyTree, platform: str, size: int, batch_size: int, row_size: int
) -> tuple[export.Exported, export.Exported, list[np.ndarray]]:
  """The programs that prepare and render, and their weights."""
  weights = _FlatWeights.of(params)
  length = conventions.WINDOW
  image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.uint8)
  window = jax.ShapeDtypeStruct((1, length, row_size), jnp.float32)
  windows = jax.ShapeDtypeStruct((batch_size, length, row_size), jnp.float32)
  angles = jax.ShapeDtypeStruct((batch_size, 3), jnp.float32)
  source_layout = jax.tree.structure(
    jax.eval_shape(
      fused_render.prepare_source,
      params,
      jax.ShapeDtypeStruct(image.shape, jnp.float32),
      window,
    )
  )
  prepare = export.export(jax.jit(_prepare(weights)), platforms=(platform,))(
    weights.arrays, image, window
  )
  source = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in prepare.out_avals]
  render = export.export(
    jax.jit(_render(weights, source_layout)), platforms=(platform,)
  )(weights.arrays, source, windows, angles)
  return prepare, render, weights.arrays


def _card(
  platform: str, size: int, batch_size: int, row_size: int
) -> dict[str, Any]:
  """What a reader of the files has to know."""
  return {
    'format': FORMAT,
    'jax': jax.__version__,
    'platforms': [platform],
    'prepare': {
      'image': 'uint8 [1, S, S, 3] RGB',
      'window': 'float32 [1, 27, C], the row of the portrait 27 times',
    },
    'render': {
      'windows': 'float32 [B, 27, C], rows around each frame',
      'angles': 'float32 [B, 3] yaw, pitch, roll in degrees, NaN for none',
      'frames': 'uint8 [B, S, S, 3] RGB',
    },
    'S': size,
    'B': batch_size,
    'C': row_size,
  }


class _FlatWeights(NamedTuple):
  """Weights as the programs take them, and how to put them together again."""

  arrays: list[np.ndarray]  # bits where numpy cannot store the type
  dtypes: list[np.dtype]
  layout: jax.tree_util.PyTreeDef

  @classmethod
  def of(cls, params: PyTree) -> Self:
    """The weights of a tree."""
    leaves, layout = jax.tree.flatten(params)
    arrays = [_as_bits(np.asarray(leaf)) for leaf in leaves]
    return cls(arrays, [np.asarray(leaf).dtype for leaf in leaves], layout)

  def restored(self, arrays: Sequence[jax.Array]) -> PyTree:
    """The tree, of arrays like `self.arrays`."""
    typed = [
      a if a.dtype == dtype else lax.bitcast_convert_type(a, dtype)
      for a, dtype in zip(arrays, self.dtypes, strict=True)
    ]
    return jax.tree.unflatten(self.layout, typed)


def _prepare(weights: _FlatWeights) -> Callable[..., list[jax.Array]]:
  """The program that prepares a portrait."""

  def prepare(
    arrays: list[jax.Array], image: jax.Array, window: jax.Array
  ) -> list[jax.Array]:
    source = fused_render.prepare_source(
      weights.restored(arrays), image.astype(jnp.float32) / 255, window
    )
    return jax.tree.leaves(source)

  return prepare


def _render(
  weights: _FlatWeights, source_layout: jax.tree_util.PyTreeDef
) -> Callable[..., jax.Array]:
  """The program that draws frames of a prepared portrait."""

  def render(
    arrays: list[jax.Array],
    source: list[jax.Array],
    windows: jax.Array,
    angles: jax.Array,
  ) -> jax.Array:
    many = [jnp.broadcast_to(x, (len(windows), *x.shape[1:])) for x in source]
    return fused_render.render(
      weights.restored(arrays),
      jax.tree.unflatten(source_layout, many),
      windows,
      angles,
    )

  return render


def _as_bits(array: np.ndarray) -> np.ndarray:
  """The array, or its bits where numpy cannot store its type."""
  return array.view(np.uint16) if array.dtype == jnp.bfloat16 else array


def _write(
  folder: pathlib.Path,
  prepare: export.Exported,
  render: export.Exported,
  weights: Sequence[np.ndarray],
  card: dict[str, Any],
) -> None:
  (folder / 'prepare.bin').write_bytes(prepare.serialize())
  (folder / 'render.bin').write_bytes(render.serialize())
  named: dict[str, Any] = {f'w{i:04d}': w for i, w in enumerate(weights)}
  np.savez(folder / 'weights.npz', **named)
  (folder / 'card.json').write_text(json.dumps(card, indent=2) + '\n')
