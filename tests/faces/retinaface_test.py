"""Anchors, decoding, suppression; the detector with a stand-in network."""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax.faces import detector, retinaface
from sadtalker_jax.models import zoo


def test_anchors_are_those_of_a_slow_loop():
  height, width = 37, 50
  want = []
  for stride, sides in ((8, (16, 32)), (16, (64, 128)), (32, (256, 512))):
    rows, columns = int(np.ceil(height / stride)), int(np.ceil(width / stride))
    for i, j, side in itertools.product(range(rows), range(columns), sides):
      x, y = (j + 0.5) * stride / width, (i + 0.5) * stride / height
      want.append((x, y, side / width, side / height))
  np.testing.assert_allclose(retinaface.anchors(height, width), want, rtol=1e-6)


def test_zero_outputs_mean_the_anchors_themselves():
  anchors = retinaface.anchors(64, 64)
  boxes = retinaface.decode_boxes(np.zeros((len(anchors), 4)), anchors)
  np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], anchors[:, 2:])
  np.testing.assert_allclose((boxes[:, 2:] + boxes[:, :2]) / 2, anchors[:, :2])
  points = retinaface.decode_points(np.zeros((len(anchors), 10)), anchors)
  np.testing.assert_allclose(points, np.tile(anchors[:, :2], 5))


def test_decoding_undoes_encoding():
  rng = np.random.default_rng(0)
  anchors = retinaface.anchors(80, 120).astype(np.float64)
  low = rng.uniform(0, 0.5, (len(anchors), 2))
  side = rng.uniform(0.1, 0.5, low.shape)
  points = rng.uniform(0, 1, (len(anchors), 5, 2))
  centre = (low + side / 2 - anchors[:, :2]) / (0.1 * anchors[:, 2:])
  raw = np.concatenate([centre, np.log(side / anchors[:, 2:]) / 0.2], 1)
  boxes = retinaface.decode_boxes(raw, anchors)
  np.testing.assert_allclose(boxes, np.concatenate([low, low + side], 1))
  raw = (points - anchors[:, None, :2]) / (0.1 * anchors[:, None, 2:])
  found = retinaface.decode_points(raw.reshape(-1, 10), anchors)
  np.testing.assert_allclose(found, points.reshape(-1, 10))


def test_suppression_keeps_what_a_slow_loop_keeps():
  rng = np.random.default_rng(1)
  low = rng.uniform(0, 60, (80, 2))
  boxes = np.concatenate([low, low + rng.uniform(5, 40, low.shape)], 1)
  boxes = [tuple(box) for box in boxes]
  kept: list[int] = []
  for i, box in enumerate(boxes):
    if all(detector.overlap(box, boxes[k]) <= 0.4 for k in kept):
      kept.append(i)
  found = retinaface.suppress(np.array(boxes), 0.4)
  assert found.tolist() == kept and 5 < len(kept) < 60


def test_suppression_of_nothing_and_of_empty_boxes():
  assert retinaface.suppress(np.zeros((0, 4))).tolist() == []
  assert retinaface.suppress(np.zeros((3, 4))).tolist() == [0, 1, 2]


def test_faces_come_likeliest_first_and_unlikely_ones_not_at_all():
  count = len(retinaface.anchors(64, 64))
  scores = np.full(count, 0.1, np.float32)
  scores[[0, 40, 100]] = 0.98, 0.97, 0.99  # the threshold itself is too little
  raw = np.zeros((count, 4), np.float32), np.zeros((count, 10), np.float32)
  found = retinaface.detections(raw[0], scores, raw[1], size=(64, 64))
  assert found.shape == (2, 15)
  np.testing.assert_allclose(found[:, 4], [0.99, 0.98])
  # Anchor 0 is 16 pixels wide around (4, 4).
  np.testing.assert_allclose(found[1, :4], [-4, -4, 12, 12], atol=1e-5)
  np.testing.assert_allclose(found[1, 5:], 4, atol=1e-5)


class _Raw(NamedTuple):
  box: object
  kind: object
  points: object


