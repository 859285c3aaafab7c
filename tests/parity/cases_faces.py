"""Parity cases: the face detector and the face restorer."""

from collections.abc import Iterator

from flax import linen as nn
import jax
import numpy as np

from sadtalker_jax.conversion.tables import detectors, restoration
from sadtalker_jax.faces import retinaface
from sadtalker_jax.models import zoo
from tests.parity import store


def retinaface_r50() -> Iterator[store.Answer]:
  """A picture to raw outputs, and these to boxes and points."""
  weights = store.variables(
    'retinaface', detectors.RETINAFACE, 'retinaface_r50'
  )
  image = store.channels_last(store.golden('retinaface_r50/in/image'))
  run = jax.jit(zoo.build('retinaface').apply, static_argnames='train')
  raw = run(weights, image.astype(np.float32), train=False)
  yield store.Answer('retinaface_r50/out/loc', raw.box)
  yield store.Answer('retinaface_r50/out/class_logits', raw.kind)
  yield store.Answer('retinaface_r50/out/landmarks', raw.points)

  height, width = image.shape[1:3]
  anchors = retinaface.anchors(height, width)
  yield store.Answer('retinaface_r50/out/priors', anchors)
  scale = np.array([width, height], np.float32)
  boxes = retinaface.decode_boxes(np.asarray(raw.box[0]), anchors)
  yield store.Answer('retinaface_r50/out/boxes', boxes * np.tile(scale, 2))
  points = retinaface.decode_points(np.asarray(raw.points[0]), anchors)
  yield store.Answer('retinaface_r50/out/points', points * np.tile(scale, 5))


def retinaface_nms() -> Iterator[store.Answer]:
  """Raw outputs to faces."""
  golden = {
    name: store.golden(f'retinaface_nms/in/{name}')
    for name in ('loc', 'conf', 'landmarks', 'height_width')
  }
  found = retinaface.detections(
    golden['loc'][0],
    golden['conf'][0, :, 1],
    golden['landmarks'][0],
    size=golden['height_width'].tolist(),
  )
  yield store.Answer('retinaface_nms/out/detections', found)


def gfpgan_clean() -> Iterator[store.Answer]:
  """A blurred face to a sharp one, and the parts on the way."""
  weights = store.variables('gfpgan', restoration.GFPGAN, 'gfpgan_clean')
  parts = {
    'final_conv': 'bottom',
    'conv_body_up.6': 'up_6',
    'condition_scale.6': 'scale_6',
    'condition_shift.6': 'shift_6',
  }
  module = zoo.build('gfpgan')

  def wanted(part: nn.Module, method: str) -> bool:
    return method == '__call__' and part.name in parts.values()

  @jax.jit
  def run(variables, image):
    restored, state = module.apply(
      variables,
      image,
      capture_intermediates=wanted,
      mutable=['intermediates'],
    )
    means = {
      name: part['__call__'][0].mean((1, 2))
      for name, part in state['intermediates'].items()
      if '__call__' in part
    }
    return restored.image, restored.pyramid[0], means

  image = store.channels_last(store.golden('gfpgan_clean/in/image'))
  image, smallest, means = run(weights, 2 * image.astype(np.float32) / 255 - 1)
  for theirs, ours in parts.items():
    yield store.Answer(f'gfpgan_clean/out/{theirs}_mean', means[ours])
  yield store.Answer(
    'gfpgan_clean/out/rgb_pyramid_8', store.channels_first(smallest)
  )
  pooled = image.reshape(1, 64, 8, 64, 8, 3).mean((2, 4))
  yield store.Answer('gfpgan_clean/out/pooled64', store.channels_first(pooled))
  centre = image[:, 224:288, 224:288]
  yield store.Answer('gfpgan_clean/out/centre64', store.channels_first(centre))


CASES: dict[str, store.Case] = {
  'retinaface_r50': retinaface_r50,
  'retinaface_nms': retinaface_nms,
  'gfpgan_clean': gfpgan_clean,
}
