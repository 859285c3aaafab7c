"""The registry of networks: names, modules, sizes of the released weights.

Every network that a bundle may contain has one entry. `config` has the fields
of the module for the released weights; a caller may change them (`build`).
"""

from collections.abc import Mapping, Sequence
import dataclasses
import math
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.models.experts import (
  arcface,
  gfpgan,
  hopenet,
  inception,
  landmarks,
  lipreader,
  lpips,
  retinaface,
  syncnet,
  syncnet_v2,
  vgg,
  wav2lip,
)
from sadtalker_jax.models.facevid2vid import (
  discriminators,
  generator,
  keypoints,
)
from sadtalker_jax.models.layers import resnet
from sadtalker_jax.models.sadtalker import (
  expnet,
  mapping,
  pose_discriminator,
  posevae,
  recon,
)
from sadtalker_jax.typing import PRNGKey, Variables

Shape = tuple[int | str, ...]


@dataclasses.dataclass(frozen=True)
class Network:
  """One kind of network.

  Attributes:
    module: class of the network.
    inputs: shapes of example inputs, full size, batch 1; a name stands for the
      value of that field of the module.
    config: fields of the module for the released weights.
    flags: keyword arguments of a call outside of training.
    method: name of a method that uses every parameter.
    integers: indices of the inputs that are integers.
  """

  module: type[nn.Module]
  inputs: Sequence[Shape]
  config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  flags: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  method: str = '__call__'
  integers: Sequence[int] = ()


_EVAL = {'train': False}
_KEYPOINTS: Shape = (1, 'num_keypoints', 3)

NETWORKS: dict[str, Network] = {
  # Audio to coefficients, coefficients to keypoints.
  'expnet': Network(
    expnet.ExpNet, [(1, 80, 16, 1), (1, 64), (1, 1)], flags=_EVAL
  ),
  'mapping': Network(mapping.MappingNet, [(1, 27, 70)]),
  'mapping_full': Network(mapping.MappingNet, [(1, 27, 73)]),
  # Render.
  'keypoint_detector': Network(
    keypoints.KeypointDetector, [(1, 256, 256, 3)], flags=_EVAL
  ),
  'head_pose_estimator': Network(
    keypoints.HeadPoseEstimator, [(1, 256, 256, 3)], flags=_EVAL
  ),
  'generator': Network(
    generator.Generator,
    [(1, 256, 256, 3), _KEYPOINTS, _KEYPOINTS],
    flags=_EVAL,
  ),
  'generator_plain': Network(
    generator.Generator,
    [(1, 256, 256, 3), _KEYPOINTS, _KEYPOINTS],
    config={'decoder_kind': 'plain'},
    flags=_EVAL,
  ),
  'discriminator': Network(
    discriminators.Discriminator, [(1, 256, 256, 3)], flags=_EVAL
  ),
  # Pose, Wav2Lip, reconstruction.
  'posevae': Network(
    posevae.PoseVAE,
    [(1, 32, 6), (1, 6), (1,), (1, 32, 80, 16, 1), (1, 64)],
    flags=_EVAL,
    integers=(2,),
  ),
  'pose_discriminator': Network(
    pose_discriminator.PoseDiscriminator, [(1, 32, 6)], flags=_EVAL
  ),
  'recon': Network(recon.ReconNet, [(1, 224, 224, 3)], flags=_EVAL),
  'wav2lip': Network(
    wav2lip.Wav2Lip, [(1, 80, 16, 1), (1, 96, 96, 6)], flags=_EVAL
  ),
  'wav2lip_discriminator': Network(
    wav2lip.QualityDiscriminator, [(1, 48, 96, 3)]
  ),
  'syncnet': Network(
    syncnet.SyncNet, [(1, 80, 16, 1), (1, 48, 96, 15)], flags=_EVAL
  ),
  # Initial weights of the reconstruction network.
  'resnet50': Network(resnet.ResNet, [(1, 224, 224, 3)], flags=_EVAL),
  # Frozen experts.
  'syncnet_v2': Network(
    syncnet_v2.SyncNetV2, [(1, 5, 224, 224, 3), (1, 13, 20, 1)], flags=_EVAL
  ),
  'lipreader': Network(
    lipreader.LipReader,
    [(1, 29, 88, 88, 1), (1,)],
    flags=_EVAL,
    integers=(1,),
  ),
  'fan': Network(landmarks.FAN, [(1, 256, 256, 3)], flags=_EVAL),
  'hopenet': Network(hopenet.Hopenet, [(1, 224, 224, 3)]),
  'inception_fid': Network(inception.InceptionV3, [(1, 299, 299, 3)]),
  'arcface': Network(arcface.ArcFace, [(1, 112, 112, 3)]),
  'vgg19': Network(vgg.VGG19, [(1, 64, 64, 3)]),
  'lpips': Network(lpips.LPIPS, [(1, 64, 64, 3)] * 2),
  'retinaface': Network(retinaface.RetinaFace, [(1, 640, 640, 3)], flags=_EVAL),
  'gfpgan': Network(gfpgan.GFPGAN, [(1, 512, 512, 3)]),
}


