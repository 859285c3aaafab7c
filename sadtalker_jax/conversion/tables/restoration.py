"""Table of the face restorer (method 11.5).

A released file holds the state dict under the key `params_ema`.
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

TABLES = {'gfpgan': GFPGAN}
