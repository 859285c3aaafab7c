"""Tables of frozen experts: Hopenet, ArcFace, Inception, I3D, VGG-19, LPIPS.

Files that are published: Hopenet `hopenet_robust_alpha1.pkl` and its like;
insightface's `backbone.pth` of an iResNet-50; pytorch-fid's
`pt_inception-2015-12-05-6726825d.pth`; pytorch-i3d's `rgb_imagenet.pt` and
VideoGPT's `i3d_pretrained_400.pt`; torchvision's `vgg19-dcbb9e9d.pth`.
LPIPS comes in two files, torchvision's `alexnet-owt-7be5be79.pth` and the
package's `weights/v0.1/alex.pth`: their names differ, so the union of the two
state dicts is converted.
"""

from collections.abc import Iterator

from sadtalker_jax.conversion import rules
from sadtalker_jax.conversion.tables import backbones
from sadtalker_jax.models.experts import vgg

HOPENET = rules.Table(
  (
    *backbones.resnet('backbone/', ''),
    rules.Rule('(yaw|pitch|roll)', r'fc_\1'),
  ),
  ignored=(
    rules.Ignored(
      r'fc_finetune\.(weight|bias)', 'a layer that the network never calls'
    ),
  ),
)

_BLOCK = r'stage_(\d)_block_(\d+)/'
_THEIR_BLOCK = r'layer\1.\2.'
ARCFACE = rules.Table(
  (
    rules.Rule('stem_conv', 'conv1'),
    rules.Rule('stem_norm', 'bn1'),
    rules.Rule('stem_activation', 'prelu'),
    rules.Rule(rf'{_BLOCK}norm_(\d)', rf'{_THEIR_BLOCK}bn\3'),
    rules.Rule(rf'{_BLOCK}conv_(\d)', rf'{_THEIR_BLOCK}conv\3'),
    rules.Rule(f'{_BLOCK}activation', f'{_THEIR_BLOCK}prelu'),
    rules.Rule(f'{_BLOCK}shortcut_conv', f'{_THEIR_BLOCK}downsample.0'),
    rules.Rule(f'{_BLOCK}shortcut_norm', f'{_THEIR_BLOCK}downsample.1'),
    rules.Rule('last_norm', 'bn2'),
    rules.Rule('embedding', 'fc', flatten=(512, 7, 7)),
    rules.Rule('embedding_norm', 'features'),
  )
)

_SIZES = {'1a': 3, '2a': 3, '2b': 3, '3b': 1, '4a': 3}


def _inception() -> Iterator[rules.Rule]:
  places = [
    (f'conv_{name}', f'Conv2d_{name}_{size}x{size}')
    for name, size in _SIZES.items()
  ]
  places.append((r'mixed_(\w+)/(\w+)', r'Mixed_\1.\2'))
  for path, source in places:
    yield rules.Rule(f'{path}/conv', f'{source}.conv')
    yield rules.Rule(f'{path}/norm', f'{source}.bn')


INCEPTION = rules.Table(
  tuple(_inception()),
  ignored=(
    rules.Ignored(r'fc\.(weight|bias)', 'the classifier; FID ends before it'),
  ),
)


def _i3d() -> Iterator[rules.Rule]:
  places = [
    (f'conv_{name}', f'Conv3d_{name}_{size}x{size}')
    for name, size in {'1a': 7, '2b': 1, '2c': 3}.items()
  ]
  places.append((r'mixed_(\w+)/(\w+)', r'Mixed_\1.\2'))
  for path, source in places:
    yield rules.Rule(f'{path}/conv', f'{source}.conv3d')
    yield rules.Rule(f'{path}/norm', f'{source}.bn')
  yield rules.Rule('logits', 'logits.conv3d')


I3D = rules.Table(tuple(_i3d()))


def _vgg() -> Iterator[rules.Rule]:
  """Torchvision counts convolutions, ReLUs and pools in one row."""
  place = 0
  for i, depth in enumerate(vgg.DEPTHS, 1):
    for j in range(1, depth + 1):
      yield rules.Rule(f'conv_{i}_{j}', f'features.{place}')
      place += 2
    place += 1


VGG19 = rules.Table(
  tuple(_vgg()),
  ignored=(
    rules.Ignored(
      r'features\.(30|32|34)\.(weight|bias)', 'layers after relu5_1'
    ),
    rules.Ignored(
      r'classifier\.\d\.(weight|bias)', 'the classifier; features are wanted'
    ),
  ),
)

_ALEXNET = (0, 3, 6, 8, 10)
LPIPS = rules.Table(
  (
    *(
      rules.Rule(f'conv_{i}', f'features.{place}')
      for i, place in enumerate(_ALEXNET, 1)
    ),
    *(
      rules.Rule(
        f'head_{i}',
        f'lin{i - 1}.model.1.weight',
        'raw',
        axes=(None, 0, None, None),
      )
      for i in range(1, len(_ALEXNET) + 1)
    ),
  ),
  ignored=(
    rules.Ignored(
      r'classifier\.\d\.(weight|bias)', 'the classifier; features are wanted'
    ),
  ),
)

TABLES = {
  'hopenet': HOPENET,
  'arcface': ARCFACE,
  'inception_fid': INCEPTION,
  'i3d': I3D,
  'vgg19': VGG19,
  'lpips': LPIPS,
}
