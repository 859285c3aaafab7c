"""Tables of the networks between keypoints and pictures (method 11.4)."""

from sadtalker_jax.conversion import rules

KEYPOINT_DETECTOR = rules.Table(
  (
    rules.Rule('blur', 'down.weight', kind='raw', axes=(3, 2, 0, 1)),
    rules.Rule(r'down_(\d)/(conv|norm)', r'predictor.down_blocks.down\1.\2'),
    rules.Rule('lift', 'predictor.conv'),
    rules.Rule(r'up_(\d)/(conv|norm)', r'predictor.up_blocks.up\1.\2'),
    rules.Rule('keypoints', 'kp'),
  )
)

_BOTTLENECK = {
  'conv_first': 'conv1',
  'norm_first': 'norm1',
  'conv_second': 'conv2',
  'norm_second': 'norm2',
  'conv_third': 'conv3',
  'norm_third': 'norm3',
  'conv_shortcut': 'skip',
  'norm_shortcut': 'norm4',
}
# Stages are blocks 1; 2, 3; 4, 5; 6, 7 of the original.
_STAGES = {
  r'block_0_(\d)': r'block1.b1_\1',
  'reduce_1': 'block2',
  r'block_1_(\d)': r'block3.b3_\1',
  'reduce_2': 'block4',
  r'block_2_(\d)': r'block5.b5_\1',
  'reduce_3': 'block6',
  r'block_3_(\d)': r'block7.b7_\1',
}

HEAD_POSE_ESTIMATOR = rules.Table(
  (
    rules.Rule('stem', 'conv1'),
    rules.Rule('stem_norm', 'norm1'),
    *(
      rules.Rule(f'widen_{i}/{kind}', f'{kind}{i + 2}')
      for i in range(4)
      for kind in ('conv', 'norm')
    ),
    *(
      rules.Rule(f'{ours}/{part}', f'{theirs}.{name}')
      for ours, theirs in _STAGES.items()
      for part, name in _BOTTLENECK.items()
    ),
    # Yaw and roll have each other's name there (quirk Q6).
    rules.Rule('yaw', 'fc_roll'),
    rules.Rule('pitch', 'fc_pitch'),
    rules.Rule('roll', 'fc_yaw'),
    rules.Rule('translation', 'fc_t'),
    rules.Rule('expression', 'fc_exp'),
  )
)

# Part of the generators.
_DENSE_MOTION = (
  rules.Rule('dense_motion/compress/conv', 'dense_motion_network.compress'),
  rules.Rule('dense_motion/compress/norm', 'dense_motion_network.norm'),
  rules.Rule(
    r'dense_motion/hourglass/down_(\d)/(conv|norm)',
    r'dense_motion_network.hourglass.encoder.down_blocks.\1.\2',
  ),
  rules.Rule(
    r'dense_motion/hourglass/up_(\d)/(conv|norm)',
    r'dense_motion_network.hourglass.decoder.up_blocks.\1.\2',
  ),
  rules.Rule(
    'dense_motion/hourglass/last/(conv|norm)',
    r'dense_motion_network.hourglass.decoder.\1',
  ),
  rules.Rule('dense_motion/(mask|occlusion)', r'dense_motion_network.\1'),
)

# Parts that both generators have.
_GENERATOR = (
  rules.Rule('appearance/first/(conv|norm)', r'first.\1'),
  rules.Rule(r'appearance/down_(\d)/(conv|norm)', r'down_blocks.\1.\2'),
  rules.Rule('appearance/lift', 'second'),
  *(
    rules.Rule(
      rf'appearance/block_(\d)/(conv|norm)_{i}',
      rf'resblocks_3d.3dr\1.\g<2>{i + 1}',
    )
    for i in range(2)
  ),
  *_DENSE_MOTION,
  rules.Rule('merge/(conv|norm)', r'third.\1'),
  rules.Rule('project', 'fourth'),
)

_SPADE_BLOCKS = {r'middle_(\d)': r'G_middle_\1', r'up_(\d)': r'up_\1'}
_SPADE_LAYERS = {
  'shared': 'mlp_shared.0',
  'gamma': 'mlp_gamma',
  'beta': 'mlp_beta',
}

GENERATOR = rules.Table(
  (
    *_GENERATOR,
    rules.Rule('decoder/first', 'decoder.fc'),
    *(
      rules.Rule(
        f'decoder/{ours}/spade_{i}/{layer}',
        f'decoder.{theirs}.norm_{i[0]}.{name}',
      )
      for ours, theirs in _SPADE_BLOCKS.items()
      for i in ('0', '1', 'skip')
      for layer, name in _SPADE_LAYERS.items()
    ),
    *(
      rules.Rule(f'decoder/{ours}/conv_{i}', f'decoder.{theirs}.conv_{i[0]}')
      for ours, theirs in _SPADE_BLOCKS.items()
      for i in ('0', '1', 'skip')
    ),
    rules.Rule('decoder/last', 'decoder.conv_img'),
  )
)

GENERATOR_PLAIN = rules.Table(
  (
    *_GENERATOR,
    *(
      rules.Rule(
        rf'decoder/block_(\d)/(conv|norm)_{i}',
        rf'resblocks_2d.2dr\1.\g<2>{i + 1}',
      )
      for i in range(2)
    ),
    rules.Rule(r'decoder/up_(\d)/(conv|norm)', r'up_blocks.\1.\2'),
    rules.Rule('decoder/last', 'final'),
  )
)

DISCRIMINATOR = rules.Table(
  (
    rules.Rule(r'(conv|norm)_(\d)', r'discs.1.down_blocks.\2.\1'),
    rules.Rule('scores', 'discs.1.conv'),
  )
)

TABLES = {
  'keypoint_detector': KEYPOINT_DETECTOR,
  'head_pose_estimator': HEAD_POSE_ESTIMATOR,
  'generator': GENERATOR,
  'generator_plain': GENERATOR_PLAIN,
  'discriminator': DISCRIMINATOR,
}
