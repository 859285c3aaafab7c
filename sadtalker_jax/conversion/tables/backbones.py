"""Rules of shared trunks; tables of ResNet-50, SyncNet v2, lip reader and FAN.

`resnet` is the trunk of several networks, whose tables lie elsewhere. The
networks of the tables here: method 6.1, 6.7, 8.2 and 9.4.
"""

from sadtalker_jax.conversion import rules

_PLACES = {'first': 1, 'second': 2, 'third': 3}


def resnet(path: str, source: str) -> tuple[rules.Rule, ...]:
  """Rules of `models.layers.resnet.ResNet` for torchvision's names.

  Args:
    path: Path of the trunk in the network, '' or one that ends with '/'.
    source: Prefix of the trunk's tensors, '' or one that ends with '.'.
  """
  block, their_block = (
    rf'{path}stage_(\d)_block_(\d+)/',
    rf'{source}layer\1.\2.',
  )
  convolutions = [
    rule
    for name, place in _PLACES.items()
    for rule in (
      rules.Rule(f'{block}{name}_conv', f'{their_block}conv{place}'),
      rules.Rule(f'{block}{name}_norm', f'{their_block}bn{place}'),
    )
  ]
  return (
    rules.Rule(f'{path}stem_conv', f'{source}conv1'),
    rules.Rule(f'{path}stem_norm', f'{source}bn1'),
    *convolutions,
    rules.Rule(f'{block}shortcut_conv', f'{their_block}downsample.0'),
    rules.Rule(f'{block}shortcut_norm', f'{their_block}downsample.1'),
  )


RESNET50 = rules.Table(
  resnet('', ''),
  ignored=(
    rules.Ignored(r'fc\.(weight|bias)', 'the classifier; features are wanted'),
  ),
)

# Convolutions of both towers of SyncNet v2 in the original's lists; each is
# followed by its norm.
_TOWER = (0, 4, 8, 11, 14, 18)

SYNCNET_V2 = rules.Table(
  (
    *(
      rule
      for ours, theirs in (('lip', 'lip'), ('audio', 'aud'))
      for rule in (
        *(
          rules.Rule(f'{ours}/{layer}_{i}', f'netcnn{theirs}.{index + offset}')
          for layer, offset in (('conv', 0), ('norm', 1))
          for i, index in enumerate(_TOWER)
        ),
        rules.Rule(f'{ours}/hidden', f'netfc{theirs}.0'),
        rules.Rule(f'{ours}/hidden_norm', f'netfc{theirs}.1'),
        rules.Rule(f'{ours}/embedding', f'netfc{theirs}.3'),
      )
    ),
  )
)

_LAYER = r'front_end/layer_(\d)_(\d)'
_THEIR_LAYER = r'trunk.layer\1.\2'
_THEIR_TCN = 'tcn.mb_ms_tcn.network'

LIPREADER = rules.Table(
  (
    rules.Rule('front_end/stem_conv', 'frontend3D.0'),
    rules.Rule('front_end/stem_norm', 'frontend3D.1'),
    rules.Rule(f'{_LAYER}/first_conv', f'{_THEIR_LAYER}.conv1'),
    rules.Rule(f'{_LAYER}/first_norm', f'{_THEIR_LAYER}.bn1'),
    rules.Rule(f'{_LAYER}/second_conv', f'{_THEIR_LAYER}.conv2'),
    rules.Rule(f'{_LAYER}/second_norm', f'{_THEIR_LAYER}.bn2'),
    rules.Rule(f'{_LAYER}/shortcut_conv', f'{_THEIR_LAYER}.downsample.0'),
    rules.Rule(f'{_LAYER}/shortcut_norm', f'{_THEIR_LAYER}.downsample.1'),
    rules.Rule(
      r'temporal_(\d)/conv_(\d)_(\d)', rf'{_THEIR_TCN}.\1.cbcr\2_\3.conv'
    ),
    rules.Rule(
      r'temporal_(\d)/norm_(\d)_(\d)', rf'{_THEIR_TCN}.\1.cbcr\2_\3.batchnorm'
    ),
    rules.Rule(r'temporal_(\d)/shortcut', rf'{_THEIR_TCN}.\1.downsample'),
    rules.Rule('words', 'tcn.tcn_output'),
  )
)

# Blocks of FAN, and the layers inside of one.
_FAN_BLOCKS = {
  'stem_0': 'conv2',
  'stem_1': 'conv3',
  'stem_2': 'conv4',
  r'hourglass_(\d)/across_(\d)': r'm\1.b1_\2',
  r'hourglass_(\d)/down_(\d)': r'm\1.b2_\2',
  r'hourglass_(\d)/bottom': r'm\1.b2_plus_1',
  r'hourglass_(\d)/up_(\d)': r'm\1.b3_\2',
  r'top_(\d)': r'top_m_\1',
}
_FAN_LAYERS = {
  'first_norm': 'bn1',
  'first_conv': 'conv1',
  'second_norm': 'bn2',
  'second_conv': 'conv2',
  'third_norm': 'bn3',
  'third_conv': 'conv3',
  'shortcut_norm': 'downsample.0',
  'shortcut_conv': 'downsample.2',
}

FAN = rules.Table(
  (
    *(
      rules.Rule(f'{block}/{layer}', f'{their_block}.{their_layer}')
      for block, their_block in _FAN_BLOCKS.items()
      for layer, their_layer in _FAN_LAYERS.items()
    ),
    rules.Rule('stem_coord/conv', 'conv1.conv'),
    rules.Rule('stem_norm', 'bn1'),
    rules.Rule(r'hourglass_(\d)/coord/conv', r'm\1.coordconv.conv'),
    rules.Rule(r'last_conv_(\d)', r'conv_last\1'),
    rules.Rule(r'last_norm_(\d)', r'bn_end\1'),
    rules.Rule(r'maps_(\d)', r'l\1'),
    rules.Rule(r'from_features_(\d)', r'bl\1'),
    rules.Rule(r'from_maps_(\d)', r'al\1'),
  )
)

TABLES = {
  'resnet50': RESNET50,
  'syncnet_v2': SYNCNET_V2,
  'lipreader': LIPREADER,
  'fan': FAN,
}
