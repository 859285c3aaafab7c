"""Tables of Wav2Lip, its discriminator and its expert (method 7 and 11.4).

Names in the released files start with `module.`; `rules` is given them without
it.
"""

from sadtalker_jax.conversion import rules
from sadtalker_jax.models.experts import wav2lip


def _block(ours: str, theirs: str) -> tuple[rules.Rule, ...]:
  """Rules of a convolution and its batch norm; arguments as in `Rule`."""
  return (
    rules.Rule(f'{ours}/conv', f'{theirs}.conv_block.0'),
    rules.Rule(f'{ours}/norm', f'{theirs}.conv_block.1'),
  )


_AUDIO_ENCODER = _block(r'(audio_encoder)/block_(\d+)', r'\1.\2')

WAV2LIP = rules.Table(
  (
    *_AUDIO_ENCODER,
    *_block(r'encoder_(\d)_(\d)', r'face_encoder_blocks.\1.\2'),
    # All stages but the first begin with a transposed convolution.
    rules.Rule(
      r'decoder_([1-6])_0/conv',
      r'face_decoder_blocks.\1.0.conv_block.0',
      'conv_transpose',
    ),
    *_block(r'decoder_(\d)_(\d)', r'face_decoder_blocks.\1.\2'),
    *_block('output_block', 'output_block.0'),
    rules.Rule('output', 'output_block.1'),
  )
)

# Theirs are in stages of two, but the first is alone.
WAV2LIP_DISCRIMINATOR = rules.Table(
  (
    *(
      rules.Rule(
        f'conv_{i}',
        f'face_encoder_blocks.{(i + 1) // 2}.{(i + 1) % 2 if i else 0}'
        '.conv_block.0',
      )
      for i in range(len(wav2lip.DISCRIMINATOR))
    ),
    rules.Rule('score', 'binary_pred.0'),
  )
)

SYNCNET = rules.Table(
  (*_AUDIO_ENCODER, *_block(r'face_(\d+)', r'face_encoder.\1'))
)

TABLES = {
  'wav2lip': WAV2LIP,
  'wav2lip_discriminator': WAV2LIP_DISCRIMINATOR,
  'syncnet': SYNCNET,
}
