"""Parity cases: RestoreFormer, Real-ESRGAN, the face parser and its mask."""

from collections.abc import Iterator
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.conversion.tables import restoration
from sadtalker_jax.faces import aligned, face_mask
from sadtalker_jax.inference.enhance import frame_enlarger, tiles
from sadtalker_jax.models import zoo
from sadtalker_jax.typing import Variables
from tests.parity import store


def _face() -> np.ndarray:
  image = store.channels_last(store.golden('image512'))
  return 2 * image.astype(np.float32) / 255 - 1


def _captured(
  module: nn.Module, variables: Variables, image: np.ndarray, names: set[str]
) -> tuple[Any, dict[str, Any]]:
  """The answer, and the outputs of parts by their whole path."""

  def wanted(part: nn.Module, method: str) -> bool:
    return method == '__call__' and '/'.join(part.path) in names

  @jax.jit
  def run(variables: Variables, image: np.ndarray) -> tuple[Any, Any]:
    answer, state = module.apply(
      variables,
      image,
      capture_intermediates=wanted,
      mutable=['intermediates'],
    )
    return answer, state['intermediates']

  answer, inner = run(variables, image)
  parts = {}
  for name in names:
    part = inner
    for key in (*name.split('/'), '__call__'):
      part = part[key]
    parts[name] = part[0]
  return answer, parts


def restoreformer() -> Iterator[store.Answer]:
  """A blurred face to a sharp one, by way of codes."""
  key = 'restoreformer/out'
  weights = store.variables(
    'restoreformer', restoration.RESTOREFORMER, 'restoreformer'
  )
  parts = {
    'encoder.conv_in': 'encoder/first',
    **{
      f'encoder.down.{i}.block.1': f'encoder/down_{i}_block_1' for i in range(5)
    },
    'encoder.down.5.attn.0.k': 'encoder/down_5_attention_0/k',
    'encoder.down.5.attn.1': 'encoder/down_5_attention_1',
    'encoder.mid.block_1': 'encoder/middle_1',
    'encoder.mid.attn_1': 'encoder/middle_attention',
    'encoder.mid.block_2': 'encoder/middle_2',
    'encoder.conv_out': 'encoder/last',
    'post_quant_conv': 'after',
    'decoder.conv_in': 'decoder/first',
    'decoder.mid.attn_1.k': 'decoder/middle_attention/k',
    'decoder.mid.attn_1': 'decoder/middle_attention',
    'decoder.mid.block_2': 'decoder/middle_2',
    'decoder.up.5.attn.2': 'decoder/up_5_attention_2',
    **{f'decoder.up.{i}.block.2': f'decoder/up_{i}_block_2' for i in range(5)},
  }
  restored, found = _captured(
    zoo.build('restoreformer'), weights, _face(), set(parts.values())
  )
  for theirs, ours in parts.items():
    yield store.Answer(f'{key}/{theirs}_mean', found[ours].mean((1, 2)))
  features = store.channels_first(restored.features)
  yield store.Answer(f'{key}/quant_conv', features)
  yield store.Answer(f'{key}/code', restored.code[0], tolerance=0)
  dense = store.channels_first(found['decoder/up_5_attention_2'])[:, ::8]
  yield store.Answer(f'{key}/up5_attn2_every8', dense)
  image = store.channels_first(restored.image)
  pooled = image.reshape(1, 3, 64, 8, 64, 8).mean((3, 5))
  yield store.Answer(f'{key}/pooled64', pooled)
  yield store.Answer(f'{key}/centre64', image[..., 224:288, 224:288])
  yield store.Answer(f'{key}/last64', image[..., 448:, 448:])


def _enlarging(scale: int, tile: int | None) -> Iterator[store.Answer]:
  group, name = f'realesrgan_x{scale}plus', f'realesrgan_x{scale}'
  weights = store.variables(name, restoration.REALESRGAN, group)
  module = zoo.build(name)
  parts = {
    'conv_first': 'first',
    'conv_body': 'trunk',
    'conv_up1': 'up_1',
    'conv_up2': 'up_2',
    'conv_hr': 'fine',
  }
  image = store.channels_last(store.golden('image64')).astype(np.float32) / 255
  whole, found = _captured(module, weights, image, set(parts.values()))
  for theirs, ours in parts.items():
    yield store.Answer(f'{group}/out/{theirs}_mean', found[ours].mean((1, 2)))
  yield store.Answer(f'{group}/out/image64', store.channels_first(whole))
  odd = store.channels_last(store.golden('image37x50')).astype(np.float32) / 255
  run = jax.jit(module.apply)
  sides = ['image37x50'] + ['image37x50_tile24'] * bool(tile)
  for side in sides:
    large = tiles.enlarged(
      lambda part: run(weights, part),
      jnp.asarray(odd),
      scale=scale,
      tile=tile if side != 'image37x50' else None,
      pad=10,
    )
    yield store.Answer(f'{group}/out/{side}', store.channels_first(large))