class _Network:
  """Sees faces where the first channel is bright; two anchors are asked."""

  places = {0: 250, 101: 200}  # anchor: least value of channel 0 of pixel 0

  def apply(self, variables, image, *, train):
    assert not train and image.shape[0] == 1
    count = len(retinaface.anchors(*image.shape[1:3]))
    kind = np.zeros((1, count, 2), np.float32)
    kind[..., 0] = 9
    kind = jnp.asarray(kind)
    for anchor, least in self.places.items():
      seen = (image[0, 0, 0, 0] >= least).astype(jnp.float32)
      logit = 18.0 * seen * (1.0 if anchor else 1.1)
      kind = kind.at[0, anchor, 1].set(logit)
    zeros = jnp.zeros((1, count, 4)), jnp.zeros((1, count, 10))
    return _Raw(zeros[0], kind, zeros[1])


@pytest.fixture
def finder(monkeypatch):
  monkeypatch.setattr(zoo, 'build', lambda name: _Network())
  return retinaface.RetinaFaceDetector


def _picture(red, blue) -> np.ndarray:
  picture = np.zeros((48, 64, 3), np.uint8)
  picture[0, 0] = red, 0, blue
  return picture


def test_the_network_sees_blue_first_unless_quirks_are_wanted(finder):
  assert finder({}).detect(_picture(red=255, blue=0)) == []
  assert len(finder({}).detect(_picture(red=0, blue=255))) == 2
  quirky = finder({}, original_quirks=True)
  assert quirky.detect(_picture(red=0, blue=255)) == []
  assert len(quirky.detect(_picture(red=255, blue=0))) == 2


def test_the_largest_face_is_first_and_with_quirks_the_likeliest(
  finder, monkeypatch
):
  # Anchor 0 has 16 pixels, 101 of the second level 128.
  monkeypatch.setattr(_Network, 'places', {0: 200, 101: 200})
  picture = _picture(255, 255)
  sizes = [face.box[2] - face.box[0] for face in finder({}).detect(picture)]
  np.testing.assert_allclose(sizes, [128, 16])
  quirky = finder({}, original_quirks=True)
  scores = [face.score for face in quirky.detect(picture)]
  assert scores == sorted(scores, reverse=True)


def test_detections_have_six_points(finder):
  face = finder({}).detect(_picture(0, 255))[-1]
  assert face.keypoints.shape == (6, 2)
  np.testing.assert_allclose(face.keypoints[:4], 4, atol=1e-5)
  np.testing.assert_allclose(face.keypoints[4:, 0], [-4, 12], atol=1e-5)


def test_other_pictures_are_refused(finder):
  with pytest.raises(ValueError, match='uint8'):
    finder({}).detect(np.zeros((8, 8, 3), np.float32))


def test_a_real_network_finds_the_same_as_its_outputs_say(monkeypatch):
  small = {'blocks': (1, 1, 1, 1), 'trunk_features': 4, 'features': 8}
  weights, build = zoo.noise('retinaface', **small), zoo.build
  monkeypatch.setattr(zoo, 'build', lambda name: build(name, **small))
  weights['params']['trunk']['stem_conv']['kernel'] /= 64  # pixels are large
  rng = np.random.default_rng(2)
  picture = rng.integers(0, 256, (70, 90, 3), np.uint8)
  faces = retinaface.RetinaFaceDetector(weights).detect(picture)
  apply = jax.jit(build('retinaface', **small).apply, static_argnames='train')
  raw = apply(weights, picture[None, ..., ::-1].astype(np.float32), train=False)
  odds = np.asarray(raw.kind[0, :, 1] - raw.kind[0, :, 0])
  found = retinaface.detections(
    np.asarray(raw.box[0]),
    1 / (1 + np.exp(-odds)),
    np.asarray(raw.points[0]),
    size=picture.shape[:2],
  )
  assert len(faces) == len(found) > 0
  boxes = {tuple(np.round(face.box, 2)) for face in faces}
  assert boxes == {tuple(np.round(row[:4].astype(float), 2)) for row in found}
