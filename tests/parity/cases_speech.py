"""Parity cases: Wav2Lip and its judges, SyncNet v2, the lip reader."""

from collections.abc import Iterator

import jax
import numpy as np

from sadtalker_jax.conversion.tables import backbones, wav2lip
from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import lipreader as lipreader_model
from sadtalker_jax.models.experts import wav2lip as wav2lip_model
from tests.parity import store


def wav2lip_generator() -> Iterator[store.Answer]:
  """Faces from sound."""
  weights = store.variables('wav2lip', wav2lip.WAV2LIP, 'wav2lip')
  apply = jax.jit(zoo.build('wav2lip').apply, static_argnames='train')
  mel = store.channels_last(store.golden('wav2lip/in/mel'))
  face = store.channels_last(store.golden('wav2lip/in/face'))
  drawn = apply(weights, mel, face, train=False)
  # The golden itself is 4e-5 from the float64 answer.
  yield store.Answer(
    'wav2lip/out/face', store.channels_first(drawn), limits={'max': 3e-4}
  )


def syncnet() -> Iterator[store.Answer]:
  """Embeddings of sound and mouths, by Wav2Lip's expert."""
  weights = store.variables('syncnet', wav2lip.SYNCNET, 'syncnet')
  apply = jax.jit(zoo.build('syncnet').apply, static_argnames='train')
  mel = store.channels_last(store.golden('wav2lip/in/mel'))
  face = store.channels_last(store.golden('syncnet/in/face'))
  audio, mouth = apply(weights, mel, face, train=False)
  yield store.Answer('syncnet/out/audio', audio)
  yield store.Answer('syncnet/out/face', mouth)


def qual() -> Iterator[store.Answer]:
  """The quality discriminator, over clips whose frames go into the batch."""
  weights = store.variables(
    'wav2lip_discriminator', wav2lip.WAV2LIP_DISCRIMINATOR, 'wav2lip_disc_qual'
  )
  clips = store.golden('qual/in/face').astype(np.float32)  # [B, C, T, H, W]
  faces = clips.transpose(2, 0, 3, 4, 1).reshape(-1, *clips.shape[3:], 3)
  logits = jax.jit(zoo.build('wav2lip_discriminator').apply)(
    weights, wav2lip_model.lower_half(faces)
  )
  yield store.Answer('qual/out/score', jax.nn.sigmoid(logits)[:, None])


def syncnet_v2() -> Iterator[store.Answer]:
  """Embeddings of sound and mouths, by the metric's network."""
  weights = store.variables('syncnet_v2', backbones.SYNCNET_V2, 'syncnet_v2')
  module = zoo.build('syncnet_v2')
  apply = jax.jit(module.apply, static_argnames='train')
  frames = store.channels_last(store.golden('syncnet_v2/in/frames'))
  mfcc = store.channels_last(store.golden('syncnet_v2/in/mfcc'))
  lip, audio = apply(
    weights, frames[None].astype(np.float32), mfcc, train=False
  )
  yield store.Answer('syncnet_v2/out/lip', lip[0])
  yield store.Answer('syncnet_v2/out/audio', audio)


def lipreader() -> Iterator[store.Answer]:
  """Words, and the front end's features."""
  weights = store.variables('lipreader', backbones.LIPREADER, 'lipreader_lrw')
  module = zoo.build('lipreader')
  apply = jax.jit(module.apply, static_argnames=('train', 'method'))
  frames = lipreader_model.preprocess(
    store.channels_last(store.golden('lipreader_lrw/in/frames'))
  )
  lengths = store.golden('lipreader_lrw/in/lengths').astype(np.int32)
  yield store.Answer(
    'lipreader_lrw/out/logits', apply(weights, frames, lengths, train=False)
  )
  yield store.Answer(
    'lipreader_lrw/out/feature',
    apply(weights, frames, train=False, method='features'),
  )


CASES: dict[str, store.Case] = {
  'wav2lip': wav2lip_generator,
  'syncnet': syncnet,
  'qual': qual,
  'syncnet_v2': syncnet_v2,
  'lipreader_lrw': lipreader,
}
