"""Tables of the networks between sound and keypoints (reference, 11.4)."""

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

TABLES = {'expnet': EXPNET, 'mapping': MAPPING, 'mapping_full': MAPPING}
