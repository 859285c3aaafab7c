"""Parity cases: face reconstruction and the frozen experts."""

from collections.abc import Callable, Iterator
from typing import Any

from flax import linen as nn
import jax
import numpy as np

from sadtalker_jax.conversion import rules
from sadtalker_jax.conversion.tables import deep3d, experts
from sadtalker_jax.models import zoo
from sadtalker_jax.models.experts import hopenet as hopenet_lib
from sadtalker_jax.models.layers import basic
from sadtalker_jax.typing import Variables
from tests.parity import store


def _pictures(key: str) -> np.ndarray:
  """RGB pixel values as [B, H, W, 3] in [0, 1]."""
  return store.channels_last(store.golden(key)).astype(np.float32) / 255


def _inner(
  network: str, variables: Variables, image: np.ndarray, *names: str
) -> tuple[Any, dict[str, Any]]:
  """The answer of a network, and those of the named parts."""
  module = zoo.build(network)

  def wanted(part: nn.Module, method: str) -> bool:
    return method == '__call__' and part.name in names

  @jax.jit
  def run(variables: Variables, image: np.ndarray) -> tuple[Any, Any]:
    return module.apply(
      variables,
      image,
      capture_intermediates=wanted,
      mutable=['intermediates'],
    )

  answer, state = run(variables, image)
  parts = state['intermediates']
  return answer, {name: parts[name]['__call__'][0] for name in names}


def recon() -> Iterator[store.Answer]:
  """A face to coefficients."""
  weights = store.variables('recon', deep3d.RECON, 'sadtalker', 'face_3drecon.')
  image = store.channels_last(store.golden('image224'))
  run: Callable = jax.jit(zoo.build('recon').apply, static_argnames='train')
  yield store.Answer('recon/out/coefficients', run(weights, image, train=False))


def hopenet() -> Iterator[store.Answer]:
  """A head to its angles."""
  weights = store.variables('hopenet', experts.HOPENET, 'hopenet')
  image = _pictures('hopenet/in/image')
  pose, parts = _inner('hopenet', weights, image, 'backbone')
  for i, stage in enumerate(parts['backbone'][:3], 1):
    yield store.Answer(f'hopenet/out/layer{i}_mean', stage.mean((1, 2)))
  yield store.Answer('hopenet/out/feature', pose.feature)
  angles = []
  for name in ('yaw', 'pitch', 'roll'):
    logits = getattr(pose, name)
    yield store.Answer(f'hopenet/out/{name}_logits', logits)
    angles.append(hopenet_lib.degrees(logits))
  yield store.Answer('hopenet/out/degrees', np.stack(angles, -1))


def inception_fid() -> Iterator[store.Answer]:
  """Pictures to the features of FID."""
  weights = store.variables('inception_fid', experts.INCEPTION, 'inception_fid')
  image = _pictures('inception_fid/in/image299')
  feature, parts = _inner(
    'inception_fid', weights, image, 'conv_2b', 'conv_4a', 'mixed_6e'
  )
  for i, name in enumerate(('conv_2b', 'conv_4a')):
    pooled = basic.max_pool(parts[name], (3, 3), stride=(2, 2))
    yield store.Answer(f'inception_fid/out/block{i}_mean', pooled.mean((1, 2)))
  last = parts['mixed_6e'].mean((1, 2))
  yield store.Answer('inception_fid/out/block2_mean', last)
  yield store.Answer('inception_fid/out/pool3_of_299', feature)
  image = _pictures('inception_fid/in/image256')
  run = jax.jit(zoo.build('inception_fid').apply)
  yield store.Answer('inception_fid/out/pool3_of_256', run(weights, image))


def arcface_r50() -> Iterator[store.Answer]:
  """A face to an embedding."""
  weights = store.variables('arcface', experts.ARCFACE, 'arcface_r50')
  image = _pictures('arcface_r50/in/image')
  names = [f'stage_{i}_block_{n}' for i, n in ((1, 2), (2, 3), (3, 13), (4, 2))]
  embedding, parts = _inner('arcface', weights, image, *names)
  for i, name in enumerate(names, 1):
    mean = parts[name].mean((1, 2))
    yield store.Answer(f'arcface_r50/out/layer{i}_mean', mean)
  yield store.Answer('arcface_r50/out/embedding', embedding)
  unit = embedding / np.linalg.norm(embedding, axis=-1, keepdims=True)
  yield store.Answer('arcface_r50/out/cosine_to_first', unit @ unit[0])


def vgg19() -> Iterator[store.Answer]:
  """Pictures to perceptual features."""
  weights = store.variables('vgg19', experts.VGG19, 'vgg19')
  image = _pictures('vgg19/in/image')
  taps = jax.jit(zoo.build('vgg19').apply)(weights, image)
  for i, tap in enumerate(taps, 1):
    yield store.Answer(f'vgg19/out/relu{i}_1', store.channels_first(tap))
  differences = [np.abs(np.subtract(*np.asarray(tap))).mean() for tap in taps]
  yield store.Answer('vgg19/out/l1_between_images', differences)


def lpips_alex() -> Iterator[store.Answer]:
  """Pairs of pictures to their distance."""
  heads = {
    f'lin{i}.model.1.weight': store.golden(f'lpips_alex/in/lin{i}').reshape(
      1, -1, 1, 1
    )
    for i in range(5)
  }
  weights = rules.convert(
    {**store.state_dict('lpips_alex'), **heads},
    experts.LPIPS,
    zoo.shapes('lpips'),
    'lpips',
  )
  pair = [_pictures(f'lpips_alex/in/image_{name}') for name in 'ab']
  distance = jax.jit(zoo.build('lpips').apply)(weights, *pair)
  yield store.Answer('lpips_alex/out/distance', distance.total)
  yield store.Answer('lpips_alex/out/per_layer', distance.terms)


CASES: dict[str, store.Case] = {
  'recon': recon,
  'hopenet': hopenet,
  'inception_fid': inception_fid,
  'arcface_r50': arcface_r50,
  'vgg19': vgg19,
  'lpips_alex': lpips_alex,
}
