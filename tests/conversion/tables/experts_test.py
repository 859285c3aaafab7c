"""Tables of reconstruction and experts: complete, and back without loss."""

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.conversion import rules
from sadtalker_jax.conversion.tables import backbones, deep3d, experts
from sadtalker_jax.models import zoo
from tests.parity import standin

TABLES = {
  **deep3d.TABLES,
  # The set has no I3D: tests.models.experts.i3d_test.
  **{k: t for k, t in experts.TABLES.items() if k != 'i3d'},
  'resnet50': backbones.RESNET50,
}
# Groups of the manifest, and the prefix of the network there.
GROUPS = {
  'recon': ('sadtalker', 'face_3drecon.'),
  'hopenet': ('hopenet', ''),
  'arcface': ('arcface_r50', ''),
  'inception_fid': ('inception_fid', ''),
  'vgg19': ('vgg19', ''),
  'lpips': ('lpips_alex', ''),
  'resnet50': ('hopenet', ''),  # torchvision's, but for its last layers
}
HEADS = {
  f'lin{i}.model.1.weight': (1, width, 1, 1)
  for i, width in enumerate((64, 192, 384, 256, 256))
}


def _published(network: str) -> dict[str, tuple[int, ...]]:
  """Names and shapes of the published tensors, counters left out."""
  group, prefix = GROUPS[network]
  shapes = {
    key.removeprefix(prefix): tuple(shape)
    for key, shape in standin.manifest()[group].items()
    if key.startswith(prefix) and not key.endswith('.num_batches_tracked')
  }
  if network == 'resnet50':
    trunk = {k: v for k, v in shapes.items() if not k.startswith('fc_')}
    return trunk | {'fc.weight': (1000, 2048), 'fc.bias': (1000,)}
  return shapes | HEADS if network == 'lpips' else shapes


@pytest.mark.parametrize('network', TABLES)
def test_tables_name_every_published_tensor(network):
  published = _published(network)
  rng = np.random.default_rng(0)
  state = {
    key: rng.standard_normal(shape, np.float32)
    for key, shape in published.items()
  }
  table = TABLES[network]
  variables = rules.convert(state, table, zoo.shapes(network), network)
  back = rules.export(variables, table)
  assert published.keys() - back.keys() == rules.ignored(state, table).keys()
  for key, tensor in back.items():
    np.testing.assert_array_equal(tensor, state[key], err_msg=key)


@pytest.mark.parametrize('network', ['vgg19', 'lpips'])
def test_classifiers_of_torchvision_are_ignored_with_a_reason(network):
  state = {
    f'classifier.{place}.{kind}': np.zeros((2, 2), np.float32)
    for place in (0, 1, 3, 4, 6)
    for kind in ('weight', 'bias')
  }
  reasons = rules.ignored(state, TABLES[network])
  assert reasons.keys() == state.keys()


def test_the_trunk_of_lpips_alone_is_not_enough():
  state = {
    key: np.zeros(shape, np.float32)
    for key, shape in _published('lpips').items()
    if key not in HEADS
  }
  with pytest.raises(errors.InputError, match=r'5 missing: lin0\.model'):
    rules.convert(state, experts.LPIPS, zoo.shapes('lpips'), 'lpips')
