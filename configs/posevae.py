"""PoseVAE: head motion from sound and style (paper, section 3.2).

    python train.py --config configs/posevae.py \
      --config.data.folder=RECORDS --config.warm_start.bundle=TEACHER \
      --workdir=runs/posevae

The bundle holds Wav2Lip, whose audio encoder PoseVAE has, frozen (method 4.1).
Published: batch 64, Adam 1e-4, 150 epochs over 1,890 clips of 46 speakers.
`:test` takes seconds on a CPU.

Expected: nobody has made a full run; by arithmetic it is minutes of an
accelerator. In as many steps (4,430 of 64) a narrow network on drawn clips came
to a regression of 0.26, of clips held out 0.33, still falling, and to samples
half as wide as real motion (`eval/spread/...` 0.5 to 0.6); with both rates at
1e-3 to 0.14, 0.26 and a spread of 0.8 to 1.1 (docs/results/training.md).

Variants are the ablations of Table 4, with the published Diversity / Beat Align
of each; the full method has 0.2735 / 0.287 with one style and 0.2778 / 0.293
with a random style per clip:

  no_gan           0.2500 / 0.271
  no_initial_pose  0.2725 / 0.278
  no_audio         0.2566 / 0.274
  no_conditions    0.2631 / 0.279
  paper_weights    the published KL 1, from the first step, and GAN 0.7

And packaged: what ships, of a few clips, with styles by liveliness and no other
weights (docs/guides/training.md), half an hour of two CPU cores;
speakers_46: chosen clips, see `common.speakers_46`; finetune, the last of
several: clips of one person, who becomes style 0, from a bundle with PoseVAE
and, without no_gan, its discriminator (docs/guides/finetuning.md).
"""

import ml_collections

from configs import common


def get_config(name: str | None = None) -> ml_collections.ConfigDict:
  """The published size, or a variant of it."""
  return common.variant(name, _full(), _VARIANTS)


def get_test_config() -> ml_collections.ConfigDict:
  """Seconds on a CPU, random batches."""
  return _test(_full())


def _full() -> ml_collections.ConfigDict:
  c = common.base()
  c.stage = 'posevae'
  c.epochs = 150
  c.batch_size = 64
  c.optimizer.model = common.adam(1e-4, b1=0.9, b2=0.99)
  c.optimizer.discriminator = common.adam(1e-4, b1=0.9, b2=0.99)
  # New weights have a log variance of their own (quirk Q1).
  c.model.tie_mu_logvar = False
  # The audio encoder is frozen: one of new weights would tell little of sound.
  c.warm_start.parts = (('wav2lip/audio_encoder', 'posevae/audio_encoder'),)
  c.loss.update(
    {
      'regression': 1.0,
      'relative': False,
      # Published are 1 and 0.7, of unknown means and sums. Beside a regression
      # that is a mean over 32 x 6 numbers in standard deviations, a KL sum of
      # weight 1 leaves nothing in the latent (1 / 96 is the likelihood of unit
      # variance), and a GAN of 0.7 keeps the regression from falling.
      'kl': 0.005,
      # So small a weight lets the latents spread wider than what samples are
      # drawn from, whose motion then is too small; not published.
      'aggregate': 0.1,
      'gan': 0.1,
      **common.GAN_HELP,
      'spread': 0.0,
      'free_nats': 0.0,  # the warm-up does what they are for
      'kl_warmup_steps': 900,  # about 30 epochs of 1,890 clips
    }
  )
  c.data.selection.update({'num_speakers': 46, 'held_out': 'without'})
  # Of the records' coefficients; to show motion, not to learn it.
  c.morphable = ml_collections.ConfigDict({'kind': 'makehuman', 'path': ''})
  # Styles are speakers: those of another split have none.
  c.validation.split = 'train'
  c.validation.selection.held_out = 'only'
  c.best_metric = 'eval/motion'  # of samples: their spread and their beats
  return c


def _test(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c = common.shrink(c)
  c.model.widths = (8, 8, 16, 16)
  c.model.audio_blocks = common.SMALL_AUDIO
  c.data.selection.update({'num_speakers': 0, 'held_out': 'with'})
  c.validation.selection.held_out = 'with'
  return c


def _finetune(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  judge = ('pose_discriminator',) if c.loss.gan else ()
  c = common.finetuned(c, *('posevae', *judge), steps=1000, learning_rate=1e-4)
  c.loss.kl_warmup_steps = 0  # the latents are spread already
  return c


def _packaged(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  # Minutes of motion, not hours; and a frozen encoder of new weights, whose
  # features of the sound are many and random: ExpNet's costs a CPU 20 times as
  # much as all else.
  c.model.widths = (8, 16, 32, 64)
  c.model.audio_blocks = common.SMALL_AUDIO
  c.warm_start.parts = ()
  c.steps, c.epochs = 3000, 0
  # Styles are as calm as a twentieth of the liveliest: errors are shares of a
  # clip's own motion, or the calm ones pass for noise. A divergence of weight
  # 0.001 beside 8 times a mean over 192 numbers is then the likelihood of a
  # variance of 0.012; what a latent leaves open all the same is made up for by
  # `spread`.
  c.loss.update(
    {
      'regression': 8.0,
      'relative': True,
      'kl': 0.001,
      'spread': 4.0,
      'gan': 0.05,
      'kl_warmup_steps': 500,
    }
  )
  c.optimizer.model = common.adam(2e-3, b1=0.9, b2=0.99)
  c.optimizer.model.update({'warmup_steps': 50, 'decay': 'cosine'})
  c.optimizer.discriminator = common.adam(1e-3, b1=0.9, b2=0.99)
  c.data.selection.num_speakers = 0
  c.data.options.update({'styles': 'liveliness', 'changes': True})
  c.data.threads = 2
  c.validation.options = {'changes': False}
  c.validation.update({'every': 500, 'batches': 8})
  c.log_every, c.save_every, c.summarise_every, c.clips.every = 50, 500, 0, 0
  return c


def _no_gan(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.loss.gan = 0.0
  del c.optimizer.discriminator
  return c


def _without(*senses: str):
  def change(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    for sense in senses:  # fields of PoseVAE
      c.model[sense] = False
    if 'hears' in senses:
      c.warm_start.parts = ()  # the audio encoder is not used
    return c

  return change


def _paper_weights(c: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  c.loss.kl = 1.0
  c.loss.aggregate = 0.0
  c.loss.gan = 0.7
  c.loss.kl_warmup_steps = 0
  return c


_VARIANTS = {
  'test': _test,
  'finetune': _finetune,
  'no_gan': _no_gan,
  'no_initial_pose': _without('sees_reference'),
  'no_audio': _without('hears'),
  'no_conditions': _without('sees_reference', 'hears', 'sees_style'),
  'packaged': _packaged,
  'paper_weights': _paper_weights,
  'speakers_46': common.speakers_46,
}
