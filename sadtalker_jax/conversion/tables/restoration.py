"""Tables of restorers of faces and of whole pictures, and of the face parser.

Method 11.5. A released file holds the state dict under the key `params_ema` or
`params`; that of the parser is bare.
"""

from collections.abc import Iterator

from sadtalker_jax.conversion import rules

_DEPTH = 7  # doublings from 4 to 512 pixels


def _modulated(path: str, source: str) -> Iterator[rules.Rule]:
  """A modulated convolution; kernels are [1, O, I, H, W] there."""
  source = f'{source}.modulated_conv'
  yield rules.Rule(
    f'{path}/conv/kernel',
    f'{source}.weight',
    'raw',
    axes=(None, 3, 2, 0, 1),
  )
  yield rules.Rule(f'{path}/conv/modulation', f'{source}.modulation')


def _bias(path: str, source: str) -> rules.Rule:
  return rules.Rule(
    f'{path}/bias', f'{source}.bias', 'raw', axes=(None, 0, None, None)
  )


def _styled(path: str, source: str, layer: int) -> Iterator[rules.Rule]:
  """A styled convolution, and the noise of this layer."""
  path, source = f'decoder/{path}', f'stylegan_decoder.{source}'
  yield from _modulated(path, source)
  yield _bias(path, source)
  yield rules.Rule(f'{path}/noise_strength', f'{source}.weight', 'raw')
  yield rules.Rule(
    f'{path}/noise',
    f'stylegan_decoder.noises.noise{layer}',
    'raw',
    axes=(None, None, 0, 1),
  )


def _to_rgb(path: str, source: str) -> Iterator[rules.Rule]:
  path, source = f'decoder/{path}', f'stylegan_decoder.{source}'
  yield from _modulated(path, source)
  yield _bias(path, source)


def _decoder() -> Iterator[rules.Rule]:
  yield rules.Rule(
    'decoder/constant',
    'stylegan_decoder.constant_input.weight',
    'raw',
    axes=(None, 2, 0, 1),
  )
  yield from _styled('first', 'style_conv1', 0)
  yield from _to_rgb('first_to_rgb', 'to_rgb1')
  for i in range(_DEPTH):
    up, same = 2 * i, 2 * i + 1
    yield from _styled(f'block_{i}/up', f'style_convs.{up}', up + 1)
    yield from _styled(f'block_{i}/same', f'style_convs.{same}', same + 1)
    yield from _to_rgb(f'block_{i}/to_rgb', f'to_rgbs.{i}')


GFPGAN = rules.Table(
  (
    rules.Rule('first', 'conv_body_first'),
    rules.Rule(r'(up|down)_(\d)/conv_(\d)', r'conv_body_\1.\2.conv\3'),
    rules.Rule(r'(up|down)_(\d)/skip', r'conv_body_\1.\2.skip'),
    rules.Rule('bottom', 'final_conv'),
    rules.Rule('styles', 'final_linear', flatten=(256, 4, 4)),
    rules.Rule(r'(scale|shift)_(\d)/conv_0', r'condition_\1.\2.0'),
    rules.Rule(r'(scale|shift)_(\d)/conv_1', r'condition_\1.\2.2'),
    rules.Rule(r'to_rgb_(\d)', r'toRGB.\1'),
    *_decoder(),
  ),
  (
    rules.Ignored(
      r'stylegan_decoder\.style_mlp\.\d+\.(weight|bias)',
      'makes styles from noise; here they come from the picture',
    ),
  ),
)

# A residual block, or attention, of RestoreFormer: its parts.
_PARTS = (
  (r'norm_(\d)/norm', r'norm{}'),
  (r'conv_(\d)', r'conv{}'),
  ('skip', 'nin_shortcut'),
  ('(q|k|v)', '{}'),
  ('out', 'proj_out'),
)
# Where blocks and attention are, on both sides; `{}` is the number of a level.
_PLACES = (
  (r'(en|de)coder/middle_(\d)', r'\1coder.mid.block_\2', 2),
  (r'(en|de)coder/middle_attention', r'\1coder.mid.attn_1', 1),
  (
    r'(en|de)coder/(down|up)_(\d)_block_(\d)',
    r'\1coder.\2.\3.block.\4',
    4,
  ),
  (
    r'(en|de)coder/(down|up)_(\d)_attention_(\d)',
    r'\1coder.\2.\3.attn.\4',
    4,
  ),
)

RESTOREFORMER = rules.Table(
  (
    rules.Rule(r'(en|de)coder/first', r'\1coder.conv_in'),
    rules.Rule(r'(en|de)coder/last', r'\1coder.conv_out'),
    rules.Rule(r'(en|de)coder/last_norm/norm', r'\1coder.norm_out'),
    rules.Rule(r'encoder/down_(\d)_half', r'encoder.down.\1.downsample.conv'),
    rules.Rule(r'decoder/up_(\d)_double', r'decoder.up.\1.upsample.conv'),
    *(
      rules.Rule(
        f'{place}/{part}', f'{source}.' + name.format(f'\\{groups + 1}')
      )
      for place, source, groups in _PLACES
      for part, name in _PARTS
    ),
    rules.Rule('codes', 'quantize.embedding.weight', 'raw'),
    rules.Rule('before', 'quant_conv'),
    rules.Rule('after', 'post_quant_conv'),
  ),
  (
    rules.Ignored(
      r'encoder\..*attn(_1|\.\d)\.norm2\.(weight|bias)',
      'for attention between two maps; here there is one',
    ),
  ),
)

REALESRGAN = rules.Table(
  (
    rules.Rule('first', 'conv_first'),
    rules.Rule(r'block_(\d+)/dense_(\d)/conv_(\d)', r'body.\1.rdb\2.conv\3'),
    rules.Rule('trunk', 'conv_body'),
    rules.Rule(r'up_(\d)', r'conv_up\1'),
    rules.Rule('fine', 'conv_hr'),
    rules.Rule('last', 'conv_last'),
  )
)

_CONV, _NORM = 'conv2d', 'norm.norm'


def _parsing_blocks() -> Iterator[rules.Rule]:
  """Blocks of the parser; its first layer has the encoder's number 0."""
  for ours, theirs in (
    ('down', 'encoder'),
    ('body', 'body'),
    ('up', 'decoder'),
  ):
    for part, name in (('conv', _CONV), ('norm', _NORM)):
      yield rules.Rule(
        rf'{ours}_(\d)/layer_(\d)/{part}', rf'{theirs}.\1.conv\2.{name}'
      )
    yield rules.Rule(
      rf'{ours}_(\d)/skip/conv', rf'{theirs}.\1.shortcut_func.{_CONV}'
    )


PARSENET = rules.Table(
  (
    rules.Rule('first/conv', f'encoder.0.{_CONV}'),
    *_parsing_blocks(),
    rules.Rule('classes/conv', f'out_mask_conv.{_CONV}'),
    rules.Rule('image/conv', f'out_img_conv.{_CONV}'),
  )
)

TABLES = {
  'gfpgan': GFPGAN,
  'restoreformer': RESTOREFORMER,
  'realesrgan_x2': REALESRGAN,
  'realesrgan_x4': REALESRGAN,
  'parsenet': PARSENET,
}
