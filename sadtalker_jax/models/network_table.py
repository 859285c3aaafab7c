"""Every network by name: its module, and the sizes of the released weights.

`zoo` makes modules and variables of these entries.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from flax import linen as nn

from sadtalker_jax.models.experts import (
  arcface,
  gfpgan,
  hopenet,
  i3d,
  inception,
  landmarks,
  lipreader,
  lpips,
  parsenet,
  restoreformer,
  retinaface,
  rrdbnet,
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
from sadtalker_jax.models.phonetic import lipnet
from sadtalker_jax.models.sadtalker import (
  expnet,
  mapping,
  pose_discriminator,
  posevae,
  recon,
)

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
  'lipnet': Network(lipnet.LipNet, [(1, 300, 64)], flags=_EVAL),
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
  'i3d': Network(i3d.I3D, [(1, i3d.FRAMES, 224, 224, 3)]),
  'arcface': Network(arcface.ArcFace, [(1, 112, 112, 3)]),
  'vgg19': Network(vgg.VGG19, [(1, 64, 64, 3)]),
  'lpips': Network(lpips.LPIPS, [(1, 64, 64, 3)] * 2),
  'retinaface': Network(retinaface.RetinaFace, [(1, 640, 640, 3)], flags=_EVAL),
  'gfpgan': Network(gfpgan.GFPGAN, [(1, 512, 512, 3)]),
  'restoreformer': Network(restoreformer.RestoreFormer, [(1, 512, 512, 3)]),
  'parsenet': Network(parsenet.ParseNet, [(1, 512, 512, 3)], flags=_EVAL),
  'realesrgan_x2': Network(
    rrdbnet.RRDBNet, [(1, 64, 64, 3)], config={'scale': 2}
  ),
  'realesrgan_x4': Network(rrdbnet.RRDBNet, [(1, 64, 64, 3)]),
}
