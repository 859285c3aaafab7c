"""Rules of trunks that several networks share."""

from sadtalker_jax.conversion import rules

_PLACES = {'first': 1, 'second': 2, 'third': 3}


def resnet(path: str, source: str) -> tuple[rules.Rule, ...]:
  """Rules of `models.resnet.ResNet` for torchvision's names.

  Args:
    path: of the trunk in the network, '' or one that ends with '/'.
    source: prefix of the trunk's tensors, '' or one that ends with '.'.
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
