"""The networks of a bundle that metrics need, as functions of numpy arrays.

Metrics of a network that is missing are not computed.
"""

from collections.abc import Callable
import functools
import hashlib
import pathlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.checkpoints import bundles, cards, download
from sadtalker_jax.evaluation.measures import views
from sadtalker_jax.faces import recon as recon_lib
from sadtalker_jax.metrics import batches
from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import hopenet as hopenet_lib
from sadtalker_jax.models.experts import i3d as i3d_lib
from sadtalker_jax.typing import Variables

BATCH = 16  # frames in a network at a time
_HOPENET_SIDE = 224


class Heads(NamedTuple):
  """Hopenet's outputs for frames."""

  features: np.ndarray  # float32 [T, 2048]
  degrees: np.ndarray  # float32 [T, 3] yaw, pitch, roll


class MetricNetworks:
  """The networks, loaded when they are first used."""

  def __init__(self, bundle: str | None = None):
    """Checks a bundle by its card.

    Args:
      bundle: Folder or 'hf://owner/repo'; None for no networks.

    Raises:
      InputError: The folder is no bundle, or damaged.
    """
    self.bundle = bundle
    self._folder: pathlib.Path | None = None
    self._card: cards.Card | None = None
    self._loaded: dict[str, Callable[..., Any]] = {}
    self._hashes: dict[str, str] = {}
    if bundle is not None:
      self._folder = download.folder(bundle)
      self._card = cards.read(self._folder)
      bundles.verify(self._folder, self._card)

  def has(self, name: str) -> bool:
    """Whether the bundle has a network of the zoo."""
    return self._card is not None and name in self._card.networks

  def weights_hash(self, name: str) -> str:
    """SHA-256 of a network's numbers, the first 16 digits.

    The hash is of names, types, shapes and bytes, not of files, which differ
    from one conversion to the next.
    """
    if name not in self._hashes:
      digest = hashlib.sha256()
      leaves = jax.tree_util.tree_leaves_with_path(self._variables(name))
      for path, leaf in leaves:
        array = np.ascontiguousarray(leaf)
        place = jax.tree_util.keystr(path)
        digest.update(f'{place} {array.dtype} {array.shape}'.encode())
        digest.update(array.tobytes())
      self._hashes[name] = digest.hexdigest()[:16]
    return self._hashes[name]

  def inception(self, frames: np.ndarray) -> np.ndarray:
    """FID's features [T, 2048] of frames uint8 [T, S, S, 3]."""
    return batches.apply(self._network('inception_fid'), frames, size=BATCH)

  def i3d(self, frames: np.ndarray) -> np.ndarray:
    """FVD's outputs [N, 400] of the windows of frames uint8 [T, S, S, 3].

    Windows of 16 frames follow one another, and frames after the last whole one
    do not count. Of fewer than 16, the last is repeated.
    """
    length = i3d_lib.FRAMES
    if len(frames) < length:
      rest = np.repeat(frames[-1:], length - len(frames), axis=0)
      frames = np.concatenate([frames, rest])
    whole = len(frames) // length * length
    windows = frames[:whole].reshape(-1, length, *frames.shape[1:])
    return batches.apply(self._network('i3d'), windows, size=1)

  def arcface(self, frames: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Embeddings [T, 512] of the faces of frames uint8 [T, S, S, 3]."""

    def run(frames: np.ndarray, points: np.ndarray) -> jax.Array:
      faces = [views.face(f, p) for f, p in zip(frames, points, strict=True)]
      return self._network('arcface')(np.stack(faces))

    return batches.apply(run, frames, points, size=BATCH)

  def hopenet(self, frames: np.ndarray) -> Heads:
    """Turns and features of the heads in frames uint8 [T, S, S, 3]."""
    found = batches.apply(self._network('hopenet'), frames, size=BATCH)
    return Heads(*found)

  def lpips(self, first: Any, second: Any) -> Any:
    """Distances [B] of pictures [B, S, S, 3] in [0, 1]."""
    return self._network('lpips')(first, second)

  def lips(self, frames: Any) -> Any:
    """SyncNet's [1, T - 4, 1024] of views float32 [1, T, 224, 224, 3] BGR."""
    return self._network('syncnet_v2', 'embed_lip')(frames)

  def sound(self, windows: Any) -> Any:
    """SyncNet's [B, 1024] of windows [B, 13, 20, 1]."""
    return self._network('syncnet_v2', 'embed_audio')(windows)

  @functools.cached_property
  def reconstructor(self) -> recon_lib.Reconstructor:
    """The reconstruction network."""
    assert self._card is not None
    return recon_lib.Reconstructor(
      self._variables('recon'),
      fields=self._card.networks['recon'].config,
      batch_size=BATCH,
    )

  def _variables(self, name: str) -> Variables:
    assert self._folder is not None and self._card is not None
    config = self._card.networks[name].config
    return bundles.load(self._folder, name, zoo.shapes(name, **config))

  def _network(self, name: str, part: str = '') -> Callable[..., Any]:
    """A jitted function of arrays; its weights are an argument of the jit."""
    key = name + part
    if key not in self._loaded:
      assert self._card is not None
      module = zoo.build(name, **self._card.networks[name].config)
      run = jax.jit(functools.partial(_RUNS[key], module))
      # The two towers of SyncNet load its file twice; it is not large.
      variables = jax.device_put(self._variables(name))
      self._loaded[key] = functools.partial(run, variables)
    return self._loaded[key]


def _unit(frames: jax.Array) -> jax.Array:
  """Bytes to [0, 1]."""
  return jnp.asarray(frames).astype(jnp.float32) / 255


def _plain(module: Any, variables: Variables, frames: jax.Array) -> Any:
  return module.apply(variables, _unit(frames))


def _hopenet(module: Any, variables: Variables, frames: jax.Array) -> Any:
  shape = (len(frames), _HOPENET_SIDE, _HOPENET_SIDE, 3)
  found = module.apply(
    variables, jax.image.resize(_unit(frames), shape, 'linear')
  )
  angles = [
    hopenet_lib.degrees(logits)
    for logits in (found.yaw, found.pitch, found.roll)
  ]
  return found.feature, jnp.stack(angles, -1)


def _lpips(module: Any, variables: Variables, first: Any, second: Any) -> Any:
  return module.apply(variables, first, second).total


def _lips(module: Any, variables: Variables, frames: jax.Array) -> Any:
  return module.apply(variables, frames, train=False, method='embed_lip')


def _sound(module: Any, variables: Variables, windows: jax.Array) -> Any:
  return module.apply(variables, windows, train=False, method='embed_audio')


_RUNS: dict[str, Callable[..., Any]] = {
  'inception_fid': _plain,
  'i3d': _plain,
  'arcface': _plain,
  'hopenet': _hopenet,
  'lpips': _lpips,
  'syncnet_v2embed_lip': _lips,
  'syncnet_v2embed_audio': _sound,
}