def realesrgan_x2() -> Iterator[store.Answer]:
  """Pictures to pictures twice as large, whole and in tiles."""
  return _enlarging(2, 24)


def realesrgan_x4() -> Iterator[store.Answer]:
  """Pictures to pictures four times as large."""
  return _enlarging(4, None)


def realesrgan_wrapper() -> Iterator[store.Answer]:
  """Bytes to bytes in tiles, around a network that only doubles pixels."""

  def network(gains: jax.Array, pictures: jax.Array) -> jax.Array:
    large = jnp.repeat(jnp.repeat(pictures, 2, 1), 2, 2)
    return large * gains - jnp.float32(0.07)

  enlarger = frame_enlarger.FrameEnlarger(
    np.array([1.2, 1.0, 0.8], np.float32), 2, tile=24, network=network
  )
  picture = store.golden('realesrgan_wrapper/in/image')[None, ..., ::-1]
  large = np.asarray(enlarger.enlarged(picture))[0, ..., ::-1]
  yield store.Answer('realesrgan_wrapper/out/image', large, limits={'max': 0})


def parsenet() -> Iterator[store.Answer]:
  """A face to the classes of its pixels."""
  weights = store.variables('parsenet', restoration.PARSENET, 'parsenet')
  parts = {
    'encoder.0': 'first',
    **{f'encoder.{i}': f'down_{i}' for i in range(1, 5)},
    **{f'body.{i}': f'body_{i}' for i in (0, 4, 9)},
    **{f'decoder.{i}': f'up_{i}' for i in range(4)},
  }
  parsed, found = _captured(
    zoo.build('parsenet'), weights, _face(), set(parts.values())
  )
  for theirs, ours in parts.items():
    yield store.Answer(f'parsenet/out/{theirs}_mean', found[ours].mean((1, 2)))
  logits = store.channels_first(parsed.logits)
  yield store.Answer('parsenet/out/logits_every8', logits[..., ::8, ::8])
  yield store.Answer('parsenet/out/logits_mean', logits.mean((2, 3)))
  yield store.Answer('parsenet/out/logits_corner', logits[..., :16, :64])
  image = store.channels_first(parsed.image)
  yield store.Answer('parsenet/out/image_every8', image[..., ::8, ::8])
  # Few labels differ, where two logits are nearly the same.
  labels = parsed.logits[0].argmax(-1)
  yield store.Answer('parsenet/out/labels', labels, limits={'mean': 1e-3})
  mask = np.asarray(face_mask.soft(labels[None]))[0]
  near = {'mean': 1e-5, 'max': 1e-3}  # a label moves it by up to 6.6e-4
  yield store.Answer('parsenet/out/mask_every4', mask[::4, ::4], limits=near)
  yield store.Answer('parsenet/out/mask_top', mask[:16, 128:192], limits=near)
  yield store.Answer(
    'parsenet/out/mask_right', mask[128:192, 496:], limits=near
  )


def paste_back() -> Iterator[store.Answer]:
  """Points to similarities; a hand-drawn parsing to its mask in the picture."""
  half = np.array([0.5, 0.5])  # their pixels have whole numbers as centres
  points = store.golden('paste_back/in/points')
  labels = store.golden('paste_back/in/labels')
  ours = aligned.similarity(points)
  yield store.Answer('paste_back/out/affine', ours, limits={'max': 1e-4})
  mask = np.asarray(face_mask.soft(jnp.asarray(labels)[None]))
  yield store.Answer(
    'paste_back/out/mask_every4', mask[0, ::4, ::4], limits={'max': 1e-5}
  )
  # They move the face by half a pixel of the large picture too far.
  back = aligned.inverse(ours)
  back = np.concatenate([back[:, :2] * 2, back[:, 2:] * 2 + 1], 1)
  there = aligned.inverse(back)
  there[:, 2] += half - there[:, :2] @ half
  placed = aligned.mask_in(
    jnp.asarray(mask), jnp.asarray(there[None], jnp.float32), (300, 260), 1.0
  )
  yield store.Answer(
    'paste_back/out/mask_in_picture',
    np.asarray(placed)[0, ..., 0],
    limits={'mean': 1e-4, 'max': 2e-2},
  )


CASES: dict[str, store.Case] = {
  'restoreformer': restoreformer,
  'realesrgan_x2': realesrgan_x2,
  'realesrgan_x4': realesrgan_x4,
  'realesrgan_wrapper': realesrgan_wrapper,
  'parsenet': parsenet,
  'paste_back': paste_back,
}
