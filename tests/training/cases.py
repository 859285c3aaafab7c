"""The test config of every stage, typed and built, and batches of it."""

import importlib

from input_pipeline import synthetic
from sadtalker_jax.models import zoo
from sadtalker_jax.training import built_stage, networks, stages

STATISTICS = {'std': [1.0] * 70, 'pose_delta_std': [0.1] * 6}
# Config file and variant; what is frozen in it, at the config's size.
CASES = {
  'syncnet': ('syncnet', 'test', ()),
  'wav2lip': ('syncnet', 'wav2lip+gan+test', ()),
  'expnet': ('expnet', 'test', ()),
  'posevae': ('posevae', 'test', ()),
  'recon': ('recon', 'test', ()),
  'renderer': ('renderer', 'test', ()),
  'mapping': (
    'mapping',
    'test',
    ('keypoint_detector', 'head_pose_estimator', 'generator'),
  ),
  'lipnet': ('lipnet', 'test', ()),
}
# Terms that only a variant has.
_TERMS = {'posevae': {'loss__relative': True, 'loss__spread': 1.0}}
# Of the same stages.
MORE = {
  # Without a head-pose estimator; the generator learns.
  'mapping:finetune': ('mapping', 'test+finetune', ('keypoint_detector',)),
}


def config_of(name, **changes):
  """The typed config of a case, with changes of the plain one.

  Args:
    name: Key of `CASES` or `MORE`.
    **changes: Values by key, `__` for the dots.
  """
  file, variant, _ = (CASES | MORE)[name]
  config = importlib.import_module(f'configs.{file}').get_config(variant)
  for group in config.optimizer.values():
    group.learning_rate = 1e-3
  config.batch_size = 8  # of all of conftest's devices
  for key, value in (_TERMS.get(name, {}) | changes).items():
    *path, last = key.split('__')
    part = config
    for step in path:
      part = part[step]
    part[last] = value
  return stages.read(config)


def build(name, config, frozen=None, mesh=None):
  if frozen is None:
    frozen = {}
    for network in (CASES | MORE)[name][2]:
      fields = config.frozen_fields(network)
      frozen[network] = networks.Frozen(zoo.noise(network, **fields), fields)
  stage = stages.get(config.stage)(config, frozen, STATISTICS)
  return built_stage.build(stage, mesh)


def batch_of(config):
  examples = synthetic.create(
    config.stage, batch_size=config.batch_size, seed=0, **config.data.options
  )
  return examples.local(0)