def get(name: str) -> Network:
  """The entry with the given name.

  Raises:
    InputError: there is no such network.
  """
  if name not in NETWORKS:
    raise errors.InputError(
      f'network: expected one of {" ".join(NETWORKS)}, found {name!r}'
    )
  return NETWORKS[name]


def build(name: str, **config: Any) -> nn.Module:
  """The module of a network.

  Args:
    name: name of the network.
    **config: fields of the module that replace those of the released weights.

  Raises:
    InputError: there is no such network.
  """
  network = get(name)
  return network.module(**{**network.config, **config})


def shapes(name: str, **config: Any) -> Variables:
  """Shapes of a network's variables, without computing any.

  Args:
    name: name of the network.
    **config: fields of the module that replace those of the released weights.

  Returns:
    {'params': ..., 'batch_stats': ...} of `jax.ShapeDtypeStruct`.

  Raises:
    InputError: there is no such network.
  """
  return jax.eval_shape(
    lambda key: create(key, name, **config), jax.random.key(0)
  )


def create(
  key: PRNGKey,
  name: str,
  inputs: Sequence[Shape] | None = None,
  **config: Any,
) -> Variables:
  """Variables of a network, drawn by its initializers.

  Args:
    key: random key.
    name: name of the network.
    inputs: shapes of example inputs, as in `Network`; None for those of the
      released size.
    **config: fields of the module that replace those of the released weights.

  Raises:
    InputError: there is no such network.
  """
  network = get(name)
  module = build(name, **config)
  examples = [
    jnp.zeros(
      [getattr(module, n) if isinstance(n, str) else n for n in shape],
      jnp.int32 if i in network.integers else jnp.float32,
    )
    for i, shape in enumerate(inputs or network.inputs)
  ]
  return dict(
    module.init(key, *examples, method=network.method, **network.flags)
  )


def noise(name: str, seed: int = 0, **config: Any) -> Variables:
  """Random variables that keep activations in range; numpy float32.

  For benchmarks and tests: far quicker than `init`, which takes minutes to
  compile at full size. The variables have no meaning.

  Args:
    name: name of the network.
    seed: random seed of the variables.
    **config: fields of the module that replace those of the released weights.

  Raises:
    InputError: there is no such network.
  """
  rng = np.random.default_rng(seed)

  def draw(path: tuple[Any, ...], leaf: jax.ShapeDtypeStruct) -> np.ndarray:
    kind, shape = path[-1].key, leaf.shape
    if kind in ('scale', 'var'):
      values = rng.uniform(0.8, 1.2, shape)
    elif kind in ('bias', 'mean'):
      values = 0.1 * rng.standard_normal(shape)
    else:
      fan_in = math.prod(shape[:-1])
      values = rng.standard_normal(shape) * math.sqrt(1.6 / max(fan_in, 1))
    return values.astype(np.float32)

  return jax.tree_util.tree_map_with_path(draw, shapes(name, **config))
