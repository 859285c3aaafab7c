"""Tables of the networks between sound and keypoints (method 11.4)."""

from sadtalker_jax.conversion import rules

_AUDIO_ENCODER = (
  rules.Rule(r'(audio_encoder)/block_(\d+)/conv', r'\1.\2.conv_block.0'),
  rules.Rule(r'(audio_encoder)/block_(\d+)/norm', r'\1.\2.conv_block.1'),
)

EXPNET = rules.Table(
  (*_AUDIO_ENCODER, rules.Rule('mapping', 'mapping1')),
)

MAPPING = rules.Table(
  (
    rules.Rule('first', 'first.0'),
    rules.Rule(r'encoder_(\d)', r'encoder\1.1'),
    rules.Rule('(yaw|pitch|roll)', r'fc_\1'),
    rules.Rule('translation', 'fc_t'),
    rules.Rule('expression', 'fc_exp'),
  )
)

# Parts of the two U-nets of PoseVAE; group 1 is encoder or decoder.
_UNET_BLOCKS = {
  r'down_(\d)': r'residual_conv_\2',
  'bridge': 'bridge',
  r'up_(\d)': r'up_residual_conv\2',
}
_UNET_LAYERS = {
  'norm_1': 'conv_block.0',
  'conv_1': 'conv_block.2',
  'norm_2': 'conv_block.3',
  'conv_2': 'conv_block.5',
  'skip_conv': 'conv_skip.0',
  'skip_norm': 'conv_skip.1',
}
_UNET_ENDS = {
  'input_conv_1': 'input_layer.0',
  'input_norm': 'input_layer.1',
  'input_conv_2': 'input_layer.3',
  'input_skip': 'input_skip.0',
  'output': 'output_layer.0',
}
_UNET = (
  *(
    rules.Rule(
      f'(encoder|decoder)/unet/{block}/{layer}',
      rf'netG.\1.resunet.{their_block}.{their_layer}',
    )
    for block, their_block in _UNET_BLOCKS.items()
    for layer, their_layer in _UNET_LAYERS.items()
  ),
  *(
    rules.Rule(f'(encoder|decoder)/unet/{ours}', rf'netG.\1.resunet.{theirs}')
    for ours, theirs in _UNET_ENDS.items()
  ),
  rules.Rule(
    r'(encoder|decoder)/unet/grow_(\d)',
    r'netG.\1.resunet.upsample_\2.upsample',
    'conv_transpose',
  ),
)

# PoseVAE and its discriminator share a file; each ignores the other.
POSEVAE = rules.Table(
  (
    rules.Rule(
      r'audio_encoder/block_(\d+)/conv',
      r'audio_encoder.audio_encoder.\1.conv_block.0',
    ),
    rules.Rule(
      r'audio_encoder/block_(\d+)/norm',
      r'audio_encoder.audio_encoder.\1.conv_block.1',
    ),
    *_UNET,
    rules.Rule('(encoder|decoder)/styles', r'netG.\1.classbias', 'raw'),
    rules.Rule('(encoder|decoder)/audio', r'netG.\1.linear_audio'),
    rules.Rule('(encoder|decoder)/hidden', r'netG.\1.MLP.L0'),
    rules.Rule('encoder/mean', 'netG.encoder.linear_means'),
    rules.Rule('encoder/log_variance', 'netG.encoder.linear_logvar'),
    rules.Rule('decoder/poses', 'netG.decoder.MLP.L1'),
    rules.Rule('decoder/motion', 'netG.decoder.pose_linear'),
  ),
  (rules.Ignored(r'netD_motion\..*', 'of the network pose_discriminator'),),
)

POSE_DISCRIMINATOR = rules.Table(
  (
    rules.Rule(r'conv_(\d)', r'netD_motion.seq.\1.conv'),
    rules.Rule(r'norm_(\d)', r'netD_motion.seq.\1.norm'),
    rules.Rule('score', 'netD_motion.seq.3'),
  ),
  (rules.Ignored(r'(audio_encoder|netG)\..*', 'of the network posevae'),),
)

TABLES = {
  'expnet': EXPNET,
  'posevae': POSEVAE,
  'pose_discriminator': POSE_DISCRIMINATOR,
  'mapping': MAPPING,
  'mapping_full': MAPPING,
}
