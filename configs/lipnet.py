"""LipNet: the lips of the `phonetic` motion (docs/results/lips.md).

    sadtalker lips --synthesise OUT

makes the speech, runs this config on it and keeps the weights; or, of speech
that is there:

    python train.py --config configs/lipnet.py \
      --config.data.folder=OUT --workdir=OUT/run

No paper has it. Batch 16 of 3 s, AdamW with a rate that rises to 2e-3 and falls
along a cosine, as the weights that ship were trained. `:test` takes seconds.
"""

import ml_collections

from configs import common


def get_config(name: str | None = None) -> ml_collections.ConfigDict:
  """The size that ships, or a variant of it."""
  return common.variant(name, _full(), _VARIANTS)


def get_test_config() -> ml_collections.ConfigDict:
  """Seconds on a CPU, random batches."""
  return _test(_full())


def _full() -> ml_collections.ConfigDict:
  c = common.base()
  c.stage = 'lipnet'
  c.steps = 3000
  c.batch_size = 16
  c.optimizer.model = common.falling(2e-3, warmup_steps=300)
  c.loss.update({'lips': 1.6, 'velocity': 3.2, 'classes': 0.06})
  # Voices are few: utterances are held out, not speakers.
  c.data.selection.held_out = 'without'
  c.data.threads = 2
  c.validation.split = 'train'
  c.validation.selection.held_out = 'only'
  c.validation.options = {'changes': False}
  c.validation.update({'every': 400, 'batches': 4})
  c.save_every, c.summarise_every, c.clips.every = 400, 1200, 0
  c.best_metric = 'eval/lips'
  return c


def _test(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c = common.shrink(c)
  c.model.channels = 8
  c.model.dilations = (1, 1)
  c.optimizer.model.warmup_steps = 1
  return c


_VARIANTS = {'test': _test}
